// A program that acts for itself (RFC 6749 §4.4).
import { config, dpop, oidc, tell } from './setup.mjs'

const tokens = await oidc.clientCredentialsGrant(config, { scope: 'jobs:run' }, dpop)
const alive = await oidc.tokenIntrospection(config, tokens.access_token)
await oidc.tokenRevocation(config, tokens.access_token)
const dead = await oidc.tokenIntrospection(config, tokens.access_token)
tell({ done: { type: tokens.token_type, alive, dead } })

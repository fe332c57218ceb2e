// Signing in a program that has no browser (RFC 8628).
import { config, dpop, failure, oidc, options, tell } from './setup.mjs'

const scope = 'openid profile offline_access'
const started = await oidc.initiateDeviceAuthorization(config, { scope })
tell({ open: started.verification_uri_complete, code: started.user_code })

const polling = oidc.pollDeviceAuthorizationGrant(config, started, undefined, dpop)
if (options.refused) {
  tell({ done: { refused: await failure(polling) } })
} else {
  const tokens = await polling
  const claims = tokens.claims()
  const user = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub, dpop)
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, dpop)
  tell({ done: { claims, user, rotated: next.refresh_token !== tokens.refresh_token } })
}

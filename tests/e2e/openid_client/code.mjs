// The whole life of a login: authorization code with PKCE, user info, refresh, introspection, end.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { config, dpop, failure, oidc, options, tell } from './setup.mjs'

const redirect = new URL(options.redirect_uri)
const listener = createServer()
listener.listen(Number(redirect.port), redirect.hostname)
await once(listener, 'listening')

const verifier = oidc.randomPKCECodeVerifier()
const state = oidc.randomState()
const nonce = oidc.randomNonce()
const start = oidc.buildAuthorizationUrl(config, {
  redirect_uri: options.redirect_uri,
  scope: 'openid profile email offline_access',
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
  // A person who has said yes once would not be asked again.
  prompt: 'consent',
  ...(dpop && { dpop_jkt: await dpop.DPoP.calculateThumbprint() }),
})
const arrived = once(listener, 'request')
tell({ open: start.href })

const [request, response] = await arrived
response.setHeader('Connection', 'close')
response.end('<!doctype html><title>Back at the client</title>')
listener.close()

const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }
const current = new URL(request.url, redirect)
const first = await oidc.authorizationCodeGrant(
  config, current, { ...checks, idTokenExpected: true }, undefined, dpop,
)
const claims = first.claims()
const user = await oidc.fetchUserInfo(config, first.access_token, claims.sub, dpop)
const second = await oidc.refreshTokenGrant(config, first.refresh_token, undefined, dpop)
// A public client proves nothing, so it may not ask what a token is.
const introspects = options.method !== 'none'
const alive = introspects ? await oidc.tokenIntrospection(config, second.access_token) : null
await oidc.tokenRevocation(config, second.refresh_token)
const dead = introspects ? await oidc.tokenIntrospection(config, second.access_token) : null

tell({
  done: {
    claims,
    user,
    rotated: first.refresh_token !== second.refresh_token,
    type: second.token_type,
    alive,
    dead,
    refused: await failure(oidc.refreshTokenGrant(config, second.refresh_token, undefined, dpop)),
    replayed: await failure(
      oidc.authorizationCodeGrant(config, current, checks, undefined, dpop),
    ),
  },
})

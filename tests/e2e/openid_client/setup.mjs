// What every script begins with: a client found by discovery alone, as the options say.
import './globals.mjs'
import * as oidc from 'openid-client'

export const options = JSON.parse(process.argv[2])

/** One event to whoever has started this script. */
export function tell(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

async function authentication() {
  switch (options.method) {
    case 'client_secret_basic':
      return oidc.ClientSecretBasic(options.secret)
    case 'client_secret_post':
      return oidc.ClientSecretPost(options.secret)
    case 'private_key_jwt': {
      const { kid, ...jwk } = options.jwk
      const curve = { name: 'ECDSA', namedCurve: 'P-256' }
      const key = await crypto.subtle.importKey('jwk', jwk, curve, false, ['sign'])
      return oidc.PrivateKeyJwt({ key, kid })
    }
    default:
      return oidc.None()
  }
}

export const config = await oidc.discovery(
  new URL(options.issuer),
  options.client_id,
  options.metadata ?? {},
  await authentication(),
  // The service of the tests has no TLS; signatures are checked although TLS would do.
  { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] },
)

export const dpop = options.dpop
  ? { DPoP: oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair()) }
  : undefined

/** What a promise fails with, or null where it does not. */
export async function failure(promise) {
  try {
    await promise
    return null
  } catch (error) {
    return error.error ?? error.cause?.[0]?.parameters?.error ?? error.code ?? String(error)
  }
}

export { oidc }

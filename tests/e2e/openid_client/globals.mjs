// Node.js 18, which Debian 12 has, keeps Web Crypto behind a flag; later ones have it here.
import { webcrypto } from 'node:crypto'

globalThis.crypto ??= webcrypto
globalThis.CryptoKey ??= webcrypto.CryptoKey

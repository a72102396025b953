/** Access control: the schemes world, auth, digest and ip, with the real server's order of checks. */

import { createHash } from 'node:crypto'
import { ErrorCode, RequestError } from './error-codes.ts'
import { type Acl, type Identity, OPEN_ACL, Permission } from './znode.ts'

/** Any of the bits of `permission` will do. Nodes without an ACL are open. */
export function isAllowed(
  acl: readonly Acl[],
  permission: number,
  identities: readonly Identity[],
): boolean {
  if (acl === OPEN_ACL || acl.length === 0) return true
  if (identities.some(({ scheme }) => scheme === 'super')) return true
  return acl.some(
    (entry) =>
      (entry.permissions & permission) !== 0 &&
      ((entry.scheme === 'world' && entry.id === 'anyone') ||
        identities.some((identity) => matches(entry, identity))),
  )
}

export function checkAllowed(
  acl: readonly Acl[],
  permission: number,
  identities: readonly Identity[],
  path: string,
): void {
  if (!isAllowed(acl, permission, identities)) {
    throw new RequestError(ErrorCode.NO_AUTH, `no permission on ${path}`)
  }
}

/** Checks an ACL that a client sends, and puts its identities in the place of `auth`. */
export function resolveAcl(
  acl: readonly Acl[],
  identities: readonly Identity[],
  path: string,
): readonly Acl[] {
  const invalid = () => new RequestError(ErrorCode.INVALID_ACL, `invalid ACL for ${path}`)
  if (acl.length === 0) throw invalid()
  const resolved: Acl[] = []
  for (const entry of withoutDuplicates(acl)) {
    if (entry.scheme === 'auth') {
      const proved = identities.filter(({ scheme }) => scheme !== 'ip')
      if (proved.length === 0) throw invalid()
      for (const { scheme, id } of proved) {
        resolved.push({ permissions: entry.permissions, scheme, id })
      }
    } else if (isValidId(entry)) {
      resolved.push(entry)
    } else {
      throw invalid()
    }
  }
  return isOpen(resolved) ? OPEN_ACL : resolved
}

/** What `auth` proves, or null when the scheme is unknown or the proof is malformed. */
export function identityOf(scheme: string, auth: Buffer, address: string): Identity | null {
  if (scheme === 'ip') return { scheme, id: address }
  if (scheme !== 'digest') return null
  const text = auth.toString('utf8')
  return { scheme, id: digestId(text) }
}

/** `user:base64(sha1(user:password))` */
export function digestId(userAndPassword: string): string {
  const user = userAndPassword.split(':', 1)[0] ?? ''
  return `${user}:${createHash('sha1').update(userAndPassword, 'utf8').digest('base64')}`
}

/** Without ADMIN one sees who has access, but no password hashes. */
export function maskDigests(acl: readonly Acl[]): Acl[] {
  return acl.map((entry) =>
    entry.scheme === 'digest' ? { ...entry, id: entry.id.replace(/:.*/s, ':x') } : entry,
  )
}

export function isOpen(acl: readonly Acl[]): boolean {
  const [only] = acl
  return (
    acl.length === 1 &&
    only?.permissions === Permission.ALL &&
    only.scheme === 'world' &&
    only.id === 'anyone'
  )
}

function matches(entry: Acl, identity: Identity): boolean {
  if (entry.scheme !== identity.scheme) return false
  return entry.scheme === 'ip' ? isInNetwork(identity.id, entry.id) : entry.id === identity.id
}

function withoutDuplicates(acl: readonly Acl[]): Acl[] {
  return acl.filter(
    (entry, index) =>
      acl.findIndex(
        (other) =>
          other.permissions === entry.permissions &&
          other.scheme === entry.scheme &&
          other.id === entry.id,
      ) === index,
  )
}

function isValidId({ scheme, id }: Acl): boolean {
  if (scheme === 'world') return id === 'anyone'
  if (scheme === 'digest') return /^[^:]*:[^:]+:*$/.test(id)
  return scheme === 'ip' && parseNetwork(id) !== null
}

function isInNetwork(address: string, network: string): boolean {
  const parsed = parseNetwork(network)
  const bytes = parseIpv4(address)
  if (parsed === null || bytes === null) return address === network
  const mask = parsed.bits === 0 ? 0 : (-1 << (32 - parsed.bits)) >>> 0
  return ((bytes ^ parsed.address) & mask) === 0
}

/** IPv4 with an optional prefix length; other addresses match by equality only and are refused. */
function parseNetwork(text: string): { address: number; bits: number } | null {
  const [addressText = '', bitsText, ...rest] = text.split('/')
  const address = parseIpv4(addressText)
  const bits = bitsText === undefined ? 32 : Number.parseInt(bitsText, 10)
  if (rest.length > 0 || address === null || !(bits >= 0 && bits <= 32)) return null
  return { address, bits }
}

function parseIpv4(text: string): number | null {
  const parts = text.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256))
  if (parts.length !== 4 || parts.some((part) => part > 255)) return null
  return parts.reduce((address, part) => ((address << 8) | part) >>> 0, 0)
}

/**
 * Access control lists: literal patterns under `/kafka-acl`, the others under
 * `/kafka-acl-extended`, each with its own path of change notifications.
 */

import { type Decoded, decodeJson, encodeJson, ZnodeFormatError } from './znode-json.ts'

export const ACL_RESOURCE_TYPES = [
  'Topic',
  'Group',
  'Cluster',
  'TransactionalId',
  'DelegationToken',
  'User',
] as const
export type AclResourceType = (typeof ACL_RESOURCE_TYPES)[number]
export type AclPatternType = 'LITERAL' | 'PREFIXED'

export interface AclResource {
  readonly type: AclResourceType
  readonly name: string
  readonly pattern: AclPatternType
}

/** All four as stored: `User:alice`, `Allow`, `DescribeConfigs`, `*`. */
export interface AclEntry {
  readonly principal: string
  readonly permission: string
  readonly operation: string
  readonly host: string
}

export const aclChangesPath = '/kafka-acl-changes'
export const extendedAclChangesPath = '/kafka-acl-extended-changes'

/** Made at the start of the authorizer, parents too. */
export const aclPaths: readonly string[] = [
  '/kafka-acl',
  aclChangesPath,
  ...ACL_RESOURCE_TYPES.map((type) => `/kafka-acl/${type}`),
  '/kafka-acl-extended/prefixed',
  extendedAclChangesPath,
  ...ACL_RESOURCE_TYPES.map((type) => `/kafka-acl-extended/prefixed/${type}`),
]

export function aclTypePath(type: AclResourceType, pattern: AclPatternType): string {
  return pattern === 'LITERAL' ? `/kafka-acl/${type}` : `/kafka-acl-extended/prefixed/${type}`
}

export function aclPath({ type, name, pattern }: AclResource): string {
  return `${aclTypePath(type, pattern)}/${name}`
}

/** Prefix of the sequential node that tells of a change. */
export function aclChangePrefix(pattern: AclPatternType): string {
  return `${pattern === 'LITERAL' ? aclChangesPath : extendedAclChangesPath}/acl_changes_`
}

export function encodeAcls(entries: readonly AclEntry[]): Buffer {
  return encodeJson({
    acls: entries.map(({ principal, permission, host, operation }) => ({
      principal,
      permissionType: permission,
      host,
      operation,
    })),
    version: 1,
  })
}

/** No data means no entries. */
export function decodeAcls(data: Buffer | null): Decoded<AclEntry[]> {
  if (data === null || data.length === 0) return { kind: 'ok', value: [] }
  return decodeJson(data, (root) =>
    root.objects('acls').map((acl) => ({
      principal: acl.string('principal'),
      permission: acl.string('permissionType'),
      operation: acl.string('operation'),
      host: acl.string('host'),
    })),
  )
}

export function encodeAclChange({ type, name, pattern }: AclResource): Buffer {
  if (pattern === 'LITERAL') return Buffer.from(`${enumName(type)}:${name}`, 'utf8')
  return encodeJson({ version: 1, resourceType: enumName(type), name, patternType: pattern })
}

/** `pattern` tells under which of the two paths the notification was found. */
export function decodeAclChange(
  data: Buffer | null,
  pattern: AclPatternType,
): Decoded<AclResource> {
  if (pattern === 'LITERAL') {
    const text = data?.toString('utf8') ?? ''
    const colon = text.indexOf(':')
    const type = colon < 0 ? undefined : typeOf(text.slice(0, colon))
    if (type === undefined) return { kind: 'error', message: `malformed: '${text.slice(0, 200)}'` }
    return { kind: 'ok', value: { type, name: text.slice(colon + 1), pattern } }
  }
  return decodeJson(data, (root) => {
    const version = root.int32('version')
    if (version > 1) throw new ZnodeFormatError(`version ${version} is not supported`)
    const type = typeOf(root.string('resourceType'))
    const patternType = root.string('patternType')
    if (type === undefined) throw new ZnodeFormatError('resourceType is unknown')
    if (patternType !== 'PREFIXED') throw new ZnodeFormatError(`patternType is ${patternType}`)
    return { type, name: root.string('name'), pattern: 'PREFIXED' }
  })
}

/** `TransactionalId` is `TRANSACTIONAL_ID` in notifications. */
function enumName(type: AclResourceType): string {
  return type.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
}

function typeOf(name: string): AclResourceType | undefined {
  return ACL_RESOURCE_TYPES.find((type) => enumName(type) === name || type === name)
}

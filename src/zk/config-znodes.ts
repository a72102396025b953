/**
 * `/config/<type>/<name>` and the notifications under `/config/changes`. Names are stored sanitized
 * (URL-encoded); the literal `<default>` is not encoded.
 */

import { type Decoded, decodeJson, encodeJson, ZnodeFormatError } from './znode-json.ts'
import { configPath } from './znode-paths.ts'

export const CONFIG_ENTITY_TYPES = ['topics', 'brokers', 'clients', 'users', 'ips'] as const
export type ConfigEntityType = (typeof CONFIG_ENTITY_TYPES)[number]

/** `name` as in the path: sanitized, for a client of a user `<user>/clients/<client>`. */
export interface ConfigEntity {
  readonly type: ConfigEntityType
  readonly name: string
}

export const DEFAULT_ENTITY = '<default>'

/** URL-encodes as Kafka's `Sanitizer` does: only letters, digits, `.`, `-`, `_` stay. */
export function sanitizeName(name: string): string {
  return encodeURIComponent(name).replace(
    /[!~*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** Null when it is not validly encoded. */
export function desanitizeName(name: string): string | null {
  try {
    return decodeURIComponent(name)
  } catch {
    return null
  }
}

export function topicEntity(topic: string): ConfigEntity {
  return { type: 'topics', name: topic }
}

/** Null: the default of all brokers. */
export function brokerEntity(brokerId: number | null): ConfigEntity {
  return { type: 'brokers', name: brokerId === null ? DEFAULT_ENTITY : String(brokerId) }
}

/** Null: the default. */
export function namedEntity(type: 'clients' | 'users' | 'ips', name: string | null): ConfigEntity {
  return { type, name: name === null ? DEFAULT_ENTITY : sanitizeName(name) }
}

/** Quotas of a client id of a user; null: the default. */
export function userClientEntity(user: string | null, clientId: string | null): ConfigEntity {
  const userName = namedEntity('users', user).name
  return { type: 'users', name: `${userName}/clients/${namedEntity('clients', clientId).name}` }
}

export function configTypePath(type: ConfigEntityType): string {
  return `${configPath}/${type}`
}

export function configEntityPath({ type, name }: ConfigEntity): string {
  return `${configPath}/${type}/${name}`
}

export function encodeConfig(config: ReadonlyMap<string, string>): Buffer {
  return encodeJson({ version: 1, config: Object.fromEntries(config) })
}

/** Null data and an absent `config` mean no overrides. */
export function decodeConfig(data: Buffer | null): Decoded<Map<string, string>> {
  if (data === null) return { kind: 'ok', value: new Map() }
  return decodeJson(data, (root) => {
    const config = new Map<string, string>()
    if (!root.isSet('config')) return config
    const fields = root.object('config')
    for (const key of fields.keys()) config.set(key, fields.string(key))
    return config
  })
}

/** Which entity changed; the listener reads the entity itself. */
export function encodeConfigChange({ type, name }: ConfigEntity): Buffer {
  return encodeJson({ version: 2, entity_path: `${type}/${name}` })
}

/** Version 1, of old tools, names topics and clients only. */
export function decodeConfigChange(data: Buffer | null): Decoded<ConfigEntity> {
  return decodeJson(data, (root) => {
    const version = root.int32('version')
    if (version === 1) {
      const type = entityTypeOf(root.string('entity_type'))
      if (type === 'topics' || type === 'clients') {
        return { type, name: root.string('entity_name') }
      }
      throw new ZnodeFormatError(`entity_type ${type} does not occur in version 1`)
    }
    if (version !== 2) throw new ZnodeFormatError(`version ${version} is not supported`)
    const path = root.string('entity_path')
    const slash = path.indexOf('/')
    if (slash <= 0 || slash === path.length - 1) {
      throw new ZnodeFormatError(`entity_path ${path} is malformed`)
    }
    return { type: entityTypeOf(path.slice(0, slash)), name: path.slice(slash + 1) }
  })
}

function entityTypeOf(text: string): ConfigEntityType {
  const type = CONFIG_ENTITY_TYPES.find((known) => known === text)
  if (type === undefined) throw new ZnodeFormatError(`entity type ${text} is unknown`)
  return type
}

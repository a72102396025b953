/**
 * What brokers write about themselves and their cluster: `/brokers/ids/N`, `/cluster/id`,
 * `/feature`, `/log_dir_event_notification`, `/latest_producer_id_block`. Key order is that of
 * Kafka 3.9, so that the bytes can be compared; readers take any order.
 */

import {
  type Decoded,
  decodeJson,
  encodeJson,
  type JsonFields,
  ZnodeFormatError,
} from './znode-json.ts'

/** Position = the number on the wire. */
export const SECURITY_PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const

export interface RegisteredEndpoint {
  /** Upper case. */
  readonly listener: string
  /** Without brackets; empty when the broker registered none. */
  readonly host: string
  readonly port: number
  /** 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  readonly securityProtocol: number
}

export interface BrokerRegistration {
  readonly endpoints: readonly RegisteredEndpoint[]
  readonly rack: string | null
  readonly jmxPort: number
  /** When it registered, milliseconds since 1970; null when the text is none. */
  readonly timestampMs: number | null
  readonly features: ReadonlyMap<string, { readonly min: number; readonly max: number }>
}

const BROKER_VERSION = 5
const PLAINTEXT = 0
const ENDPOINT = /^(.*):\/\/\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$/

export function encodeBrokerRegistration(registration: BrokerRegistration): Buffer {
  const { endpoints, rack, features } = registration
  const first = endpoints.find((endpoint) => endpoint.securityProtocol === PLAINTEXT)
  const ranges = [...features].map(([name, { min, max }]) => [
    name,
    { min_version: min, max_version: max },
  ])
  return encodeJson({
    features: Object.fromEntries(ranges),
    listener_security_protocol_map: Object.fromEntries(
      endpoints.map((endpoint) => [endpoint.listener, protocolName(endpoint)]),
    ),
    endpoints: endpoints.map(formatEndpoint),
    ...(rack === null ? {} : { rack }),
    jmx_port: registration.jmxPort,
    port: first?.port ?? -1,
    host: first?.host ?? null,
    version: BROKER_VERSION,
    timestamp: String(registration.timestampMs ?? -1),
  })
}

export function decodeBrokerRegistration(data: Buffer | null): Decoded<BrokerRegistration> {
  return decodeJson(data, (root) => {
    const version = root.int32('version')
    if (version < 1) throw new ZnodeFormatError(`version ${version} is not supported`)
    const timestamp = root.has('timestamp') ? Number(root.string('timestamp')) : Number.NaN
    return {
      endpoints: version === 1 ? [readOldEndpoint(root)] : readEndpoints(root),
      rack: root.isSet('rack') ? root.string('rack') : null,
      jmxPort: root.int32('jmx_port'),
      timestampMs: Number.isSafeInteger(timestamp) ? timestamp : null,
      features: version >= BROKER_VERSION ? readFeatures(root) : new Map(),
    }
  })
}

export function formatEndpoint({ listener, host, port }: RegisteredEndpoint): string {
  return `${listener}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function protocolName({ securityProtocol }: RegisteredEndpoint): string {
  return SECURITY_PROTOCOLS[securityProtocol] ?? 'PLAINTEXT'
}

function readOldEndpoint(root: JsonFields): RegisteredEndpoint {
  const [listener, securityProtocol] = ['PLAINTEXT', PLAINTEXT]
  return { listener, host: root.string('host'), port: root.int32('port'), securityProtocol }
}

function readEndpoints(root: JsonFields): RegisteredEndpoint[] {
  const key = 'listener_security_protocol_map'
  const names = root.isSet(key) ? root.object(key) : null
  return root.strings('endpoints').map((text) => {
    const match = ENDPOINT.exec(text)
    if (match === null) throw new ZnodeFormatError(`endpoint ${text} is malformed`)
    const listener = match[1]!.toUpperCase()
    const protocol = names === null ? listener : names.string(listener)
    const securityProtocol = (SECURITY_PROTOCOLS as readonly string[]).indexOf(protocol)
    if (securityProtocol < 0) throw new ZnodeFormatError(`${text} has protocol ${protocol}`)
    return { listener, host: match[2]!, port: Number(match[3]), securityProtocol }
  })
}

function readFeatures(root: JsonFields): BrokerRegistration['features'] {
  const features = new Map<string, { min: number; max: number }>()
  if (!root.isSet('features')) return features
  const ranges = root.object('features')
  for (const name of ranges.keys()) {
    const range = ranges.object(name)
    features.set(name, { min: range.int32('min_version'), max: range.int32('max_version') })
  }
  return features
}

/** 22 characters of URL-safe base64. */
export type ClusterId = string

export function encodeClusterId(id: ClusterId): Buffer {
  return encodeJson({ version: '1', id })
}

export function decodeClusterId(data: Buffer | null): Decoded<ClusterId> {
  return decodeJson(data, (root) => root.string('id'))
}

/** A new version 4 UUID in Kafka's 22-character form, from 16 random bytes. */
export function clusterIdOf(randomBytes: Buffer): ClusterId {
  const bytes = Buffer.from(randomBytes.subarray(0, 16))
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('base64url')
}

/** Finalized features. */
export interface Features {
  readonly version: 1 | 2
  readonly enabled: boolean
  /** Highest finalized level of each feature. */
  readonly levels: ReadonlyMap<string, number>
}

export function encodeFeatures({ version, enabled, levels }: Features): Buffer {
  const features = [...levels].map(([name, level]) => [
    name,
    version === 1
      ? { max_version_level: level, min_version_level: level }
      : { max_version_level: level },
  ])
  return encodeJson({
    features: Object.fromEntries(features),
    version,
    status: enabled ? 1 : 0,
  })
}

export function decodeFeatures(data: Buffer | null): Decoded<Features> {
  return decodeJson(data, (root) => {
    const version = root.int32('version')
    if (version !== 1 && version !== 2) {
      throw new ZnodeFormatError(`version ${version} is not supported`)
    }
    const status = root.int32('status')
    if (status !== 0 && status !== 1) throw new ZnodeFormatError(`status ${status} is unknown`)
    const features = root.object('features')
    const levels = new Map<string, number>()
    for (const name of features.keys()) {
      const feature = features.object(name)
      if (version === 1) feature.int32('min_version_level')
      levels.set(name, feature.int32('max_version_level'))
    }
    return { version, enabled: status === 1, levels }
  })
}

/** Ids from `start` to `end`, both inclusive, were given to `brokerId`. */
export interface ProducerIdBlock {
  readonly brokerId: number
  readonly start: number
  readonly end: number
}

export function encodeProducerIdBlock({ brokerId, start, end }: ProducerIdBlock): Buffer {
  return encodeJson({
    version: 1,
    broker: brokerId,
    block_start: String(start),
    block_end: String(end),
  })
}

/** Null data means that no block was given out yet; empty data is an error, as in Kafka. */
export function decodeProducerIdBlock(data: Buffer | null): Decoded<ProducerIdBlock | null> {
  if (data === null) return { kind: 'ok', value: null }
  return decodeJson(data, (root) => ({
    brokerId: root.int32('broker'),
    start: root.decimalString('block_start'),
    end: root.decimalString('block_end'),
  }))
}

/** Event 1, the only one: a log directory of the broker failed. */
export function encodeLogDirEvent(brokerId: number): Buffer {
  return encodeJson({ version: 1, broker: brokerId, event: 1 })
}

/** The broker. */
export function decodeLogDirEvent(data: Buffer | null): Decoded<number> {
  return decodeJson(data, (root) => root.int32('broker'))
}

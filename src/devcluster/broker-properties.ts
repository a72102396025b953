/** The settings of a local broker, as a `server.properties` that starts it again by hand. */

export interface LocalBroker {
  readonly brokerId: number
  readonly host: string
  readonly port: number
  readonly logDir: string
  readonly zookeeper: string
  readonly replicationFactor: number
  /** Of a broker that is started again: ZooKeeper may be stopped for as long as a fault may last. */
  readonly isAgain?: boolean
  readonly more?: ReadonlyMap<string, string>
  /** `key=value`; the last word on each key. */
  readonly overrides: readonly string[]
}

const ZOOKEEPER_WAIT_MS = 900_000

export function brokerSettings(broker: LocalBroker): Map<string, string> {
  const settings = new Map([
    ['broker.id', String(broker.brokerId)],
    ['listeners', `PLAINTEXT://${broker.host}:${broker.port}`],
    ['log.dirs', broker.logDir],
    ['zookeeper.connect', broker.zookeeper],
    ['default.replication.factor', String(broker.replicationFactor)],
    ['offsets.topic.replication.factor', String(broker.replicationFactor)],
    // When all brokers stop at once there is nobody to hand over to: do not ask for long.
    ['controlled.shutdown.retry.backoff.ms', '250'],
    ...(broker.isAgain
      ? [['zookeeper.connection.timeout.ms', `${ZOOKEEPER_WAIT_MS}`] as const]
      : []),
    ...(broker.more ?? []),
  ])
  for (const override of broker.overrides) {
    const at = override.indexOf('=')
    if (at < 1) throw new Error(`--override ${override}: expected key=value`)
    settings.set(override.slice(0, at).trim(), override.slice(at + 1).trim())
  }
  return settings
}

export function propertiesText(settings: ReadonlyMap<string, string>): string {
  const lines = [...settings].map(([key, value]) => `${escaped(key, /[\\=: ]/g)}=${escaped(value)}`)
  return `# Written by samsa up at each start.\n${lines.join('\n')}\n`
}

function escaped(text: string, special = /\\/g): string {
  return text.replace(special, '\\$&').replace(/\n/g, '\\n')
}

/**
 * Settings from environment variables, by the rules of Kafka's container images: `KAFKA_LOG_DIRS` is
 * `log.dirs`, two underscores stand for one, three for a dash. `KAFKA_CFG_` is another image's prefix
 * for the same.
 */
import { ConfigError } from './setting.ts'

/** Variables of the images that are no settings. */
const NOT_SETTINGS = new Set([
  'KAFKA_VERSION',
  'KAFKA_HOME',
  'KAFKA_HEAP_OPTS',
  'KAFKA_OPTS',
  'KAFKA_JMX_OPTS',
  'KAFKA_JMX_HOSTNAME',
  'KAFKA_JMX_PORT',
  'KAFKA_JVM_PERFORMANCE_OPTS',
  'KAFKA_GC_LOG_OPTS',
  'KAFKA_DEBUG',
  'KAFKA_LOG4J_OPTS',
  'KAFKA_LOG4J_LOGGERS',
  'KAFKA_LOG4J_ROOT_LOGLEVEL',
  'KAFKA_TOOLS_LOG4J_LOGLEVEL',
])

/** What Kubernetes sets for a service called `kafka`. */
const SERVICE_VARIABLE = /^KAFKA_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_\d+_(TCP|UDP)(_.*)?)$/

/** Settings that Kafka has given up; people still set them and wonder. */
const GIVEN_UP: Readonly<Record<string, string>> = {
  'advertised.host': 'advertised.listeners',
  'advertised.host.name': 'advertised.listeners',
  'advertised.port': 'advertised.listeners',
  host: 'listeners',
  'host.name': 'listeners',
  port: 'listeners',
}

export type Environment = Readonly<Record<string, string | undefined>>

/** In the order of the variables. Throws `ConfigError` for settings that exist no more. */
export function settingsFromEnvironment(env: Environment): Map<string, string> {
  const settings = new Map<string, string>()
  for (const [variable, value] of Object.entries(env)) {
    if (value === undefined || !variable.startsWith('KAFKA_')) continue
    if (NOT_SETTINGS.has(variable) || SERVICE_VARIABLE.test(variable)) continue
    const name = settingName(variable)
    const successor = GIVEN_UP[name]
    if (successor === undefined) {
      settings.set(name, value)
    } else if (!value.includes('://')) {
      throw new ConfigError(
        `${variable}: ${name} is not a setting any more`,
        `Set KAFKA_${successor.toUpperCase().replace('.', '_')} instead, for instance to PLAINTEXT://host:9092.`,
      )
    }
  }
  return settings
}

export function settingName(variable: string): string {
  return variable
    .replace(/^KAFKA_(CFG_)?/, '')
    .toLowerCase()
    .replace(/_{1,3}/g, (run) => (run.length === 1 ? '.' : run.length === 2 ? '_' : '-'))
}

/**
 * Who sets only `KAFKA_ADVERTISED_LISTENERS` means: listen on the same ports, on all interfaces.
 */
export function listenersFromAdvertised(advertised: string): string {
  return advertised
    .split(',')
    .map((listener) => listener.trim().replace(/:\/\/.*:(\d+)$/, '://0.0.0.0:$1'))
    .join(',')
}

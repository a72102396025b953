/**
 * `samsa configs`: what `kafka-configs.sh` of Kafka 3.9 does for topics, brokers and the loggers of
 * brokers. Quotas and credentials (users, clients, ips) are not there yet.
 */

import type { Command } from 'commander'
import { Admin } from '../client/admin.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import {
  ConfigAdmin,
  type ConfigChange,
  type ConfigEntry,
  type ConfigResource,
} from '../client/config-admin.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { exceptionText } from './exception-names.ts'
import { hashMapOrder } from './hash-map-order.ts'
import { type OpenCluster, readProperties } from './open-cluster.ts'
import { checkInvalid, collect, PlainError, toolCommand, UsageError } from './tool-command.ts'

interface ConfigsOptions {
  readonly bootstrapServer?: string
  readonly commandConfig?: string
  readonly describe?: true
  readonly alter?: true
  readonly all?: true
  readonly force?: true
  readonly entityType?: readonly string[]
  readonly entityName?: readonly string[]
  readonly entityDefault?: true
  readonly topic?: string
  readonly broker?: string
  readonly brokerLogger?: string
  readonly brokerDefaults?: true
  readonly addConfig?: string
  readonly addConfigFile?: string
  readonly deleteConfig?: string
}

type EntityType = 'topics' | 'brokers' | 'broker-loggers'

const ENTITY_TYPES = [
  'topics',
  'clients',
  'users',
  'brokers',
  'ips',
  'broker-loggers',
  'client-metrics',
]
const RESOURCE_TYPES = {
  topics: 'topic',
  brokers: 'broker',
  'broker-loggers': 'broker-logger',
} as const
/** The name that stands for the defaults of all brokers. */
const DEFAULTS = ''

export function configsCommand(io: CliIo, open: OpenCluster): Command {
  const command = toolCommand<ConfigsOptions>(io, {
    name: 'configs',
    description:
      'This tool helps to manipulate and describe entity config for a topic, client, user, ' +
      'broker, ip or client-metrics',
    options: addOptions,
    run: async (options) => {
      if (Object.keys(options).length === 0) throw new UsageError(command.description())
      const entity = parseEntity(options)
      const bootstrap = options.bootstrapServer!
      const client = open({
        bootstrap,
        clientId: 'adminclient-1',
        configFile: options.commandConfig,
      })
      try {
        if (options.describe) await describe(io, client, entity, options.all === true)
        else await alter(io, client, entity, parseChanges(options))
      } catch (error) {
        if (error instanceof PlainError) throw error
        const args = process.argv.slice(process.argv.indexOf('configs') + 1).join(' ')
        io.stderr(`Error while executing config command with args '${args}'\n`)
        io.stderr(`java.util.concurrent.ExecutionException: ${exceptionText(error)}\n`)
        throw new ExitError(1)
      } finally {
        await client.close()
      }
    },
  })
  return command
}

interface Entity {
  readonly type: EntityType
  /** Undefined: all of the type. */
  readonly name: string | undefined
}

async function describe(
  io: CliIo,
  client: ClusterClient,
  { type, name }: Entity,
  all: boolean,
): Promise<void> {
  const names = name === undefined ? await allNames(client, type) : [name]
  const configs = new ConfigAdmin(client)
  for (const each of names) {
    io.stdout(
      each === DEFAULTS
        ? `Default configs for ${type} in the cluster are:\n`
        : `${all ? 'All' : 'Dynamic'} configs for ${type.slice(0, -1)} ${each} are:\n`,
    )
    const resource = { type: RESOURCE_TYPES[type], name: each }
    for (const entry of await shownEntries(configs, resource, all)) {
      const { value, isSensitive, synonyms } = entry
      const listed = synonyms.map((known) => `${known.source}:${known.name}=${known.value}`)
      io.stdout(
        `  ${entry.name}=${value} sensitive=${isSensitive} synonyms={${listed.join(', ')}}\n`,
      )
    }
  }
}

async function allNames(client: ClusterClient, type: EntityType): Promise<string[]> {
  const admin = new Admin(client)
  if (type === 'topics') {
    const names = (await admin.listTopics()).map(({ name }) => name)
    return hashMapOrder(names, 16)
  }
  const ids = (await admin.describeCluster()).brokers.map(({ nodeId }) => nodeId)
  return [...ids.sort((a, b) => a - b).map(String), DEFAULTS]
}

/** Sorted by name; unless all are wanted only what was set for this very resource. */
async function shownEntries(
  configs: ConfigAdmin,
  resource: ConfigResource,
  all: boolean,
): Promise<ConfigEntry[]> {
  const entries = (await configs.describe([resource], { synonyms: true })).get(resource.name) ?? []
  const own = ownSource(resource)
  return entries
    .filter(({ source }) => all || own === null || source === own)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function ownSource({ type, name }: ConfigResource): ConfigEntry['source'] | null {
  if (type === 'topic') return 'DYNAMIC_TOPIC_CONFIG'
  if (type === 'broker-logger') return null
  return name === DEFAULTS ? 'DYNAMIC_DEFAULT_BROKER_CONFIG' : 'DYNAMIC_BROKER_CONFIG'
}

async function alter(
  io: CliIo,
  client: ClusterClient,
  { type, name }: Entity,
  changes: readonly ConfigChange[],
): Promise<void> {
  const configs = new ConfigAdmin(client)
  const resource = { type: RESOURCE_TYPES[type], name: name! }
  const known = new Set((await shownEntries(configs, resource, false)).map((entry) => entry.name))
  const unknown = changes
    .filter((change) => !known.has(change.name))
    .filter(({ kind }) => kind === 'delete' || type === 'broker-loggers')
  if (unknown.length > 0) {
    const listed = unknown.map((change) => change.name).join(',')
    const what = type === 'broker-loggers' ? 'broker logger(s)' : 'config(s)'
    throw new PlainError(`Invalid ${what}: ${listed}`)
  }
  await configs.alter(resource, changes)
  io.stdout(
    name === DEFAULTS
      ? `Completed updating default config for ${type} in the cluster.\n`
      : `Completed updating config for ${type.slice(0, -1)} ${name}.\n`,
  )
}

function parseEntity(options: ConfigsOptions): Entity {
  if ((options.alter ?? false) === (options.describe ?? false)) {
    throw new UsageError('Command must include exactly one action: --describe, --alter')
  }
  checkInvalid({ ...options }, 'describe', ['alter', 'add-config', 'delete-config'])
  const { types, names } = namedEntities(options)
  for (const type of types) {
    if (ENTITY_TYPES.includes(type)) continue
    throw new PlainError(
      `Invalid entity type ${type}, the entity type must be one of ${ENTITY_TYPES.join(', ')} ` +
        'with a --bootstrap-server or --bootstrap-controller argument',
    )
  }
  const type = types[0]
  if (type === undefined) throw new PlainError('At least one entity type must be specified')
  if (types.length > 1) {
    throw new PlainError("Only 'users' and 'clients' entity types may be specified together")
  }
  if (options.bootstrapServer === undefined) {
    throw new PlainError(
      'One of the required --bootstrap-server, --boostrap-controller, or --zookeeper arguments ' +
        'must be specified',
    )
  }
  if (type !== 'topics' && type !== 'brokers' && type !== 'broker-loggers') {
    throw new PlainError(`Configs of ${type} cannot be described or altered yet`)
  }
  const name = names[0]
  if (type !== 'topics' && name !== undefined && name !== '' && !/^[+-]?\d+$/.test(name)) {
    throw new PlainError(
      `The entity name for ${type} must be a valid integer broker id, but it is: ${name}`,
    )
  }
  checkName(options, type, name)
  return { type, name }
}

function checkName(options: ConfigsOptions, type: EntityType, name: string | undefined): void {
  if (options.describe && type === 'broker-loggers' && !name) {
    throw new PlainError(`an entity name must be specified with --describe of ${type}`)
  }
  if (!options.alter) return
  if (type === 'brokers' && name === undefined) {
    throw new PlainError(
      'an entity-name or default entity must be specified with --alter of users, clients, ' +
        'brokers or ips',
    )
  }
  if (type !== 'brokers' && !name) {
    throw new PlainError(`an entity name must be specified with --alter of ${type}`)
  }
  if (options.addConfig !== undefined && options.addConfigFile !== undefined) {
    throw new PlainError('Only one of --add-config or --add-config-file must be specified')
  }
  if ((options.addConfig ?? options.addConfigFile ?? options.deleteConfig) === undefined) {
    throw new PlainError(
      'At least one of --add-config, --add-config-file, or --delete-config must be specified ' +
        'with --alter',
    )
  }
}

/** `--entity-type` with `--entity-name` or `--entity-default`, or one of the short forms. */
function namedEntities(options: ConfigsOptions): { types: string[]; names: string[] } {
  const types = [...(options.entityType ?? [])]
  const names = [...(options.entityName ?? []), ...(options.entityDefault ? [DEFAULTS] : [])]
  const short: [EntityType, string | undefined][] = [
    ['topics', options.topic],
    ['brokers', options.broker],
    ['broker-loggers', options.brokerLogger],
    ['brokers', options.brokerDefaults ? DEFAULTS : undefined],
  ]
  const given = short.filter(([, name]) => name !== undefined)
  if (given.length > 0 && types.length + names.length > 0) {
    throw new PlainError(
      '--entity-{type,name,default} should not be used in conjunction with specific entity flags',
    )
  }
  return {
    types: [...types, ...given.map(([type]) => type)],
    names: [...names, ...given.map(([, name]) => name!)],
  }
}

function parseChanges(options: ConfigsOptions): ConfigChange[] {
  const added = [
    ...(options.addConfigFile === undefined ? [] : readProperties(options.addConfigFile)),
    ...(options.addConfig === undefined ? [] : parseAddedConfigs(options.addConfig)),
  ]
  for (const [name] of added) {
    if (!/^[a-zA-Z0-9._-]*$/.test(name)) {
      throw new PlainError(`Invalid character found for config key: ${name}`)
    }
  }
  const deleted = options.deleteConfig === undefined ? [] : options.deleteConfig.split(',')
  return [
    ...[...new Map(added)].map(([name, value]) => ({ kind: 'set' as const, name, value })),
    ...deleted.map((name) => ({ kind: 'delete' as const, name: name.trim() })),
  ]
}

/** `k=v,k2=[a,b]`: brackets keep commas together and do not belong to the value. */
function parseAddedConfigs(text: string): [string, string][] {
  const outsideBrackets = '(?=[^\\]]*(?:\\[|$))'
  return text.split(new RegExp(`,${outsideBrackets}`)).map((pair) => {
    const parts = pair.split(new RegExp(`\\s*=\\s*${outsideBrackets}`))
    if (parts.length !== 2) {
      throw new PlainError(
        'requirement failed: Invalid entity config: all configs to be added must be in the ' +
          'format "key=val".',
      )
    }
    return [parts[0]!.trim(), parts[1]!.replace(/[[\]]/g, '').trim()]
  })
}

function addOptions(command: Command): void {
  command
    .option('--bootstrap-server <servers>', 'the brokers to connect to, host:port,...')
    .option('--command-config <file>', 'properties file with settings of the client')
    .option('--describe', 'list configs of the entity')
    .option('--alter', 'change configs of the entity')
    .option('--all', 'with --describe: all configs, not only those set for the entity')
    .option('--entity-type <type>', 'topics, brokers or broker-loggers', collect)
    .option('--entity-name <name>', 'name of a topic or id of a broker', collect)
    .option('--entity-default', 'the defaults of all brokers')
    .option('--topic <name>', 'short for --entity-type topics --entity-name')
    .option('--broker <id>', 'short for --entity-type brokers --entity-name')
    .option('--broker-logger <id>', 'short for --entity-type broker-loggers --entity-name')
    .option('--broker-defaults', 'short for --entity-type brokers --entity-default')
    .option('--add-config <pairs>', 'configs to set: k1=v1,k2=[v1,v2]')
    .option('--add-config-file <file>', 'properties file of configs to set')
    .option('--delete-config <names>', 'configs to take back: k1,k2')
    .option('--force', 'accepted for compatibility')
}

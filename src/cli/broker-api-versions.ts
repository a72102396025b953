/** `samsa broker-api-versions`: what `kafka-broker-api-versions.sh` of Kafka 3.9 does. */

import type { Command } from 'commander'
import type { BrokerNode, ClusterClient } from '../client/cluster-client.ts'
import type { VersionSpan } from '../client/connections.ts'
import { CallTimeoutError } from '../client/kafka-error.ts'
import { KNOWN_APIS, type KnownApi } from '../protocol/api-keys.ts'
import type { CliIo } from './cli-io.ts'
import { exceptionText } from './exception-names.ts'
import type { OpenCluster } from './open-cluster.ts'
import { checkRequired, PlainError, toolCommand, UsageError } from './tool-command.ts'

interface BrokerApiVersionsOptions {
  readonly bootstrapServer?: string
  readonly commandConfig?: string
}

const DESCRIPTION = 'This tool helps to retrieve broker version information.'

export function brokerApiVersionsCommand(io: CliIo, open: OpenCluster): Command {
  return toolCommand<BrokerApiVersionsOptions>(io, {
    name: 'broker-api-versions',
    description: DESCRIPTION,
    options: (command) =>
      command
        .option(
          '--bootstrap-server <servers>',
          'REQUIRED: the brokers to connect to, host:port,...',
        )
        .option('--command-config <file>', 'properties file with settings of the client'),
    run: async (options) => {
      if (Object.keys(options).length === 0) throw new UsageError(DESCRIPTION)
      checkRequired({ ...options }, ['bootstrap-server'])
      const client = open({
        bootstrap: options.bootstrapServer!,
        clientId: 'admin-1',
        configFile: options.commandConfig,
        callTimeoutMs: 0,
      })
      try {
        const { brokers } = await anyAnswer(client, options.bootstrapServer!)
        for (const broker of [...brokers].sort((a, b) => a.nodeId - b.nodeId)) {
          io.stdout(`${nodeText(broker)} -> ${await describeBroker(client, broker)}\n`)
        }
      } finally {
        await client.close()
      }
    },
  })
}

/** Each bootstrap broker has one chance. */
async function anyAnswer(client: ClusterClient, bootstrap: string) {
  try {
    return await client.metadata([])
  } catch (error) {
    if (!(error instanceof CallTimeoutError)) throw error
    const nodes = bootstrap
      .split(',')
      .map((address, at) => `${address} (id: ${-1 - at} rack: null)`)
    throw new PlainError(`Request METADATA failed on brokers List(${nodes.join(', ')})`)
  }
}

async function describeBroker(client: ClusterClient, { nodeId }: BrokerNode): Promise<string> {
  try {
    return versionsText((await client.connectionTo(nodeId)).versions)
  } catch (error) {
    return `ERROR: ${exceptionText(error)}`
  }
}

function nodeText({ nodeId, host, port, rack }: BrokerNode): string {
  return `${host}:${port} (id: ${nodeId} rack: ${rack})`
}

/** What the broker offers, and what brokers speak in Kafka 3.9 and this one lacks, by key. */
export function versionsText(offered: ReadonlyMap<number, VersionSpan>): string {
  const lacking = KNOWN_APIS.filter(({ key, isForBrokers }) => isForBrokers && !offered.has(key))
  const lines = [
    ...[...offered].map(([key, span]) => ({ key, text: offeredText(key, span) })),
    ...lacking.map(({ key, name }) => ({ key, text: `${name}(${key}): UNSUPPORTED` })),
  ]
  const texts = lines.sort((a, b) => a.key - b.key).map(({ text }) => text)
  return `(\n\t${texts.join(',\n\t')}\n)`
}

function offeredText(key: number, { minVersion, maxVersion }: VersionSpan): string {
  const span = minVersion === maxVersion ? `${minVersion}` : `${minVersion} to ${maxVersion}`
  const known = KNOWN_APIS[key]
  if (known === undefined) return `UNKNOWN(${key}): ${span}`
  return `${known.name}(${key}): ${span} ${usability(known, minVersion, maxVersion)}`
}

function usability({ newestVersion }: KnownApi, minVersion: number, maxVersion: number): string {
  if (newestVersion < minVersion) return '[unusable: node too new]'
  if (maxVersion < 0) return '[unusable: node too old]'
  return `[usable: ${Math.min(newestVersion, maxVersion)}]`
}

/** All commands of `samsa`. Each is loaded when it runs, so that none pays for the others. */
import type { CliIo } from './cli-io.ts'
import type { OpenCluster } from './open-cluster.ts'
import type { Runnable } from './server-command.ts'

export interface CommandEntry {
  readonly name: string
  readonly summary: string
  readonly load: (io: CliIo) => Promise<Runnable>
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'up',
    summary: 'start ZooKeeper and brokers on this machine',
    load: async (io) => (await import('./up.ts')).upCommand(io),
  },
  {
    name: 'broker',
    summary: 'run one broker: broker [server.properties] [--override key=value]',
    load: async (io) => (await import('./broker.ts')).brokerCommand(io),
  },
  {
    name: 'zookeeper',
    summary: 'run the built-in ZooKeeper alone',
    load: async (io) => (await import('./zookeeper.ts')).zookeeperCommand(io),
  },
  {
    name: 'proxy',
    summary: "TCP proxies that misbehave when told, with Toxiproxy's HTTP API",
    load: async (io) => (await import('./proxy.ts')).proxyCommand(io),
  },
  {
    name: 'dashboard',
    summary: 'a page that shows a cluster, or a recorded run, as it lives',
    load: async (io) => (await import('./dashboard.ts')).dashboardCommand(io),
  },
  {
    name: 'healthcheck',
    summary: 'exit code 0 when a broker is ready to serve',
    load: async (io) => (await import('./healthcheck.ts')).healthcheckCommand(io, await open()),
  },
  {
    name: 'topics',
    summary: 'create, list, describe, alter, delete topics (kafka-topics)',
    load: async (io) => (await import('./topics.ts')).topicsCommand(io, await open()),
  },
  {
    name: 'configs',
    summary: 'describe and alter settings of topics and brokers (kafka-configs)',
    load: async (io) => (await import('./configs.ts')).configsCommand(io, await open()),
  },
  {
    name: 'get-offsets',
    summary: 'offsets of partitions (kafka-get-offsets)',
    load: async (io) => (await import('./get-offsets.ts')).getOffsetsCommand(io, await open()),
  },
  {
    name: 'broker-api-versions',
    summary: 'what each broker can do (kafka-broker-api-versions)',
    load: async (io) =>
      (await import('./broker-api-versions.ts')).brokerApiVersionsCommand(io, await open()),
  },
  {
    name: 'console-producer',
    summary: 'lines in, records out (kafka-console-producer)',
    load: async (io) => (await import('./console-producer.ts')).consoleProducerCommand(io),
  },
  {
    name: 'console-consumer',
    summary: 'records by partition and offset (kafka-console-consumer)',
    load: async (io) =>
      (await import('./console-consumer.ts')).consoleConsumerCommand(io, await open()),
  },
  {
    name: 'dump-log',
    summary: 'what log files hold (kafka-dump-log)',
    load: async (io) => (await import('./dump-log.ts')).dumpLogCommand(io),
  },
  {
    name: 'verify',
    summary: 'is anything lost? writes, reads, and accounts for every value',
    load: async (io) => (await import('./verify.ts')).verifyCommand(io),
  },
  {
    name: 'chaos',
    summary: 'kill, pause, cut off: faults on a running cluster',
    load: async (io) => (await import('./chaos.ts')).chaosCommand(io),
  },
  {
    name: 'zk',
    summary: 'look into ZooKeeper: ls, get, stat, watch',
    load: async (io) => (await import('./zk.ts')).zkCommand(io),
  },
  {
    name: 'watch',
    summary: 'what happens to a cluster as it happens, failovers with their phases',
    load: async (io) => (await import('./watch.ts')).watchCommand(io),
  },
]

export function usage(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`)
  return `Usage: samsa COMMAND [OPTIONS]\n\nCommands:\n${lines.join('')}\nsamsa COMMAND --help tells more, samsa --version which one this is.\n`
}

async function open(): Promise<OpenCluster> {
  return (await import('./open-cluster.ts')).openSystemCluster
}

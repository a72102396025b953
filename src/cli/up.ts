/** `samsa up`: ZooKeeper and brokers on this machine, until Ctrl-C. What `npm start` runs. */
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import type { Command } from 'commander'
import { LocalCluster } from '../devcluster/local-cluster.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { untilStopped } from './process-life.ts'
import { collect, parseInteger, toolCommand, UsageError } from './tool-command.ts'

interface Options {
  readonly brokers: string
  readonly port: string
  readonly zookeeperPort: string
  readonly zookeeper?: string
  readonly data: string
  readonly override?: string[]
  readonly quiet?: boolean
}

export function upCommand(io: CliIo): Command {
  return toolCommand<Options>(io, {
    name: 'up',
    description: 'ZooKeeper and brokers on this machine. Ctrl-C ends all of them.',
    options: (command) => {
      command
        .option('--brokers <n>', 'how many brokers', '3')
        .option('--port <port>', 'of the first broker; the others take the ports after it', '9092')
        .option('--zookeeper-port <port>', 'of the built-in ZooKeeper', '2181')
        .option('--zookeeper <host:port>', 'a running ZooKeeper in place of the built-in one')
        .option('--data <dir>', 'data and logs; the next start goes on with them', '.samsa')
        .option('--override <key=value>', 'any broker setting, may be repeated', collect)
        .option('--quiet', 'print only what went wrong')
    },
    run: (options) => run(io, options),
  })
}

async function run(io: CliIo, options: Options): Promise<void> {
  const brokers = parseInteger(options.brokers, 'brokers')
  if (brokers < 1) throw new UsageError('--brokers: at least one')
  const dataDir = path.resolve(options.data)
  const cluster = new LocalCluster({
    brokers,
    port: parseInteger(options.port, 'port'),
    zookeeperPort: parseInteger(options.zookeeperPort, 'zookeeper-port'),
    zookeeper: options.zookeeper,
    dataDir,
    overrides: options.override ?? [],
    onUnexpectedEnd: (name, how) => io.stderr(endNote(name, how)),
  })
  const print = options.quiet === true ? () => {} : (text: string) => io.stdout(text)
  const stopped = untilStopped()
  const isFirst = !fs.existsSync(dataDir)
  const startMs = performance.now()
  print(
    `Starting ${brokers} brokers ${isFirst ? 'with new data' : 'on the data'} in ${dataDir} ...\n`,
  )
  const started = cluster.start().then(() => 'started' as const)
  try {
    if ((await Promise.race([started, stopped])) === 'started') {
      print(description(cluster, performance.now() - startMs))
      await stopped
    }
  } catch (error) {
    io.stderr(`samsa up: ${(error as Error).message}\n`)
    throw new ExitError(1)
  }
  print('\nStopping ...\n')
  await cluster.stop()
  process.exit(0)
}

function endNote(name: string, how: string): string {
  return `${name} ended with ${how}. The others go on; start all again with the same command.\n`
}

function description(cluster: LocalCluster, tookMs: number): string {
  const first = cluster.brokerIds[0]!
  const server = `127.0.0.1:${cluster.portOf(first)}`
  const zookeeper = cluster.zookeeperAddress
  const pid = cluster.zookeeperPid
  const lines = [
    `Ready in ${(tookMs / 1000).toFixed(2)} s.`,
    '',
    `  ZooKeeper  ${zookeeper}${pid > 0 ? `  pid ${pid}` : ''}`,
    ...cluster.brokerIds.map(
      (id) => `  broker ${id}   127.0.0.1:${cluster.portOf(id)}  pid ${cluster.pidOf(id)}`,
    ),
    `  logs       ${path.dirname(cluster.logFileOf('zookeeper'))}`,
    '',
    'Try in another terminal:',
    `  kcat -b ${server} -L`,
    `  npm run samsa -- topics --bootstrap-server ${server} --create --topic orders --partitions 3 --replication-factor ${Math.min(3, cluster.brokerIds.length)}`,
    `  npm run samsa -- zk --zookeeper ${zookeeper} get /controller`,
    `  kill -9 ${cluster.pidOf(first)}    # and see who leads now:`,
    `  npm run samsa -- topics --bootstrap-server ${cluster.bootstrap} --describe`,
    '',
    'Ctrl-C ends everything; the data stays.',
    '',
  ]
  return lines.join('\n')
}

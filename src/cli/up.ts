/** `samsa up`: ZooKeeper and brokers on this machine, until Ctrl-C. What `npm start` runs. */
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import type { Command } from 'commander'
import { LocalCluster, type SettingsOf, type UnexpectedEnd } from '../devcluster/local-cluster.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { wholeNumber } from './flag-values.ts'
import { untilStopped } from './process-life.ts'
import { collect, toolCommand, UsageError } from './tool-command.ts'
import type { LocalView } from './up-view.ts'

/** Ctrl-C ends everything within five seconds; the page must not hold it up. */
const VIEW_GRACE_MS = 500

interface Options {
  readonly brokers: string
  readonly port: string
  readonly zookeeperPort: string
  readonly zookeeper?: string
  readonly data: string
  readonly override?: string[]
  readonly quiet?: boolean
  readonly dashboard: boolean
  readonly dashboardPort?: string
  readonly proxies?: boolean
  readonly proxyPort: string
}

export function upCommand(io: CliIo): Command {
  return toolCommand<Options>(io, {
    name: 'up',
    description: 'ZooKeeper and brokers on this machine. Ctrl-C ends all of them.',
    options: (command) => {
      command
        .showHelpAfterError()
        .option('--brokers <n>', 'how many brokers', '3')
        .option('--port <port>', 'of the first broker; the others take the ports after it', '9092')
        .option('--zookeeper-port <port>', 'of the built-in ZooKeeper', '2181')
        .option('--zookeeper <host:port>', 'a running ZooKeeper in place of the built-in one')
        .option('--data <dir>', 'data and logs; the next start goes on with them', '.samsa')
        .option('--override <key=value>', 'any broker setting, may be repeated', collect)
        .option('--quiet', 'print only what went wrong')
        .option('--dashboard-port <port>', 'of the page (default: 8080, or any free one)')
        .option('--no-dashboard', 'without page, faults and proxies')
        .option('--proxies', 'all connections through proxies, so that each can be cut or slowed')
        .option('--proxy-port <port>', "of the proxies' Toxiproxy API, with --proxies", '8474')
    },
    run: (options) => run(io, options),
  })
}

async function run(io: CliIo, options: Options): Promise<void> {
  const brokers = wholeNumber(options.brokers, '--brokers')
  if (brokers < 1) throw new UsageError('--brokers: at least one')
  const dataDir = path.resolve(options.data)
  const allEnded = Promise.withResolvers<'ended'>()
  const beside = new Beside(options)
  const cluster: LocalCluster = new LocalCluster({
    brokers,
    port: wholeNumber(options.port, '--port'),
    zookeeperPort: wholeNumber(options.zookeeperPort, '--zookeeper-port'),
    zookeeper: options.zookeeper,
    dataDir,
    overrides: options.override ?? [],
    ...(options.dashboard ? { prepare: () => beside.prepare(cluster) } : {}),
    onUnexpectedEnd: (end) => {
      io.stderr(endNote(end))
      if (end.left === 0) allEnded.resolve('ended')
    },
  })
  const print = options.quiet === true ? () => {} : (text: string) => io.stdout(text)
  const stopped = untilStopped()
  const isFirst = !fs.existsSync(dataDir)
  const startMs = performance.now()
  const what = brokers === 1 ? '1 broker' : `${brokers} brokers`
  print(`Starting ${what} ${isFirst ? 'with new data' : 'on the data'} in ${dataDir} ...\n`)
  let exitCode = 0
  try {
    const controllerId = await Promise.race([cluster.start(), stopped])
    if (controllerId !== undefined) {
      const tookMs = performance.now() - startMs
      const links = await Promise.race([beside.start(), stopped])
      if (links !== undefined) print(description(cluster, controllerId, tookMs, links))
      if ((await Promise.race([stopped, allEnded.promise])) === 'ended') exitCode = 1
    }
  } catch (error) {
    io.stderr(`samsa up: ${(error as Error).message}\n`)
    await beside.stop()
    await cluster.stop()
    await beside.stopProxies()
    throw new ExitError(1)
  }
  print('\nStopping ...\n')
  await beside.stop()
  await cluster.stop()
  process.exit(exitCode)
}

/** The page and what belongs to it, when they are wanted. Loaded late: the brokers come first. */
class Beside {
  readonly #options: Options
  #view: LocalView | null = null

  constructor(options: Options) {
    this.#options = options
  }

  async prepare(cluster: LocalCluster): Promise<SettingsOf> {
    const { dashboardPort, proxies, proxyPort } = this.#options
    const { LocalView } = await import('./up-view.ts')
    this.#view = new LocalView(cluster, {
      dashboardPort:
        dashboardPort === undefined ? null : wholeNumber(dashboardPort, '--dashboard-port'),
      proxyPort: proxies === true ? wholeNumber(proxyPort, '--proxy-port') : null,
    })
    return this.#view.prepare()
  }

  /** Lines for people. */
  async start(): Promise<string[]> {
    if (this.#view === null) return []
    const url = await this.#view.start()
    const { proxyPort } = this.#view
    const api = proxyPort === null ? [] : [`  proxies    http://127.0.0.1:${proxyPort}/proxies`]
    return [`  dashboard  ${url}`, ...api]
  }

  async stop(): Promise<void> {
    await Promise.race([this.#view?.stop(), pause(VIEW_GRACE_MS)])
  }

  async stopProxies(): Promise<void> {
    await this.#view?.stopProxies()
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}

/** How this program is called by whoever reads what we print. */
const SAMSA = import.meta.url.endsWith('.ts') ? 'npm run samsa --' : 'samsa'

function endNote({ name, how, logFile, args, left }: UnexpectedEnd): string {
  const words = args.map((word) => (path.isAbsolute(word) ? shortPath(word) : word))
  const lines = [
    `${name} ended with ${how}.${left > 0 ? ' The others go on.' : ' Nothing is left.'}`,
    `  its log          ${shortPath(logFile)}`,
    `  to start it again  ${SAMSA} ${words.join(' ')}`,
  ]
  return `${lines.join('\n')}\n`
}

function shortPath(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative.startsWith('..') ? file : relative
}

function description(
  cluster: LocalCluster,
  controllerId: number,
  tookMs: number,
  links: readonly string[],
): string {
  const first = cluster.brokerIds[0]!
  const server = `127.0.0.1:${cluster.portOf(first)}`
  const other = cluster.brokerIds.find((id) => id !== controllerId) ?? first
  const zookeeper = cluster.zookeeperAddress
  const pid = cluster.zookeeperPid
  const factor = Math.min(3, cluster.brokerIds.length)
  const brokerLine = (id: number): string =>
    `  broker ${id}   127.0.0.1:${cluster.portOf(id)}  pid ${cluster.pidOf(id)}` +
    (id === controllerId ? '  controller' : '')
  const lines = [
    `Ready in ${(tookMs / 1000).toFixed(2)} s.`,
    '',
    `  ZooKeeper  ${zookeeper}${pid > 0 ? `  pid ${pid}` : ''}`,
    ...cluster.brokerIds.map(brokerLine),
    `  logs       ${shortPath(cluster.logDirectory)}`,
    ...links,
    '',
    'Try in another terminal:',
    `  ${SAMSA} topics --bootstrap-server ${server} --create --topic orders --partitions 3 --replication-factor ${factor}`,
    `  echo hello | kcat -P -b ${server} -t orders -X acks=all; kcat -C -e -b ${server} -t orders`,
    `  ${SAMSA} zk --zookeeper ${zookeeper} get /controller    # or zkCli.sh -server ${zookeeper}`,
    `  kill -9 ${cluster.pidOf(controllerId)}    # the controller; then see who leads now:`,
    `  ${SAMSA} topics --bootstrap-server 127.0.0.1:${cluster.portOf(other)} --describe`,
    '',
    'Ctrl-C ends everything; the data stays.',
    '',
  ]
  return lines.join('\n')
}

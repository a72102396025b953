/** `samsa zk`: looks into ZooKeeper, in the format of its own `zkCli`; changes nothing. */

import type { Command } from 'commander'
import type { Clock } from '../base/ports.ts'
import { SILENT_LOGGER } from '../base/silent-logger.ts'
import { systemClock } from '../host/clock.ts'
import { systemRandom } from '../host/random.ts'
import { systemTransport } from '../host/tcp.ts'
import { ZkJsClient } from '../host/zk-js.ts'
import { loadNativeZooKeeper } from '../host/zk-native.ts'
import { parseConnectString } from '../zk/connect-string.ts'
import { isZkError, type ZkClient, type ZkOperations } from '../zk/zk-client.ts'
import { ZkSession, ZkStartError } from '../zk/zk-session.ts'
import type { CliIo } from './cli-io.ts'
import { untilStopped } from './process-life.ts'
import { PlainError, toolCommand, UsageError } from './tool-command.ts'
import { dataDiff, dataText, statText, timeText } from './zk-format.ts'
import { childPath, TreeWatch, type ZnodeChange } from './zk-tree-watch.ts'

/** What a test puts in the place of sockets and signals. */
export interface ZkCommandPorts {
  readonly clock: Clock
  /** Resolves with what makes a client; may say something on the way. */
  readonly open: (io: CliIo, connect: string, client: string) => Promise<() => ZkClient>
  /** `watch` ends when it does. */
  readonly untilStopped: () => Promise<void>
}

interface Options {
  readonly zookeeper: string
  readonly client: string
  readonly recursive?: true
  readonly stat?: true
}

type Action = (io: CliIo, zk: ZkSession, path: string, options: Options) => Promise<void>

const SESSION_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 10_000
const USAGE = `
  ls [-R] [-s] PATH   names of the children; -R all paths below
  get [-s] PATH       the data
  stat PATH           version, times, owner
  watch [-R] PATH     each change, with what was before; -R all below`

const SYSTEM_PORTS: ZkCommandPorts = { clock: systemClock, open: openClient, untilStopped }

export function zkCommand(io: CliIo, ports: ZkCommandPorts = SYSTEM_PORTS): Command {
  const actions: Readonly<Record<string, Action>> = {
    ls: list,
    get: printData,
    stat: printStat,
    watch: (_io, zk, path, options) => watch(io, ports, zk, path, options.recursive === true),
  }
  return toolCommand<Options>(io, {
    name: 'zk',
    description: `Looks into ZooKeeper, changes nothing.\n${USAGE}`,
    options: (command) => {
      command
        .usage('[options] ls|get|stat|watch PATH')
        .option('--zookeeper <host:port[/chroot]>', 'where it is', '127.0.0.1:2181')
        .option('--client <native|js>', 'native when it loads, else js', 'native')
        .option('-R, --recursive', 'all below the path')
        .option('-s, --stat', 'version, times and owner too')
    },
    run: async (options, [name = '', path, ...rest]) => {
      const action = Object.hasOwn(actions, name) ? actions[name] : undefined
      if (action === undefined || path === undefined || rest.length > 0) {
        throw new UsageError('One of ls, get, stat, watch and one path are needed')
      }
      if (!path.startsWith('/')) throw new PlainError('Path must start with / character')
      await withSession(io, ports, options, (zk) => action(io, zk, trimmed(path), options))
    },
  })
}

function trimmed(path: string): string {
  return path.replace(/(?<=.)\/+$/, '')
}

async function withSession(
  io: CliIo,
  ports: ZkCommandPorts,
  { zookeeper, client }: Options,
  run: (zk: ZkSession) => Promise<void>,
): Promise<void> {
  try {
    parseConnectString(zookeeper)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  const connect = await ports.open(io, zookeeper, client)
  const zk = new ZkSession({ connect, clock: ports.clock, logger: SILENT_LOGGER })
  try {
    await zk.start(CONNECT_TIMEOUT_MS)
    await run(zk)
  } catch (error) {
    if (error instanceof ZkStartError) throw new PlainError(`${zookeeper}: ${error.message}`)
    if (isZkError(error, 'NO_NODE')) throw new PlainError(`Node does not exist: ${error.path}`)
    if (isZkError(error, 'NO_AUTH')) throw new PlainError(`Insufficient permission: ${error.path}`)
    if (isZkError(error)) throw new PlainError(error.message)
    throw error
  } finally {
    await zk.close()
  }
}

async function openClient(io: CliIo, connect: string, client: string): Promise<() => ZkClient> {
  const ports = {
    transport: systemTransport,
    clock: systemClock,
    random: systemRandom,
    logger: SILENT_LOGGER,
  }
  const makeJs = () => new ZkJsClient(ports, { connect, sessionTimeoutMs: SESSION_TIMEOUT_MS })
  if (client === 'js') return makeJs
  if (client !== 'native') throw new UsageError(`--client is native or js, not '${client}'`)
  const native = await loadNativeZooKeeper()
  if (native.kind === 'available') {
    return () => native.connect(systemClock, connect, SESSION_TIMEOUT_MS)
  }
  if (native.isInstalled) io.stderr(`${native.reason}; going on with node-zookeeper-client\n`)
  return makeJs
}

const list: Action = async (io, zk, path, options) => {
  if (options.recursive === true) {
    const { children } = await zk.children(path)
    io.stdout(`${path}\n`)
    await listBelow(io, zk, path, children)
    return
  }
  const { children, stat } = await zk.children(path)
  io.stdout(`[${children.sort().join(', ')}]\n`)
  if (options.stat === true) io.stdout(statText(stat))
}

/** All children first, then what is below each of them: the order of `zkCli`. */
async function listBelow(
  io: CliIo,
  zk: ZkOperations,
  parent: string,
  children: string[],
): Promise<void> {
  const paths = children.sort().map((name) => childPath(parent, name))
  for (const path of paths) io.stdout(`${path}\n`)
  for (const path of paths) await listBelow(io, zk, path, await childrenOf(zk, path))
}

async function childrenOf(zk: ZkOperations, path: string): Promise<string[]> {
  try {
    return (await zk.children(path)).children
  } catch (error) {
    if (isZkError(error, 'NO_NODE')) return []
    throw error
  }
}

const printData: Action = async (io, zk, path, options) => {
  const { data, stat } = await zk.get(path)
  io.stdout(`${dataText(data)}\n`)
  if (options.stat === true) io.stdout(statText(stat))
}

const printStat: Action = async (io, zk, path) => {
  io.stdout(statText((await zk.get(path)).stat))
}

async function watch(
  io: CliIo,
  ports: ZkCommandPorts,
  zk: ZkSession,
  path: string,
  isRecursive: boolean,
): Promise<void> {
  const say = (text: string) => io.stdout(`${timeText(ports.clock.wallMs())} ${text}\n`)
  const tree = new TreeWatch(zk, path, isRecursive, (change) => {
    for (const line of changeLines(change)) io.stdout(`${line}\n`)
  })
  const changeLines = (change: ZnodeChange): string[] => {
    const [first = '', ...rest] = describe(change)
    return [`${timeText(ports.clock.wallMs())} ${first}`, ...rest.map((line) => `    ${line}`)]
  }
  zk.onNewSession(async () => {
    say('the session expired, a new one goes on; what changed meanwhile:')
    await tree.onNewSession()
  })
  const count = await tree.start()
  say(count === 0 ? `${path} does not exist yet` : `watching ${count} nodes, Ctrl-C ends it`)
  await ports.untilStopped()
}

function describe(change: ZnodeChange): string[] {
  const { kind, path } = change
  switch (change.kind) {
    case 'created':
      return [`${kind} ${path}`, ...dataLines('+', change.after.data)]
    case 'deleted':
      return [`${kind} ${path}`, ...dataLines('-', change.before.data)]
    case 'children':
      return [
        `${kind} ${path}`,
        ...change.removed.map((name) => `- ${name}`),
        ...change.added.map((name) => `+ ${name}`),
      ]
    default: {
      const { before, after } = change
      const diff = dataDiff(before.data, after.data)
      const version = `version ${before.stat.version} -> ${after.stat.version}`
      return [`${kind} ${path}, ${version}`, ...(diff.length === 0 ? ['same data'] : diff)]
    }
  }
}

function dataLines(sign: string, data: Buffer | null): string[] {
  return data === null ? [] : [`${sign} ${dataText(data)}`]
}

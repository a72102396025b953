/** The four-letter words that people and monitoring send over plain TCP, in the real one's layout. */

import type { Connection } from './connection.ts'
import { OpCode } from './opcodes.ts'
import type { Instant, Processor } from './processor.ts'

export interface ServerView {
  readonly processor: Processor<Connection>
  readonly connections: readonly Connection[]
  readonly asking: Connection
  readonly now: Instant
  readonly uptimeMs: number
  readonly outstanding: number
  readonly traffic: { readonly received: number; readonly sent: number }
  /** Names and values of `conf`. */
  readonly settings: readonly (readonly [string, string])[]
}

/** Clients parse the number before the dash. */
const VERSION = '3.9.5-samsa, built on 2026-02-11 20:18 UTC'

/** Known to the real server, but not offered here. */
const REFUSED = new Set([
  'crst',
  'dirs',
  'gtmk',
  'hash',
  'lead',
  'srst',
  'stmk',
  'orst',
  'obsr',
  'sysp',
])

export function isWord(text: string): boolean {
  return Object.hasOwn(WORDS, text) || REFUSED.has(text)
}

export function answerWord(word: string, view: ServerView): string {
  const answer = WORDS[word]
  if (answer !== undefined) return answer(view)
  return `${word} is not executed because it is not in the whitelist.\n`
}

const WORDS: Readonly<Record<string, (view: ServerView) => string>> = {
  ruok: () => 'imok',
  isro: () => 'rw',
  srvr: (view) => `Zookeeper version: ${VERSION}\n${serverLines(view)}`,
  stat: (view) =>
    `Zookeeper version: ${VERSION}\nClients:\n${connectionLines(view, false)}\n${serverLines(view)}`,
  cons: (view) => `${connectionLines(view, true)}\n`,
  conf: (view) => view.settings.map(([name, value]) => `${name}=${value}\n`).join(''),
  mntr: (view) => monitorLines(view),
  dump: (view) => dumpLines(view),
  envi: () => `Environment:\nzookeeper.version=${VERSION}\nhost.name=localhost\n`,
  wchs: ({ processor: { dataWatches } }) =>
    `${dataWatches.clientCount} connections watching ${dataWatches.pathCount} paths\n` +
    `Total watches:${dataWatches.watchCount}\n`,
  wchp: ({ processor }) =>
    groups(processor.dataWatches.byPath().map(([path, clients]) => [path, clients.map(idOf)])),
  wchc: ({ processor }) =>
    groups(processor.dataWatches.byClient().map(([client, paths]) => [idOf(client), paths])),
}

function serverLines({ processor, connections, outstanding, traffic }: ServerView): string {
  return (
    'Latency min/avg/max: 0/0.0/0\n' +
    `Received: ${traffic.received}\nSent: ${traffic.sent}\n` +
    `Connections: ${connections.length}\nOutstanding: ${outstanding}\n` +
    `Zxid: ${hex(processor.lastZxid)}\nMode: standalone\n` +
    `Node count: ${nodeCount(processor)}\n`
  )
}

/** The real server keeps the root under two names and counts both. */
function nodeCount(processor: Processor<Connection>): number {
  return processor.tree.nodeCount + 1
}

function connectionLines({ connections, asking }: ServerView, inFull: boolean): string {
  return connections
    .map((connection) => {
      const { received, sent } = connection.counters
      const asks = connection === asking
      const counts = `queued=0,recved=${received},sent=${sent}`
      const session = inFull && connection.hasSession ? sessionFacts(connection) : ''
      return ` /${connection.address}[${asks ? 0 : 1}](${counts}${session})\n`
    })
    .join('')
}

function sessionFacts({ sessionId, timeoutMs, openedMs, counters }: Connection): string {
  const { lastOpcode, lastXid, lastZxid, lastMs } = counters
  const lastOperation = OPERATION_NAMES.get(lastOpcode) ?? 'SESS'
  const xid =
    lastXid < 0
      ? `0x${(BigInt(lastXid) & 0xffff_ffff_ffff_ffffn).toString(16)}`
      : hex(BigInt(lastXid))
  return (
    `,sid=${hex(sessionId)},lop=${lastOperation},est=${Math.round(openedMs)},to=${timeoutMs}` +
    `,lcxid=${xid},lzxid=${hex(lastZxid)},lresp=${Math.round(lastMs)}` +
    ',llat=0,minlat=0,avglat=0,maxlat=0'
  )
}

const OPERATION_NAMES: ReadonlyMap<number, string> = new Map([
  [OpCode.CREATE, 'CREA'],
  [OpCode.CREATE2, 'CREA'],
  [OpCode.DELETE, 'DELE'],
  [OpCode.EXISTS, 'EXIS'],
  [OpCode.GET_DATA, 'GETD'],
  [OpCode.SET_DATA, 'SETD'],
  [OpCode.GET_ACL, 'GETA'],
  [OpCode.SET_ACL, 'SETA'],
  [OpCode.GET_CHILDREN, 'GETC'],
  [OpCode.GET_CHILDREN2, 'GETC'],
  [OpCode.SYNC, 'SYNC'],
  [OpCode.MULTI, 'MULT'],
  [OpCode.MULTI_READ, 'MLTR'],
  [OpCode.SET_WATCHES, 'SETW'],
  [OpCode.SET_WATCHES2, 'STW2'],
  [OpCode.ADD_WATCH, 'ADDW'],
])

function monitorLines(view: ServerView): string {
  const { processor, connections, traffic, outstanding } = view
  const { tree, dataWatches, childWatches, sessions } = processor
  const rows: [string, string | number][] = [
    ['version', VERSION],
    ['server_state', 'standalone'],
    ['ephemerals_count', tree.ephemeralCount],
    ['num_alive_connections', connections.length],
    ['avg_latency', '0.0'],
    ['min_latency', 0],
    ['max_latency', 0],
    ['outstanding_requests', outstanding],
    ['znode_count', nodeCount(processor)],
    ['global_sessions', sessions.size],
    ['local_sessions', 0],
    ['packets_sent', traffic.sent],
    ['packets_received', traffic.received],
    ['watch_count', dataWatches.watchCount + childWatches.watchCount],
    ['approximate_data_size', tree.approximateBytes],
    ['uptime', Math.round(view.uptimeMs)],
  ]
  return rows.map(([name, value]) => `zk_${name}\t${value}\n`).join('')
}

function dumpLines({ processor, now }: ServerView): string {
  const byExpiry = new Map<number, string[]>()
  for (const { id, expiresAtMs } of processor.sessions.all()) {
    const ids = byExpiry.get(expiresAtMs)
    if (ids === undefined) byExpiry.set(expiresAtMs, [hex(id)])
    else ids.push(hex(id))
  }
  const lines = [
    'SessionTracker dump:',
    `Session Sets (${byExpiry.size})/(${processor.sessions.size}):`,
  ]
  for (const [expiresAtMs, ids] of [...byExpiry].sort(([a], [b]) => a - b)) {
    const at = new Date(now.wallMs + expiresAtMs - now.monotonicMs)
    lines.push(`${ids.length} expire at ${at.toUTCString()}:`, ...ids.map((id) => `\t${id}`))
  }
  const owners = processor.tree.ephemeralOwners()
  lines.push('ephemeral nodes dump:', `Sessions with Ephemerals (${owners.length}):`)
  for (const owner of owners) {
    const paths = processor.tree.ephemeralsOf(owner)
    lines.push(`${hex(owner)}:`, ...paths.map((path) => `\t${path}`))
  }
  return `${lines.join('\n')}\n`
}

function groups(entries: readonly (readonly [string, readonly string[]])[]): string {
  return entries
    .map(([head, items]) => `${head}\n${items.map((item) => `\t${item}\n`).join('')}`)
    .join('')
    .concat('\n')
}

function idOf(connection: Connection): string {
  return hex(connection.sessionId)
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`
}

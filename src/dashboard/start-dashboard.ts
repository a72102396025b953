/** The dashboard as one thing to start and stop: `samsa dashboard` runs it alone, `samsa up` beside. */
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { PartitionClient } from '../client/partition-client.ts'
import { isLoopback } from '../host/request-origin.ts'
import { type EventLog, RecordedHistory } from './event-log.ts'
import { type ChaosHandler, DashboardServer } from './server.ts'

export interface DashboardOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 8080; 0 for any free one. */
  readonly port?: number
  /** Names with dots by which browsers may ask for it. */
  readonly names?: readonly string[]
  /** Made up where one is needed and none is given. */
  readonly token?: string
  /** What is shown: an observer's events, or a file with a recorded run. */
  readonly from: LiveSource | { readonly kind: 'file'; readonly file: string }
}

export interface LiveSource {
  readonly kind: 'live'
  readonly log: EventLog
  /** Shown by the page: `ZooKeeper at 127.0.0.1:2181`. */
  readonly name: string
  /** For the message browser; null: no broker is known. */
  readonly partitions: () => PartitionClient | null
  readonly chaos: ChaosHandler | { readonly reason: string }
}

export interface RunningDashboard {
  readonly port: number
  /** For people; with the token when one is needed. */
  readonly url: string
  readonly token: string | null
  close(): Promise<void>
}

export const DEFAULT_HOST = '127.0.0.1'
export const DEFAULT_PORT = 8080

/** Listened on, but no address to go to. */
const ANY_ADDRESS = new Set(['0.0.0.0', '::', ''])
const RECORDED_REASON = 'a recorded run is shown, without a cluster'

/** Rejects with a message for people when the port is taken or the file cannot be read. */
export async function startDashboard(options: DashboardOptions): Promise<RunningDashboard> {
  const host = options.host ?? DEFAULT_HOST
  const asked = options.port ?? DEFAULT_PORT
  const token = options.token ?? (isLoopback(host) ? null : randomBytes(16).toString('base64url'))
  const server = new DashboardServer({
    ...(await sourceOf(options.from)),
    host,
    port: asked,
    token,
    names: options.names ?? [],
  })
  const port = await server.start().catch((error: unknown) => {
    throw listenError(error, host, asked)
  })
  const shown = ANY_ADDRESS.has(host) ? 'localhost' : host
  const name = shown.includes(':') ? `[${shown}]` : shown
  const query = token === null ? '' : `/?token=${token}`
  return { port, url: `http://${name}:${port}${query}`, token, close: () => server.close() }
}

async function sourceOf(from: DashboardOptions['from']) {
  if (from.kind === 'live') {
    const { log, name, partitions, chaos } = from
    return { log, source: name, isRecorded: false, partitions, chaos }
  }
  return {
    log: await RecordedHistory.open(from.file),
    source: path.basename(from.file),
    isRecorded: true,
    partitions: () => null,
    chaos: { reason: RECORDED_REASON },
  }
}

function listenError(error: unknown, host: string, port: number): Error {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    return new Error(`port ${port} of ${host} is taken: give another one with --port`)
  }
  if (code === 'EACCES') return new Error(`port ${port} of ${host} is not allowed to this user`)
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new Error(`${host} is no address of this machine`)
  }
  return new Error(message)
}

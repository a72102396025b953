/** A dashboard's server over a history that a test writes, and viewers that a test controls. */
import net from 'node:net'
import { WebSocket } from 'ws'
import type { EventLog } from '../../src/dashboard/event-log.ts'
import type { ClusterEvent, UnnumberedEvent } from '../../src/dashboard/history/events.ts'
import { HistoryStore } from '../../src/dashboard/history/history-store.ts'
import { DashboardServer, type ServerOptions } from '../../src/dashboard/server.ts'

export class GrowingLog implements EventLog {
  readonly #store: HistoryStore
  readonly #listeners = new Set<(event: ClusterEvent) => void>()

  constructor(capacity = 20_000) {
    this.#store = new HistoryStore(capacity)
  }

  get events(): readonly ClusterEvent[] {
    return this.#store.events
  }

  get firstKeptSeq(): number {
    return this.#store.firstKeptSeq
  }

  onEvent(listener: (event: ClusterEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  add(event: UnnumberedEvent): void {
    const added = this.#store.add(event)
    for (const listener of this.#listeners) listener(added)
  }

  addLines(count: number, message = 'a line'): void {
    for (let i = 0; i < count; i++) {
      this.add({
        kind: 'broker-log',
        atMs: 1_000 + i,
        brokerId: 1,
        brokerAtMs: 1_000 + i,
        level: 'INFO',
        logger: 'kafka.server.KafkaServer',
        message,
      })
    }
  }
}

export async function startServer(options: Partial<ServerOptions> = {}) {
  const log = new GrowingLog()
  const server = new DashboardServer({
    log,
    host: '127.0.0.1',
    port: 0,
    token: null,
    chaos: { reason: 'a test has no cluster' },
    partitions: () => null,
    source: 'a test',
    isRecorded: false,
    ...options,
  })
  const port = await server.start()
  const url = `http://127.0.0.1:${port}`
  return { log, server, port, url, [Symbol.asyncDispose]: () => server.close() }
}

/** Keeps what it is told. */
export class TestViewer {
  readonly socket: WebSocket
  historyId = ''
  /** Of the last beginning. */
  startSeq = -1
  begins = 0
  isLive = false
  events: ClusterEvent[] = []
  closeCode = 0

  constructor(port: number, query = '', headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/ws${query}`, { headers })
    this.socket.on('error', () => {})
    this.socket.on('close', (code) => {
      this.closeCode = code
    })
    this.socket.on('message', (data) => this.#receive(JSON.parse(String(data))))
  }

  get lastSeq(): number {
    return this.events.at(-1)?.seq ?? -1
  }

  get hasHoles(): boolean {
    return this.events.some(({ seq }, i) => i > 0 && seq !== this.events[i - 1]!.seq + 1)
  }

  #receive(message: {
    kind: string
    historyId?: string
    nextSeq?: number
    events?: ClusterEvent[]
  }): void {
    if (message.kind === 'live') this.isLive = true
    else if (message.kind !== 'history') this.events.push(message as unknown as ClusterEvent)
    else {
      if (message.historyId !== undefined) {
        this.historyId = message.historyId
        this.startSeq = message.nextSeq!
        this.begins++
        this.events = []
      }
      this.events.push(...message.events!)
    }
  }
}

/** Speaks the WebSocket handshake and then only what it is told to; reads only when resumed. */
export async function rawViewer(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write(
    'GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  socket.pause()
  return socket
}

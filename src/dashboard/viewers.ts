/**
 * Those who look on. A viewer is a place in the history: frames are sent while its socket takes them, and
 * what it has not had waits in the history that all share, never in a queue of its own. One that reads
 * too slowly gets many events in one frame; one that does not read at all is dropped.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { EncodedHistory } from './encoded-history.ts'
import type { EventLog } from './event-log.ts'

/** Nothing more is given to a socket that holds this much. */
export const BUFFERED_LIMIT_BYTES = 256 * 1024

/** A viewer has nothing to say to us. */
export const VIEWER_FRAME_LIMIT_BYTES = 1024

export const VIEWERS_LIMIT = 500

/** More than these get their events a little later, several at a time: it spares the brokers' machine. */
const FEW_VIEWERS = 20
const CROWD_DELAY_MS = 100

export interface ViewerOptions {
  /** Told to a viewer, so that one that comes back goes on where it was. */
  readonly historyId: string
  readonly maxViewers?: number
  /** Default 15 s: who has not answered one ping by the next is dropped. */
  readonly pingEveryMs?: number
}

interface Viewer {
  readonly socket: WebSocket
  nextSeq: number
  /** Of the history when it began to read. */
  firstKeptSeq: number
  isLive: boolean
  isAlive: boolean
}

/** Of the WebSocket protocol: what was sent is against the rules. */
const POLICY = 1008

const DEFAULT_PING_MS = 15_000

export class Viewers {
  readonly #history: EncodedHistory
  readonly #options: ViewerOptions
  readonly #sockets: WebSocketServer
  readonly #viewers = new Set<Viewer>()
  readonly #endEvents: () => void
  readonly #pings: NodeJS.Timeout
  #pumpIsDue = false

  constructor(log: EventLog, options: ViewerOptions) {
    this.#history = new EncodedHistory(log)
    this.#options = options
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: VIEWER_FRAME_LIMIT_BYTES,
      perMessageDeflate: false,
    })
    this.#endEvents = log.onEvent(() => this.#pumpSoon())
    this.#pings = setInterval(() => this.#ping(), options.pingEveryMs ?? DEFAULT_PING_MS)
    this.#pings.unref()
  }

  get count(): number {
    return this.#viewers.size
  }

  /** Bytes that sockets hold for viewers which have not read them. */
  get bufferedBytes(): number {
    let bytes = 0
    for (const { socket } of this.#viewers) bytes += socket.bufferedAmount
    return bytes
  }

  get isFull(): boolean {
    return this.#viewers.size >= (this.#options.maxViewers ?? VIEWERS_LIMIT)
  }

  /** `?history=ID&after=SEQ` goes on after an event of the same history. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, query: URLSearchParams): void {
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#welcome(webSocket, this.#startOf(query))
    })
  }

  close(): void {
    this.#endEvents()
    clearInterval(this.#pings)
    for (const { socket } of this.#viewers) socket.terminate()
    this.#viewers.clear()
    this.#sockets.close()
  }

  #startOf(query: URLSearchParams): number {
    const { firstSeq, firstKeptSeq, nextSeq } = this.#history
    const after = Number(query.get('after') ?? Number.NaN)
    const knowsIt = query.get('history') === this.#options.historyId && Number.isInteger(after)
    if (!knowsIt || after + 1 < firstKeptSeq || after >= nextSeq) return firstSeq
    return after + 1
  }

  #welcome(socket: WebSocket, nextSeq: number): void {
    const firstKeptSeq = this.#history.firstKeptSeq
    const viewer: Viewer = { socket, nextSeq, firstKeptSeq, isLive: false, isAlive: true }
    this.#viewers.add(viewer)
    socket.on('close', () => this.#viewers.delete(viewer))
    // Garbage and frames beyond the limit: `ws` closes the socket with the fitting code.
    socket.on('error', () => socket.terminate())
    socket.on('pong', () => {
      viewer.isAlive = true
    })
    socket.on('message', () => socket.close(POLICY, 'this socket only speaks'))
    this.#begin(viewer)
    this.#pump(viewer)
  }

  #begin({ socket, nextSeq }: Viewer): void {
    const { historyId } = this.#options
    socket.send(JSON.stringify({ kind: 'history', historyId, nextSeq, events: [] }))
  }

  /** Events of one turn of the event loop travel together; before a crowd, those of a moment. */
  #pumpSoon(): void {
    if (this.#pumpIsDue) return
    this.#pumpIsDue = true
    const pump = (): void => {
      this.#pumpIsDue = false
      for (const viewer of this.#viewers) this.#pump(viewer)
    }
    if (this.#viewers.size <= FEW_VIEWERS) setImmediate(pump)
    else setTimeout(pump, CROWD_DELAY_MS).unref()
  }

  #pump(viewer: Viewer): void {
    const { socket } = viewer
    const { firstKeptSeq } = this.#history
    if (viewer.nextSeq < firstKeptSeq && viewer.firstKeptSeq !== firstKeptSeq) {
      // What it has not read is folded by now: it starts again.
      viewer.nextSeq = this.#history.firstSeq
      viewer.firstKeptSeq = firstKeptSeq
      this.#begin(viewer)
    }
    while (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < BUFFERED_LIMIT_BYTES) {
      if (viewer.nextSeq >= this.#history.nextSeq) {
        // With our time: it may be long since the last event.
        if (!viewer.isLive) socket.send(JSON.stringify({ kind: 'live', atMs: Date.now() }))
        viewer.isLive = true
        return
      }
      const { bytes, nextSeq } = this.#history.frameFrom(viewer.nextSeq)
      viewer.nextSeq = nextSeq
      const isFull = socket.bufferedAmount + bytes.length >= BUFFERED_LIMIT_BYTES
      socket.send(bytes, { binary: false }, isFull ? () => this.#pump(viewer) : undefined)
    }
  }

  #ping(): void {
    for (const viewer of this.#viewers) {
      if (!viewer.isAlive) {
        viewer.socket.terminate()
        continue
      }
      viewer.isAlive = false
      viewer.socket.ping()
    }
  }
}

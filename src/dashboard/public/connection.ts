/**
 * The page's line to its server. It comes back by itself, sooner at first and later after, goes on where
 * it was when the server still has that history, and begins anew when it has another one.
 */
import type { ClusterEvent } from '../history/events.ts'

export type ConnectionState =
  | { readonly kind: 'connecting' }
  /** The server tells what was. */
  | { readonly kind: 'loading' }
  | { readonly kind: 'live' }
  | { readonly kind: 'waiting'; readonly untilMs: number; readonly attempt: number }
  /** A file is shown. */
  | { readonly kind: 'off' }

export interface ConnectionEvents {
  onState(state: ConnectionState): void
  /** Another history begins. */
  onReset(): void
  onEvents(events: readonly ClusterEvent[]): void
  /** Everything that was has been told; the server's clock shows this. */
  onLive(serverMs: number): void
}

type Message =
  | {
      readonly kind: 'history'
      readonly historyId?: string
      readonly nextSeq?: number
      readonly events: readonly ClusterEvent[]
    }
  | { readonly kind: 'live'; readonly atMs: number }
  | ClusterEvent

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 10_000
/** An attempt that has not opened by then is given up. */
const OPEN_TIMEOUT_MS = 5_000

export class Connection {
  readonly #events: ConnectionEvents
  #socket: WebSocket | null = null
  #timer = 0
  #attempt = 0
  #historyId: string | null = null
  #nextSeq = 0
  #isOff = false

  constructor(events: ConnectionEvents) {
    this.#events = events
  }

  connect(): void {
    this.#isOff = false
    clearTimeout(this.#timer)
    this.#events.onState({ kind: 'connecting' })
    const query = new URLSearchParams()
    if (this.#historyId !== null) {
      query.set('history', this.#historyId)
      query.set('after', String(this.#nextSeq - 1))
    }
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${location.host}/ws?${query}`)
    this.#socket = socket
    this.#timer = window.setTimeout(() => socket.close(), OPEN_TIMEOUT_MS)
    socket.addEventListener('open', () => {
      clearTimeout(this.#timer)
      this.#events.onState({ kind: 'loading' })
    })
    socket.addEventListener('message', ({ data }) => {
      if (socket === this.#socket && typeof data === 'string') this.#receive(JSON.parse(data))
    })
    socket.addEventListener('close', () => {
      if (socket === this.#socket) this.#wait()
    })
  }

  /** Tries at once, when it waits. */
  retryNow(): void {
    if (this.#isOff || this.#socket !== null) return
    this.connect()
  }

  close(): void {
    this.#isOff = true
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = null
    this.#historyId = null
    socket?.close()
    this.#events.onState({ kind: 'off' })
  }

  #receive(message: Message): void {
    if (message.kind === 'live') {
      this.#attempt = 0
      this.#events.onLive(message.atMs)
      this.#events.onState({ kind: 'live' })
    } else if (message.kind === 'history') {
      if (message.historyId !== undefined) this.#begin(message.historyId, message.nextSeq ?? 0)
      this.#accept(message.events)
    } else this.#accept([message])
  }

  #begin(historyId: string, nextSeq: number): void {
    if (historyId === this.#historyId && nextSeq === this.#nextSeq) return
    this.#historyId = historyId
    this.#nextSeq = nextSeq
    this.#events.onReset()
  }

  #accept(events: readonly ClusterEvent[]): void {
    const last = events.at(-1)
    if (last === undefined) return
    this.#nextSeq = last.seq + 1
    this.#events.onEvents(events)
  }

  #wait(): void {
    clearTimeout(this.#timer)
    this.#socket = null
    if (this.#isOff) return
    this.#attempt++
    const longest = Math.min(FIRST_WAIT_MS * 2 ** (this.#attempt - 1), LONGEST_WAIT_MS)
    // Pages that lost their server together do not come back together.
    const waitMs = longest * (0.5 + Math.random() / 2)
    this.#events.onState({
      kind: 'waiting',
      untilMs: Date.now() + waitMs,
      attempt: this.#attempt,
    })
    this.#timer = window.setTimeout(() => this.connect(), waitMs)
  }
}

/**
 * One TCP connection to one ZooKeeper server: handshake, pings, and the watchdog that drops it when
 * nothing is heard any more. All that `node-zookeeper-client` leaves out (its issues 13 and 20): a
 * server that accepts and says nothing, one that falls silent later, half a frame at the end.
 */

import type { Clock, Socket } from '../base/ports.ts'
import { FrameReader } from '../network/framing.ts'
import {
  decodeConnectResponse,
  decodeReplyHeader,
  encodeRequest,
  OP_CODES,
  type ReplyHeader,
  type SessionCredentials,
  XID_PING,
} from './zk-wire.ts'

export interface LinkHandlers {
  /** `sentAtMs`: when the request was sent that this answers. */
  onHandshake(response: { timeoutMs: number; session: SessionCredentials }, sentAtMs: number): void
  onPingAnswered(sentAtMs: number): void
  /** Throws when the frame is malformed: then the link is dropped. */
  onReply(header: ReplyHeader, frame: Buffer): void
  /** Exactly once, also after `drop`. Nothing comes after it. */
  onClosed(reason: string): void
}

export interface LinkOptions {
  readonly handshakeTimeoutMs: number
  readonly maxAnswerBytes: number
}

/** A quarter: however the sendings fall, proof of life is never older than a third for long. */
const PINGS_PER_TIMEOUT = 4
const PING_INTERVAL_MS_MAX = 10_000
const SILENCE_ALLOWED = 2 / 3
/** After a stall of the event loop the answer may lie in the socket: read before you judge. */
const SILENCE_GRACE_MS = 10

export class ZkLink {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #handlers: LinkHandlers
  readonly #frames: FrameReader
  readonly #pingsSentAtMs: number[] = []
  #handshakeSentAtMs = 0
  #isEstablished = false
  #isClosed = false
  #heardAtMs: number
  #cancelHandshakeTimer: () => void = () => {}
  #cancelPing: () => void = () => {}
  #cancelWatchdog: () => void = () => {}

  constructor(socket: Socket, clock: Clock, handlers: LinkHandlers, options: LinkOptions) {
    this.#socket = socket
    this.#clock = clock
    this.#handlers = handlers
    this.#heardAtMs = clock.monotonicMs()
    this.#frames = new FrameReader(options.maxAnswerBytes, (frame) => this.#onFrame(frame))
    const { handshakeTimeoutMs } = options
    this.#cancelHandshakeTimer = clock.after(handshakeTimeoutMs, () =>
      this.drop(`no answer to the handshake in ${handshakeTimeoutMs} ms`),
    )
    socket.setHandlers({
      onData: (chunk) => this.#onData(chunk),
      onClose: (error) => this.#closed(error?.message ?? 'closed by the server'),
    })
  }

  /** The first thing that is sent. */
  sendHandshake(request: Buffer): void {
    this.#handshakeSentAtMs = this.#clock.monotonicMs()
    this.send(request)
  }

  send(packet: Buffer): void {
    if (!this.#isClosed) this.#socket.write([packet])
  }

  drop(reason: string): void {
    if (this.#isClosed) return
    this.#socket.destroy()
    this.#closed(reason)
  }

  #closed(reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelHandshakeTimer()
    this.#cancelPing()
    this.#cancelWatchdog()
    this.#handlers.onClosed(reason)
  }

  #onData(chunk: Buffer): void {
    if (this.#isClosed) return
    this.#heardAtMs = this.#clock.monotonicMs()
    try {
      this.#frames.push(chunk)
    } catch (error) {
      this.drop(`malformed answer: ${(error as Error).message}`)
    }
  }

  #onFrame(frame: Buffer): void {
    if (this.#isClosed) return
    if (!this.#isEstablished) {
      this.#onHandshake(frame)
      return
    }
    const header = decodeReplyHeader(frame)
    if (header.xid !== XID_PING) {
      this.#handlers.onReply(header, frame)
      return
    }
    const sentAtMs = this.#pingsSentAtMs.shift()
    if (sentAtMs !== undefined) this.#handlers.onPingAnswered(sentAtMs)
  }

  #onHandshake(frame: Buffer): void {
    const response = decodeConnectResponse(frame)
    this.#isEstablished = true
    this.#cancelHandshakeTimer()
    if (response.timeoutMs > 0) {
      const intervalMs = Math.min(PING_INTERVAL_MS_MAX, response.timeoutMs / PINGS_PER_TIMEOUT)
      this.#pingEvery(Math.max(1, Math.floor(intervalMs)))
      this.#watch(Math.max(1, Math.ceil(response.timeoutMs * SILENCE_ALLOWED)))
    }
    this.#handlers.onHandshake(response, this.#handshakeSentAtMs)
  }

  #pingEvery(intervalMs: number): void {
    this.#cancelPing = this.#clock.after(intervalMs, () => {
      this.#pingsSentAtMs.push(this.#clock.monotonicMs())
      this.send(encodeRequest(XID_PING, OP_CODES.PING, null))
      this.#pingEvery(intervalMs)
    })
  }

  #watch(allowedMs: number): void {
    const leftMs = this.#heardAtMs + allowedMs - this.#clock.monotonicMs()
    this.#cancelWatchdog = this.#clock.after(Math.max(1, Math.ceil(leftMs)), () => {
      if (this.#silentForMs() < allowedMs) {
        this.#watch(allowedMs)
        return
      }
      this.#cancelWatchdog = this.#clock.after(SILENCE_GRACE_MS, () => {
        if (this.#silentForMs() < allowedMs) this.#watch(allowedMs)
        else this.drop(`nothing heard for ${Math.floor(this.#silentForMs())} ms`)
      })
    })
  }

  #silentForMs(): number {
    return this.#clock.monotonicMs() - this.#heardAtMs
  }
}

/**
 * One socket: reassembles frames, shakes hands, numbers replies. Whatever a peer sends, at worst
 * this connection ends.
 */

import type { Clock, Socket } from '../base/ports.ts'
import { isWord } from './four-letter-words.ts'
import { JuteError, JuteReader } from './jute.ts'
import { OpCode } from './opcodes.ts'
import type { Client, ConnectOutcome, Outcome } from './processor.ts'
import type { Request } from './requests.ts'
import { PASSWORD_BYTES } from './sessions.ts'
import { encodeConnectReply, encodeReply } from './wire-replies.ts'
import {
  decodeConnectRequest,
  decodeRequest,
  decodeRequestHeader,
  type WireConnectRequest,
} from './wire-requests.ts'
import type { Identity } from './znode.ts'

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly clock: Clock
  /** `jute.maxbuffer`: the largest request frame. */
  readonly maxFrameBytes: number
  connect(connection: Connection, request: WireConnectRequest): ConnectOutcome<Connection>
  handle(connection: Connection, request: Request): Outcome<Connection>
  /** Delivers at once or as soon as the changes that the output rests on are durable. */
  publish(outcome: Publication, deliver: () => void): void
  answerWord(connection: Connection, word: string): string
  /** The connection has output; it will be asked to flush at the end of the turn. */
  onOutput(connection: Connection): void
  endTurn(): void
  onClose(connection: Connection): void
  log(message: string): void
}

export type Publication = Pick<Outcome<Connection>, 'txn' | 'notifications'>

/** Requests that wait for the disk before a connection is no longer read. */
const MAX_WAITING_REPLIES = 1000
/** A peer that reads nothing while watch events pile up is cut off. */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024
/** A frame that comes in morsels is put together now and then, or each would cost an object. */
const MAX_CHUNKS = 256

export class Connection implements Client {
  sessionId = 0n
  timeoutMs = 0
  readonly identities: Identity[]
  readonly openedMs: number
  readonly address: string
  /** For the four-letter words. */
  readonly counters = { received: 0, sent: 0, lastOpcode: 0, lastXid: 0, lastZxid: 0n, lastMs: 0 }
  readonly #socket: Socket
  readonly #host: ConnectionHost
  /** `deaf`: takes no more frames, but answers may still be on their way out. */
  #state: 'new' | 'connected' | 'deaf' | 'closed' = 'new'
  #endsAfterFlush = false
  #chunks: Buffer[] = []
  #chunkBytes = 0
  #outgoing: Buffer[] = []
  #waitingReplies = 0
  #paused = false
  #socketFull = false

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket
    this.#host = host
    this.openedMs = host.clock.monotonicMs()
    this.address = `${socket.remoteAddress}:${socket.remotePort}`
    this.identities = [{ scheme: 'ip', id: socket.remoteAddress.replace(/^::ffff:/, '') }]
    socket.setHandlers({
      onData: (chunk) => this.#onData(chunk),
      onDrain: () => {
        this.#socketFull = false
        this.#maybeResume()
      },
      onClose: () => this.#onClose(),
    })
  }

  get hasSession(): boolean {
    return this.sessionId !== 0n
  }

  get waitingReplies(): number {
    return this.#waitingReplies
  }

  send(frame: Buffer): void {
    if (this.#state === 'closed') return
    this.counters.sent += 1
    this.#outgoing.push(frame)
    if (this.#outgoing.length === 1) this.#host.onOutput(this)
  }

  flush(): void {
    if (this.#outgoing.length === 0 || this.#state === 'closed') return
    const chunks = this.#outgoing
    this.#outgoing = []
    if (!this.#socket.write(chunks)) this.#socketFull = true
    if (this.#socket.queuedBytes() > MAX_QUEUED_BYTES) {
      this.#host.log(`${this.address} does not read; closing`)
      this.destroy()
    } else if (this.#endsAfterFlush) {
      this.#socket.end()
    } else {
      this.#maybePause()
    }
  }

  /** Sends what is queued, takes nothing more, and closes. */
  end(): void {
    if (this.#state === 'closed') return
    this.#state = 'deaf'
    this.#endsAfterFlush = true
    if (this.#outgoing.length === 0) this.#socket.end()
  }

  destroy(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#socket.destroy()
  }

  #onClose(): void {
    this.#state = 'closed'
    this.#chunks = []
    this.#host.onClose(this)
  }

  #onData(chunk: Buffer): void {
    if (this.#state === 'deaf' || this.#state === 'closed') return
    this.#chunks.push(Buffer.from(chunk))
    this.#chunkBytes += chunk.length
    if (this.#chunks.length > MAX_CHUNKS) this.#gather(this.#chunkBytes)
    try {
      for (let frame = this.#nextFrame(); frame !== null; frame = this.#nextFrame()) {
        this.#onFrame(frame)
      }
    } catch (error) {
      if (!(error instanceof JuteError)) throw error
      this.#host.log(`${this.address} closed: ${error.message}`)
      this.destroy()
    }
    this.#host.endTurn()
  }

  #nextFrame(): Buffer | null {
    if (this.#state === 'deaf' || this.#state === 'closed' || this.#chunkBytes < 4) return null
    const head = this.#gather(4)
    const bytes = head.readInt32BE(0)
    if (this.#state === 'new') {
      const answer = this.#answerWord(head.toString('latin1', 0, 4))
      if (answer !== null) {
        this.send(Buffer.from(answer))
        this.end()
        return null
      }
    }
    if (bytes < 0 || bytes > this.#host.maxFrameBytes) {
      throw new JuteError(`frame of ${bytes} bytes`)
    }
    if (this.#chunkBytes < 4 + bytes) return null
    const first = this.#gather(4 + bytes)
    this.#chunks[0] = first.subarray(4 + bytes)
    this.#chunkBytes -= 4 + bytes
    return first.subarray(4, 4 + bytes)
  }

  #answerWord(word: string): string | null {
    if (!isWord(word)) return null
    this.counters.received += 1
    return this.#host.answerWord(this, word)
  }

  /** The first chunk, made to hold at least so many bytes. */
  #gather(bytes: number): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && first.length >= bytes) return first
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }

  #onFrame(frame: Buffer): void {
    this.counters.received += 1
    if (this.#state === 'new') this.#onConnectRequest(decodeConnectRequest(frame))
    else this.#onRequest(frame)
  }

  #onConnectRequest(request: WireConnectRequest): void {
    const { hasReadOnlyFlag } = request
    const outcome = this.#host.connect(this, request)
    if (outcome.kind === 'refused') {
      throw new JuteError(`client has seen zxid 0x${request.lastZxidSeen.toString(16)}`)
    }
    if (outcome.kind === 'expired') {
      this.#state = 'deaf'
      const password = Buffer.alloc(PASSWORD_BYTES)
      this.#host.publish({ txn: null, notifications: [] }, () => {
        this.send(encodeConnectReply({ timeoutMs: 0, sessionId: 0n, password, hasReadOnlyFlag }))
        this.end()
      })
      return
    }
    this.#state = 'connected'
    this.timeoutMs = outcome.timeoutMs
    outcome.replaced?.destroy()
    const { sessionId, timeoutMs, password } = outcome
    const reply = encodeConnectReply({ timeoutMs, sessionId, password, hasReadOnlyFlag })
    this.#host.publish({ txn: outcome.txn, notifications: [] }, () => this.send(reply))
  }

  #onRequest(frame: Buffer): void {
    const reader = new JuteReader(frame)
    const { xid, opcode } = decodeRequestHeader(reader)
    const outcome = this.#host.handle(this, decodeRequest(opcode, reader))
    if (opcode !== OpCode.PING) this.#note(xid, opcode, outcome.reply.zxid)
    const closes = outcome.closes
    if (closes) this.#state = 'deaf'
    const reply = encodeReply(xid, outcome.reply)
    this.#waitingReplies += 1
    this.#host.publish(outcome, () => {
      this.#waitingReplies -= 1
      this.send(reply)
      if (closes) this.end()
      this.#maybeResume()
    })
    this.#maybePause()
  }

  #note(xid: number, opcode: number, zxid: bigint): void {
    const { counters } = this
    counters.lastOpcode = opcode
    counters.lastXid = xid
    counters.lastZxid = zxid
    counters.lastMs = this.#host.clock.monotonicMs()
  }

  #maybePause(): void {
    if (this.#paused || this.#state === 'closed') return
    if (this.#socketFull || this.#waitingReplies >= MAX_WAITING_REPLIES) {
      this.#paused = true
      this.#socket.pause()
    }
  }

  #maybeResume(): void {
    if (!this.#paused || this.#state === 'closed') return
    if (!this.#socketFull && this.#waitingReplies < MAX_WAITING_REPLIES / 2) {
      this.#paused = false
      this.#socket.resume()
    }
  }
}

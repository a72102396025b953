/**
 * One ZooKeeper session on the wire: finds a server, keeps the session attached to it through
 * reconnections, and sends requests in order. Requests that were sent when the connection broke
 * reject with CONNECTION_LOSS; those that were not wait for the next connection, and reject when
 * the session ends. Every request is called back exactly once.
 */

import type { Clock, Logger, Random, Transport } from '../base/ports.ts'
import { formatServer, type ZkServerAddress } from '../zk/connect-string.ts'
import type { WatchedPaths } from '../zk/watch-registry.ts'
import {
  type ZkClientState,
  ZkError,
  type ZkErrorName,
  type ZkWatchEvent,
} from '../zk/zk-client.ts'
import { errorNameOf } from './zk-codes.ts'
import { ZkLink } from './zk-link.ts'
import { ServerRing } from './zk-server-ring.ts'
import {
  decodeWatchEvent,
  encodeAuth,
  encodeConnectRequest,
  encodeRequest,
  encodeSetWatches,
  OP_CODES,
  type ReplyHeader,
  type SessionCredentials,
  XID_AUTH,
  XID_SET_WATCHES,
  XID_WATCH_EVENT,
} from './zk-wire.ts'

export interface ZkConnectionPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface ZkConnectionOptions {
  readonly servers: readonly ZkServerAddress[]
  readonly sessionTimeoutMs: number
  readonly maxRequestBytes: number
  readonly maxAnswerBytes: number
  readonly maxOutstanding: number
  /** Takes over a session that exists, instead of asking for a new one. */
  readonly session?: SessionCredentials
}

export interface ZkConnectionHandlers {
  onState(state: ZkClientState): void
  onWatchEvent(event: ZkWatchEvent): void
  /** What the server must be told again after a reconnection. */
  watchedPaths(): WatchedPaths
}

export interface ZkRequest<T> {
  readonly opcode: number
  readonly payload: Parameters<typeof encodeRequest>[2]
  /** For errors. */
  readonly path: string
  /** `frame` includes the header. Runs before the next frame is looked at. */
  readonly decode: (frame: Buffer) => T
  /** The answer to an error that is none; undefined to reject. */
  readonly recover?: (error: ZkErrorName) => T | undefined
}

interface Outstanding {
  readonly path: string
  readonly opcode: number
  readonly packetOf: (xid: number) => Buffer
  readonly onReply: (code: number, frame: Buffer) => void
  readonly reject: (error: ZkError) => void
  xid: number
  sentAtMs: number
}

interface Credential {
  readonly scheme: string
  readonly auth: Buffer
  settle: ((error: ZkError | null) => void) | null
}

const CLOSE_TIMEOUT_MS_MAX = 5_000
const XID_MAX = 0x7fff_ffff

export class ZkConnection {
  readonly #ports: ZkConnectionPorts
  readonly #options: ZkConnectionOptions
  readonly #handlers: ZkConnectionHandlers
  readonly #ring: ServerRing
  #state: ZkClientState = 'connecting'
  #session: SessionCredentials
  #sessionTimeoutMs: number
  #lastZxid = 0n
  #lastProofOfLifeMs: number | null = null
  #xid = 0
  #link: ZkLink | null = null
  /** Sent on the present link, in order. */
  #sent: Outstanding[] = []
  #unsent: Outstanding[] = []
  readonly #credentials: Credential[] = []
  /** Sent on the present link and not yet answered, in order. */
  #authsSent: Credential[] = []
  #closing: Promise<void> | null = null
  #cancelPause: () => void = () => {}

  constructor(
    ports: ZkConnectionPorts,
    options: ZkConnectionOptions,
    handlers: ZkConnectionHandlers,
  ) {
    this.#ports = ports
    this.#options = options
    this.#handlers = handlers
    this.#ring = new ServerRing(options.servers, ports.random)
    this.#session = options.session ?? { id: 0n, password: Buffer.alloc(16) }
    this.#sessionTimeoutMs = options.sessionTimeoutMs
    void this.#run()
  }

  get state(): ZkClientState {
    return this.#state
  }

  get session(): SessionCredentials {
    return this.#session
  }

  get sessionTimeoutMs(): number {
    return this.#sessionTimeoutMs
  }

  get lastProofOfLifeMs(): number | null {
    return this.#lastProofOfLifeMs
  }

  get #isDead(): boolean {
    return this.#state === 'expired' || this.#state === 'closed' || this.#state === 'auth-failed'
  }

  request<T>({ opcode, payload, path, decode, recover }: ZkRequest<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const onReply = (code: number, frame: Buffer) => {
        if (code === 0) {
          resolve(decode(frame))
          return
        }
        const name = errorNameOf(code)
        const value = recover?.(name)
        if (value === undefined) reject(new ZkError(name, path))
        else resolve(value)
      }
      const packetOf = (xid: number) => encodeRequest(xid, opcode, payload)
      this.#enqueue({ path, opcode, packetOf, onReply, reject, xid: 0, sentAtMs: 0 })
    })
  }

  addAuth(scheme: string, auth: Buffer): Promise<void> {
    if (this.#isDead) return Promise.reject(new ZkError(this.#deathName(), '/'))
    return new Promise((resolve, reject) => {
      const settle = (error: ZkError | null) => (error === null ? resolve() : reject(error))
      const credential: Credential = { scheme, auth, settle }
      this.#credentials.push(credential)
      if (this.#state === 'connected') this.#sendAuth(credential)
    })
  }

  /** Without a connection nothing is sent: then the session ends by its timeout. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#isDead) return
    if (this.#state === 'connected') await this.#closeSession()
    this.#die('closed')
  }

  #closeSession(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel()
        resolve()
      }
      const timeoutMs = Math.min(CLOSE_TIMEOUT_MS_MAX, this.#sessionTimeoutMs)
      const cancel = this.#ports.clock.after(timeoutMs, done)
      const opcode = OP_CODES.CLOSE_SESSION
      const packetOf = (xid: number) => encodeRequest(xid, opcode, null)
      const one = { path: '/', opcode, packetOf, onReply: done, reject: done, xid: 0, sentAtMs: 0 }
      this.#unsent.push(one)
      this.#flush()
    })
  }

  #enqueue(request: Outstanding): void {
    const { path, reject } = request
    if (this.#isDead || this.#closing !== null) {
      reject(new ZkError(this.#deathName(), path))
      return
    }
    if (this.#sent.length + this.#unsent.length >= this.#options.maxOutstanding) {
      reject(new ZkError('CONNECTION_LOSS', path, new Error('too many requests are waiting')))
      return
    }
    this.#unsent.push(request)
    this.#flush()
  }

  #flush(): void {
    const link = this.#link
    if (link === null || this.#state !== 'connected') return
    const unsent = this.#unsent
    this.#unsent = []
    for (const request of unsent) {
      request.xid = this.#xid = this.#xid === XID_MAX ? 1 : this.#xid + 1
      const packet = request.packetOf(request.xid)
      if (packet.length > this.#options.maxRequestBytes) {
        // The server would only close the connection, each time anew.
        const cause = new Error(`a request of ${packet.length} bytes`)
        request.reject(new ZkError('MARSHALLING_ERROR', request.path, cause))
        continue
      }
      request.sentAtMs = this.#ports.clock.monotonicMs()
      this.#sent.push(request)
      link.send(packet)
    }
  }

  async #run(): Promise<void> {
    await Promise.resolve()
    while (!this.#isDead && this.#closing === null) {
      const { server, pauseMs } = this.#ring.next()
      if (pauseMs > 0) await this.#pause(pauseMs)
      if (this.#isDead || this.#closing !== null) return
      await this.#attach(server)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#ports.clock.after(ms, resolve)
      this.#cancelPause = () => {
        cancel()
        resolve()
      }
    })
  }

  /** Until the connection is gone, or could not be made. */
  async #attach(server: ZkServerAddress): Promise<void> {
    const { transport, clock, logger } = this.#ports
    const attemptMs = Math.max(1, Math.floor(this.#sessionTimeoutMs / this.#options.servers.length))
    const deadlineMs = clock.monotonicMs() + attemptMs
    let socket: Awaited<ReturnType<Transport['connect']>>
    try {
      socket = await transport.connect(server.host, server.port, attemptMs)
    } catch (error) {
      logger.debug(`No connection to ${formatServer(server)}: ${(error as Error).message}`)
      return
    }
    if (this.#isDead || this.#closing !== null) {
      socket.destroy()
      return
    }
    const handshakeTimeoutMs = Math.max(1, deadlineMs - clock.monotonicMs())
    await new Promise<void>((resolve) => {
      const onClosed = (reason: string) => {
        this.#onLost(server, reason)
        resolve()
      }
      const handlers = {
        onHandshake: (
          { timeoutMs, session }: { timeoutMs: number; session: SessionCredentials },
          sentAtMs: number,
        ) => this.#onHandshake(server, timeoutMs, session, sentAtMs),
        onPingAnswered: (sentAtMs: number) => this.#provedAlive(sentAtMs),
        onReply: (header: ReplyHeader, frame: Buffer) => this.#onReply(header, frame),
        onClosed,
      }
      const { maxAnswerBytes } = this.#options
      this.#link = new ZkLink(socket, clock, handlers, { handshakeTimeoutMs, maxAnswerBytes })
      this.#link.sendHandshake(
        encodeConnectRequest(this.#session, this.#lastZxid, this.#options.sessionTimeoutMs),
      )
    })
  }

  #onHandshake(
    server: ZkServerAddress,
    timeoutMs: number,
    session: SessionCredentials,
    sentAtMs: number,
  ): void {
    if (timeoutMs <= 0) {
      this.#die('expired')
      return
    }
    this.#ring.onConnected()
    this.#session = session
    this.#sessionTimeoutMs = timeoutMs
    this.#provedAlive(sentAtMs)
    const { logger } = this.#ports
    logger.debug(`Connected to ${formatServer(server)}, session timeout ${timeoutMs} ms`)
    for (const credential of this.#credentials) this.#sendAuth(credential)
    for (const packet of encodeSetWatches(this.#lastZxid, this.#handlers.watchedPaths())) {
      this.#link?.send(packet)
    }
    this.#become('connected')
    this.#flush()
  }

  #sendAuth(credential: Credential): void {
    this.#authsSent.push(credential)
    this.#link?.send(encodeAuth(credential.scheme, credential.auth))
  }

  #provedAlive(sentAtMs: number): void {
    this.#lastProofOfLifeMs = Math.max(this.#lastProofOfLifeMs ?? sentAtMs, sentAtMs)
  }

  #onReply(header: ReplyHeader, frame: Buffer): void {
    switch (header.xid) {
      case XID_SET_WATCHES:
        return
      case XID_AUTH:
        this.#onAuthReply(header.code)
        return
      case XID_WATCH_EVENT: {
        const event = decodeWatchEvent(frame)
        if (event !== null) this.#handlers.onWatchEvent(event)
        return
      }
    }
    const request = this.#sent.shift()
    if (request === undefined || request.xid !== header.xid) {
      if (request !== undefined) this.#sent.unshift(request)
      throw new Error(`an answer to request ${header.xid}, not to ${request?.xid ?? 'any'}`)
    }
    this.#provedAlive(request.sentAtMs)
    if (header.zxid > 0n) this.#lastZxid = header.zxid
    try {
      request.onReply(header.code, frame)
    } catch (error) {
      request.reject(new ZkError('MARSHALLING_ERROR', request.path, error))
      throw error
    }
  }

  #onAuthReply(code: number): void {
    const credential = this.#authsSent.shift()
    if (code !== 0) {
      this.#die('auth-failed')
      return
    }
    credential?.settle?.(null)
    if (credential !== undefined) credential.settle = null
  }

  #onLost(server: ZkServerAddress, reason: string): void {
    this.#link = null
    this.#authsSent = []
    if (this.#isDead) return
    const at = `session 0x${BigInt.asUintN(64, this.#session.id).toString(16)}`
    this.#ports.logger.info(`Connection to ${formatServer(server)} lost, ${at}: ${reason}`)
    if (this.#state === 'connected') this.#become('suspended')
    const lost = this.#sent
    this.#sent = []
    for (const { path, reject } of lost) reject(new ZkError('CONNECTION_LOSS', path))
  }

  #die(state: 'expired' | 'closed' | 'auth-failed'): void {
    if (this.#isDead) return
    const requests = [...this.#sent, ...this.#unsent]
    this.#sent = []
    this.#unsent = []
    this.#become(state)
    this.#link?.drop(state)
    this.#cancelPause()
    for (const { path, reject } of requests) reject(new ZkError(this.#deathName(), path))
    for (const { settle } of this.#credentials) settle?.(new ZkError(this.#deathName(), '/'))
  }

  #deathName(): ZkErrorName {
    return this.#state === 'auth-failed' ? 'AUTH_FAILED' : 'SESSION_EXPIRED'
  }

  #become(state: ZkClientState): void {
    this.#state = state
    this.#handlers.onState(state)
  }
}

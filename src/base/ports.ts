/**
 * The doors through which everything enters that is not pure computation: time, chance, disk,
 * network, log lines. Layer 5 (`host/`) implements them on the real machine, `test/sim/` inside a
 * simulation. A constructor takes exactly the ports it uses.
 */

export interface Clock {
  /** Milliseconds since 1970. May jump; only for timestamps that leave the process. */
  wallMs(): number
  /** Milliseconds, never goes back. For every timeout, lag and age. */
  monotonicMs(): number
  /** Calls back once, never synchronously; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void
}

export interface Random {
  /** Uniform integer in [0, bound). */
  nextInt(bound: number): number
  bytes(length: number): Buffer
}

export interface Logger {
  debug(message: string): void
  info(message: string): void
  warn(message: string, cause?: unknown): void
  error(message: string, cause?: unknown): void
  /** Guard for messages that are costly to build. */
  isDebugEnabled(): boolean
}

export interface Loggers {
  /**
   * The logger of a Kafka class name such as `kafka.controller.KafkaController`; `prefix` (for
   * instance `[Controller id=1] `) stands before every message.
   */
  get(name: string, prefix?: string): Logger
}

/** Why a disk operation failed; `IO` is everything that needs no telling apart. */
export type DiskErrorCode = 'NOT_FOUND' | 'EXISTS' | 'NO_SPACE' | 'NOT_EMPTY' | 'IO'

export class DiskError extends Error {
  readonly code: DiskErrorCode
  readonly path: string

  constructor(code: DiskErrorCode, path: string, message: string, cause?: unknown) {
    super(`${path}: ${message}`, { cause })
    this.name = 'DiskError'
    this.code = code
    this.path = path
  }
}

export interface DiskEntry {
  readonly name: string
  readonly kind: 'file' | 'directory'
}

/**
 * Synchronous on purpose: an append is one write into the page cache, cheaper than a trip through a
 * thread pool, and synchronous code needs no locks. What may wait for the device (fsync) or for a
 * cold page (reads that serve a fetch) has an asynchronous form. All methods throw `DiskError`.
 */
export interface Disk {
  /** `read`: must exist. `write`: read and write, created when missing, kept when present. */
  open(path: string, mode: 'read' | 'write'): DiskFile
  readFile(path: string): Buffer
  exists(path: string): boolean
  stat(path: string): { readonly bytes: number; readonly modifiedMs: number }
  /** Entries in no particular order. NOT_FOUND when the directory is missing. */
  list(directory: string): DiskEntry[]
  /** Creates missing parents too; no error when it is there. */
  makeDirectory(path: string): void
  /** Atomic; replaces a file at `to`. */
  rename(from: string, to: string): void
  /** No error when the file is missing. */
  remove(path: string): void
  /** Recursive; no error when missing. */
  removeDirectory(path: string): void
  /** Makes creations, renames and removals in a directory durable. */
  syncDirectory(path: string): void
  /** Null when another process holds it. Released by the returned function or by process death. */
  lock(path: string): (() => void) | null
  /** Total and usable bytes of the volume. */
  space(path: string): { readonly totalBytes: number; readonly usableBytes: number }
}

export interface DiskFile {
  readonly path: string
  size(): number
  /** Writes all chunks one after another at `position`, as a whole or throws. */
  write(chunks: readonly Uint8Array[], position: number): void
  /** Bytes read; fewer than asked only at the end of the file. */
  read(target: Uint8Array, position: number): number
  readAsync(target: Uint8Array, position: number): Promise<number>
  truncate(bytes: number): void
  sync(): void
  syncAsync(): Promise<void>
  setModifiedMs(wallMs: number): void
  /** Idempotent. Reads in flight still finish. */
  close(): void
}

export interface Socket {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** Set exactly once, right after the socket is handed over. */
  setHandlers(handlers: SocketHandlers): void
  /**
   * Queues all chunks as one piece. The chunks belong to the socket until it has drained. False
   * when more than its buffer limit is queued: wait for `onDrain` before reading more requests.
   */
  write(chunks: readonly Uint8Array[]): boolean
  /** Bytes queued and not yet taken by the kernel. */
  queuedBytes(): number
  pause(): void
  resume(): void
  /** Flushes what is queued, then closes. */
  end(): void
  /** Closes at once. `onClose` still fires, once. */
  destroy(): void
}

export interface SocketHandlers {
  /** The chunk is lent: what is kept beyond this call must be copied. */
  onData(chunk: Buffer): void
  onDrain?(): void
  /** Exactly once. */
  onClose(error?: Error): void
}

export interface Listener {
  readonly port: number
  /** Stops accepting; open sockets stay. */
  close(): Promise<void>
}

export interface Transport {
  /** Rejects with an error that names host and port when they are taken. */
  listen(host: string, port: number, onSocket: (socket: Socket) => void): Promise<Listener>
  /** Resolves when connected; rejects with the reason (refused, timed out, unknown host). */
  connect(host: string, port: number, timeoutMs: number): Promise<Socket>
}

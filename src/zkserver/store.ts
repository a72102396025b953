/**
 * The durable half: a directory of `log.Z` (changes from zxid Z on) and `snapshot.Z` (the state
 * after Z). A change is answered only after the fsync that covers it; one fsync serves all changes
 * that came during the one before. Old files go when three newer snapshots stand.
 */

import { assert } from '../base/assert.ts'
import { type Disk, DiskError, type Logger } from '../base/ports.ts'
import { JuteError } from './jute.ts'
import type { Instant, ProcessorState } from './processor.ts'
import { decodeSnapshot, encodeSnapshot, type SnapshotSource } from './snapshot.ts'
import type { Txn } from './txn.ts'
import { TxnLog } from './txn-log.ts'

export interface StoreOptions {
  readonly disk: Disk
  readonly directory: string
  readonly logger: Logger
  readonly snapshotCount?: number
  /** Every change up to this zxid is on the disk. */
  readonly onDurable: (zxid: bigint) => void
  /** Nothing more will become durable. */
  readonly onFailure: (error: Error) => void
}

export interface Replayable extends SnapshotSource {
  replay(txn: Txn, now: Instant): void
}

const DEFAULT_SNAPSHOT_COUNT = 50_000
const SNAPSHOTS_KEPT = 3
/** The log may also grow by size, with few but large changes. */
const MAX_LOG_BYTES = 64 * 1024 * 1024

export class StoreError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'StoreError'
  }
}

export class Store {
  readonly #options: StoreOptions
  readonly #unlock: () => void
  /** The newest snapshot that can be read. */
  readonly initialState: ProcessorState | undefined
  #source: Replayable | null = null
  #log: TxnLog | null = null
  #pending: Txn[] = []
  #committing: Promise<void> | null = null
  #snapshotting: Promise<void> | null = null
  #sinceSnapshot = 0
  #rollsAfterBatch = false
  #failed = false

  /** Throws `StoreError` when the directory is in use. */
  constructor(options: StoreOptions) {
    this.#options = options
    const { disk, directory } = options
    disk.makeDirectory(directory)
    const unlock = disk.lock(`${directory}/.lock`)
    if (unlock === null) throw new StoreError(`${directory} is used by another process`)
    this.#unlock = unlock
    this.initialState = this.#loadSnapshot()
  }

  /** Replays what the log has beyond the snapshot and goes on at its end. */
  recover(processor: Replayable, now: Instant, onTxn: (txn: Txn) => void = () => {}): void {
    this.#source = processor
    // A snapshot that was read may stand under a name that is not durable yet.
    this.#options.disk.syncDirectory(this.#options.directory)
    const zxids = this.#zxidsOf('log')
    for (const [index, zxid] of zxids.entries()) {
      const isLast = index === zxids.length - 1
      const next = zxids[index + 1]
      if (next !== undefined && next <= processor.lastZxid + 1n) continue
      const log = TxnLog.open(this.#options.disk, this.#pathOf('log', zxid))
      for (const txn of log.recovered) {
        if (this.#replay(processor, txn, log, now)) onTxn(txn)
      }
      if (log.tornBytes > 0 && !isLast) {
        throw new StoreError(`${log.path}: damaged at position ${log.bytes}, and more follows`)
      }
      if (log.tornBytes > 0) {
        this.#options.logger.warn(`${log.path}: cut ${log.tornBytes} torn bytes at ${log.bytes}`)
      }
      this.#sinceSnapshot += log.recovered.length
      if (isLast) this.#log = log.forAppend()
      else log.close()
    }
  }

  append(txn: Txn): void {
    this.#pending.push(txn)
  }

  /** Starts writing what was appended, unless that is under way. */
  commit(): void {
    if (this.#pending.length === 0 || this.#committing !== null || this.#failed) return
    this.#committing = this.#commitAll().finally(() => {
      this.#committing = null
    })
  }

  async close(): Promise<void> {
    this.commit()
    await this.#committing
    await this.#snapshotting
    this.#log?.close()
    this.#log = null
    this.#unlock()
  }

  async #commitAll(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const batch = this.#pending
        this.#pending = []
        this.#log ??= TxnLog.create(this.#options.disk, this.#pathOf('log', zxidOf(batch[0])))
        this.#log.write(batch)
        await this.#log.sync()
        this.#afterBatch(batch)
      }
    } catch (error) {
      this.#failed = true
      this.#options.onFailure(error as Error)
    }
  }

  #afterBatch(batch: readonly Txn[]): void {
    this.#sinceSnapshot += batch.length
    if (this.#rollsAfterBatch) this.#roll()
    this.#options.onDurable(zxidOf(batch.at(-1)))
    const isDue =
      this.#sinceSnapshot >= (this.#options.snapshotCount ?? DEFAULT_SNAPSHOT_COUNT) ||
      (this.#log !== null && this.#log.bytes >= MAX_LOG_BYTES)
    if (isDue && this.#snapshotting === null) this.#startSnapshot()
  }

  /** What waits to be written is in the snapshot too, but belongs at the end of the old log. */
  #startSnapshot(): void {
    assert(this.#source !== null, 'a store takes snapshots after recovery')
    const zxid = this.#source.lastZxid
    const bytes = encodeSnapshot(this.#source)
    this.#sinceSnapshot = 0
    if (this.#pending.length === 0) this.#roll()
    else this.#rollsAfterBatch = true
    this.#snapshotting = this.#writeSnapshot(zxid, bytes).finally(() => {
      this.#snapshotting = null
    })
  }

  #roll(): void {
    this.#log?.close()
    this.#log = null
    this.#rollsAfterBatch = false
  }

  async #writeSnapshot(zxid: bigint, bytes: Buffer): Promise<void> {
    const { disk, directory, logger } = this.#options
    const path = this.#pathOf('snapshot', zxid)
    try {
      const file = disk.open(`${path}.tmp`, 'write')
      try {
        file.truncate(0)
        file.write([bytes], 0)
        await file.syncAsync()
      } finally {
        file.close()
      }
      disk.rename(`${path}.tmp`, path)
      disk.syncDirectory(directory)
      this.#purge()
    } catch (error) {
      // The log still has everything; the next snapshot may succeed.
      logger.warn(`${path}: snapshot failed`, error)
    }
  }

  #purge(): void {
    const snapshots = this.#zxidsOf('snapshot')
    const oldestKept = snapshots.at(-SNAPSHOTS_KEPT)
    if (oldestKept === undefined) return
    for (const zxid of snapshots) if (zxid < oldestKept) this.#remove('snapshot', zxid)
    const logs = this.#zxidsOf('log')
    for (const [index, zxid] of logs.entries()) {
      const next = logs[index + 1]
      if (next !== undefined && next <= oldestKept + 1n) this.#remove('log', zxid)
    }
  }

  #loadSnapshot(): ProcessorState | undefined {
    const { disk, logger } = this.#options
    for (const zxid of this.#zxidsOf('snapshot').reverse()) {
      const path = this.#pathOf('snapshot', zxid)
      try {
        return decodeSnapshot(disk.readFile(path))
      } catch (error) {
        if (!(error instanceof JuteError || error instanceof DiskError)) throw error
        logger.warn(`${path}: not readable, trying an older one`, error)
      }
    }
    return undefined
  }

  /** False for what the snapshot has already. */
  #replay(processor: Replayable, txn: Txn, log: TxnLog, now: Instant): boolean {
    if (txn.zxid <= processor.lastZxid) return false
    if (txn.zxid !== processor.lastZxid + 1n) {
      const has = `has zxid 0x${txn.zxid.toString(16)}`
      throw new StoreError(`${log.path}: ${has} after 0x${processor.lastZxid.toString(16)}`)
    }
    processor.replay(txn, now)
    return true
  }

  #remove(kind: 'log' | 'snapshot', zxid: bigint): void {
    this.#options.disk.remove(this.#pathOf(kind, zxid))
  }

  #pathOf(kind: 'log' | 'snapshot', zxid: bigint): string {
    return `${this.#options.directory}/${kind}.${zxid.toString(16)}`
  }

  /** Ascending. */
  #zxidsOf(kind: 'log' | 'snapshot'): bigint[] {
    const pattern = new RegExp(`^${kind}\\.([0-9a-f]+)$`)
    const zxids: bigint[] = []
    for (const { name } of this.#options.disk.list(this.#options.directory)) {
      const hex = pattern.exec(name)?.[1]
      if (hex !== undefined) zxids.push(BigInt(`0x${hex}`))
    }
    return zxids.sort((a, b) => (a < b ? -1 : 1))
  }
}

function zxidOf(txn: Txn | undefined): bigint {
  assert(txn !== undefined, 'a batch is never empty')
  return txn.zxid
}

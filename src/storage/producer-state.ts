/**
 * What a log remembers of idempotent producers: their epoch and their last five batches, so that a
 * retried batch is answered with its old offsets and a gap is refused. Snapshots in Kafka's format keep
 * it across restarts; only the last batch of each producer survives one.
 */
import type { Disk } from '../base/ports.ts'
import {
  isControl,
  readBaseSequence,
  readInt32,
  readInt64,
  readLastOffset,
  readLastOffsetDelta,
  readLastSequence,
  readMaxTimestamp,
  readProducerEpoch,
  readProducerId,
  writeInt32,
  writeInt64,
} from '../records/batch-header.ts'
import { crc32c } from '../records/crc32c.ts'
import { StorageError, StorageErrorCode } from './storage-error.ts'

interface CachedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly lastOffset: number
  readonly offsetDelta: number
  readonly timestamp: number
}

interface ProducerEntry {
  epoch: number
  batches: CachedBatch[]
  lastTimestamp: number
}

export interface DuplicateBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly timestamp: number
}

const CACHED_BATCHES = 5
const SNAPSHOT_VERSION = 1
const HEADER_BYTES = 10
const ENTRY_BYTES = 46

export class ProducerState {
  readonly #producers = new Map<number, ProducerEntry>()

  get size(): number {
    return this.#producers.size
  }

  /** The earlier batch that this one repeats; null when it is new. Throws when it may not be appended. */
  check(batch: Buffer): DuplicateBatch | null {
    const producerId = readProducerId(batch, 0)
    if (producerId < 0) return null
    const entry = this.#producers.get(producerId)
    if (entry === undefined) return null
    const epoch = readProducerEpoch(batch, 0)
    const first = readBaseSequence(batch, 0)
    const last = readLastSequence(batch, 0)
    if (epoch < entry.epoch) {
      throw new StorageError(
        StorageErrorCode.INVALID_PRODUCER_EPOCH,
        `Epoch of producer ${producerId} is ${epoch}, which is smaller than the last seen epoch ${entry.epoch}`,
      )
    }
    if (epoch > entry.epoch) {
      if (first !== 0) throw outOfOrder(producerId, first, 0)
      return null
    }
    const known = entry.batches.find(
      (each) => each.firstSequence === first && each.lastSequence === last,
    )
    if (known !== undefined) {
      const { lastOffset, offsetDelta, timestamp } = known
      return { firstOffset: lastOffset - offsetDelta, lastOffset, timestamp }
    }
    const newest = entry.batches.at(-1)
    if (newest === undefined) return null
    const expected = newest.lastSequence === 0x7fff_ffff ? 0 : newest.lastSequence + 1
    if (first !== expected) throw outOfOrder(producerId, first, expected)
    return null
  }

  /** Takes note of an appended batch at `at`; offsets are already stamped. */
  update(buffer: Buffer, at: number): void {
    const producerId = readProducerId(buffer, at)
    if (producerId < 0) return
    const epoch = readProducerEpoch(buffer, at)
    let entry = this.#producers.get(producerId)
    if (entry === undefined) {
      entry = { epoch, batches: [], lastTimestamp: -1 }
      this.#producers.set(producerId, entry)
    }
    if (epoch > entry.epoch) {
      entry.epoch = epoch
      entry.batches = []
    }
    entry.lastTimestamp = readMaxTimestamp(buffer, at)
    if (isControl(buffer, at)) return
    entry.batches.push({
      firstSequence: readBaseSequence(buffer, at),
      lastSequence: readLastSequence(buffer, at),
      lastOffset: readLastOffset(buffer, at),
      offsetDelta: readLastOffsetDelta(buffer, at),
      timestamp: entry.lastTimestamp,
    })
    if (entry.batches.length > CACHED_BATCHES) entry.batches.shift()
  }

  /** Forgets producers that were silent for `expirationMs`. */
  expire(nowMs: number, expirationMs: number): void {
    for (const [producerId, entry] of this.#producers) {
      if (nowMs - entry.lastTimestamp >= expirationMs) this.#producers.delete(producerId)
    }
  }

  clear(): void {
    this.#producers.clear()
  }

  encode(): Buffer {
    const snapshot = Buffer.alloc(HEADER_BYTES + this.#producers.size * ENTRY_BYTES)
    snapshot.writeInt16BE(SNAPSHOT_VERSION, 0)
    writeInt32(snapshot, 6, this.#producers.size)
    let at = HEADER_BYTES
    for (const [producerId, entry] of this.#producers) {
      const last = entry.batches.at(-1)
      writeInt64(snapshot, at, producerId)
      snapshot.writeInt16BE(entry.epoch, at + 8)
      writeInt32(snapshot, at + 10, last?.lastSequence ?? -1)
      writeInt64(snapshot, at + 14, last?.lastOffset ?? -1)
      writeInt32(snapshot, at + 22, last?.offsetDelta ?? 0)
      writeInt64(snapshot, at + 26, entry.lastTimestamp)
      writeInt32(snapshot, at + 34, -1)
      writeInt64(snapshot, at + 38, -1)
      at += ENTRY_BYTES
    }
    writeInt32(snapshot, 2, crc32c(snapshot, 6))
    return snapshot
  }

  /** False when the snapshot is not to be trusted; nothing is changed then. */
  load(disk: Disk, path: string): boolean {
    const snapshot = disk.readFile(path)
    if (snapshot.length < HEADER_BYTES || snapshot.readInt16BE(0) !== SNAPSHOT_VERSION) return false
    const count = readInt32(snapshot, 6)
    if (snapshot.length !== HEADER_BYTES + count * ENTRY_BYTES) return false
    if (crc32c(snapshot, 6) !== snapshot.readUInt32BE(2)) return false
    for (let at = HEADER_BYTES; at < snapshot.length; at += ENTRY_BYTES) {
      this.#loadEntry(snapshot, at)
    }
    return true
  }

  #loadEntry(snapshot: Buffer, at: number): void {
    const lastSequence = readInt32(snapshot, at + 10)
    const lastOffset = readInt64(snapshot, at + 14)
    const offsetDelta = readInt32(snapshot, at + 22)
    const timestamp = readInt64(snapshot, at + 26)
    const first = lastSequence - offsetDelta
    const firstSequence = first < 0 ? first + 0x8000_0000 : first
    this.#producers.set(readInt64(snapshot, at), {
      epoch: snapshot.readInt16BE(at + 8),
      lastTimestamp: timestamp,
      batches:
        lastOffset < 0 ? [] : [{ firstSequence, lastSequence, lastOffset, offsetDelta, timestamp }],
    })
  }
}

function outOfOrder(producerId: number, found: number, expected: number): StorageError {
  return new StorageError(
    StorageErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    `Out of order sequence number for producer ${producerId}: ${found} (incoming seq. number), ${expected} (expected)`,
  )
}

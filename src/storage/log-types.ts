/** The types in which a log speaks to those who use it. */
import type { Clock, Disk } from '../base/ports.ts'
import type { LeaderEpochCache } from './leader-epoch-cache.ts'
import type { TailBudget } from './memory-tail.ts'
import type { ProducerState } from './producer-state.ts'
import type { Segment } from './segment.ts'

/** How far a reader may see. */
export type ReadIsolation = 'log-end' | 'high-watermark' | 'last-stable'

export interface LogAppend {
  readonly firstOffset: number
  /** Inclusive; the offset before the first when nothing was appended. */
  readonly lastOffset: number
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
  readonly duplicate: boolean
}

export interface LogRead {
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly abortedTransactions: null
  /** Null: the bytes are in a file, ask `materialize`. */
  readonly chunks: Buffer[] | null
  readonly bytes: number
  materialize(): Promise<Buffer[]>
}

export interface LogPorts {
  readonly disk: Disk
  readonly clock: Clock
  readonly tailBudget: TailBudget
  /** Told of every error of the disk; the directory is then offline. */
  readonly onDiskError: (cause: unknown) => void
  /** An offset that the checkpoints hold is lower now: they are to be written at once. */
  readonly onOffsetsFell: () => void
}

/** Where a log begins and ends, and what is known of the offsets between. */
export interface LogEnds {
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly recoveryPoint: number
  readonly highWatermark: number
}

/** What the loader found. */
export interface LoadedLog extends LogEnds {
  readonly directory: string
  readonly topicId: string | null
  readonly segments: Segment[]
  readonly epochs: LeaderEpochCache
  readonly producers: ProducerState
}

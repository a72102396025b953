/**
 * What happened to a cluster, as an outside observer saw it: one union, one JSON object per line. The
 * page, `samsa watch`, an exported run and the tests fold the same events with the same code. Nothing
 * here knows Node: a browser loads it too.
 */

export type ClusterEvent =
  | ZnodeEvent
  | BrokerLogEvent
  | LinkEvent
  | FaultEvent
  | WritesEvent
  | VerdictEvent

interface EventBase {
  /** Grows by one per event of a history. */
  readonly seq: number
  /** Wall clock of the observer, milliseconds since 1970, with fractions. */
  readonly atMs: number
}

/** A znode as it is now; the first sight of a znode is `found`. */
export interface ZnodeEvent extends EventBase {
  readonly kind: 'znode'
  readonly path: string
  readonly change: 'found' | 'created' | 'changed' | 'deleted'
  /** Null: deleted, or without data. */
  readonly data: string | null
  /** What was there before; null for `found` and `created`. */
  readonly before: string | null
  readonly version: number
  /** Decimal: a zxid does not fit a number. */
  readonly czxid: string
  readonly mzxid: string
  /** `0x` and the session id; `0x0` for a persistent node. */
  readonly ephemeralOwner: string
  readonly writer: ZnodeWriter | null
}

/** Who wrote a znode, as far as its data and the controller at that time tell. */
export type ZnodeWriter =
  | { readonly kind: 'controller'; readonly brokerId: number; readonly epoch: number }
  | { readonly kind: 'broker'; readonly brokerId: number }
  | { readonly kind: 'session-end'; readonly brokerId: number | null }

/** A line of a broker's own log, with the broker's own time. */
export interface BrokerLogEvent extends EventBase {
  readonly kind: 'broker-log'
  readonly brokerId: number
  readonly brokerAtMs: number
  readonly level: string
  readonly logger: string
  readonly message: string
}

/** Whether the observer hears a broker's event stream, or ZooKeeper. */
export interface LinkEvent extends EventBase {
  readonly kind: 'link'
  readonly to:
    | { readonly kind: 'broker'; readonly brokerId: number }
    | { readonly kind: 'zookeeper' }
  readonly isUp: boolean
}

export type FaultKind =
  | 'kill'
  | 'terminate'
  | 'pause'
  | 'restart'
  | 'disk-full'
  | 'cut-zookeeper'
  | 'cut-peers'
  | 'cut-clients'
  | 'slow'
  | 'expire-session'
  | 'stop-zookeeper'

export interface FaultEvent extends EventBase {
  readonly kind: 'fault'
  readonly id: string
  readonly fault: FaultKind
  /** Null: the fault is ZooKeeper's. */
  readonly brokerId: number | null
  readonly phase: 'started' | 'ended' | 'failed'
  /** When it ends by itself; null when it ended. */
  readonly endsAtMs: number | null
  readonly detail: string
}

/**
 * What the verifier's writers and readers saw since the last such event, per partition of its topic.
 * Sent at least ten times a second while it writes, and at once for the first success after a failure.
 */
export interface WritesEvent extends EventBase {
  readonly kind: 'writes'
  readonly topic: string
  readonly partitions: readonly PartitionWrites[]
}

export interface PartitionWrites extends GapOfSpan {
  readonly partition: number
  readonly acked: number
  readonly failed: number
  /** Wall clock of the last acknowledgement, 0 before the first. */
  readonly lastAckAtMs: number
  /** Older runs do not have them. */
  readonly reads?: PartitionReads
}

export interface PartitionReads extends GapOfSpan {
  /** Fetches that were answered, with records or without. */
  readonly answered: number
  readonly failed: number
  /** Wall clock of the last answer, 0 before the first. */
  readonly lastAtMs: number
}

/** The longest time between two successes of which the second was in this span. */
export interface GapOfSpan {
  readonly longestGapMs: number
  /** Wall clock of the second, 0 when there was none. Older runs do not tell. */
  readonly longestGapEndedAtMs?: number
}

export interface VerdictEvent extends EventBase {
  readonly kind: 'verdict'
  readonly acked: number
  readonly failed: number
  readonly consumed: number
  readonly lost: number
  readonly duplicated: number
  readonly reordered: number
  readonly longestGapMs: number
  /** The longest time that one partition could not be read; older runs do not tell. */
  readonly longestReadGapMs?: number
  readonly isRunning: boolean
}

/** An event as it is made, before a history gives it its number. */
export type UnnumberedEvent = ClusterEvent extends infer Each
  ? Each extends ClusterEvent
    ? Omit<Each, 'seq'>
    : never
  : never

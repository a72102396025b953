/**
 * What each broker was over time, for the lanes: registered, controller of an epoch, under a fault. Spans
 * are only ever added or ended, so that any moment is a cut through them.
 */
import type { ClusterEvent, FaultKind, ZnodeEvent } from '../history/events.ts'
import { brokerIdInPath, parseControllerEpoch, parseControllerId } from '../history/znode-data.ts'

export interface Span {
  readonly startMs: number
  /** Null: it goes on. */
  endMs: number | null
}

export interface ControllerSpan extends Span {
  /** Null until the epoch is bumped. */
  epoch: number | null
}

export interface FaultSpan extends Span {
  readonly id: string
  readonly fault: FaultKind
  readonly brokerId: number | null
  readonly endsAtMs: number | null
  hasFailed: boolean
}

export interface Lane {
  readonly registered: Span[]
  readonly controller: ControllerSpan[]
  readonly faults: FaultSpan[]
  /** Its event stream is heard. */
  readonly heard: Span[]
  /** Epochs of which its own log says that it is controller. */
  readonly believes: ControllerSpan[]
}

/** Shorter ones are the everyday life of a client. */
export const SHOWN_GAP_MS = 100
/** Without a write for longer, nobody writes. */
const WRITES_PAUSE_MS = 1_000
const ELECTED = /successfully elected as the controller\. Epoch incremented to (\d+)/
const ENDS_PROCESS: ReadonlySet<FaultKind> = new Set(['kill', 'terminate', 'restart'])

export class LaneSpans {
  readonly lanes = new Map<number, Lane>()
  /** ZooKeeper's own. */
  readonly zookeeper: { readonly faults: FaultSpan[]; readonly heard: Span[] } = {
    faults: [],
    heard: [],
  }
  /** What the verifier's writers saw. */
  readonly clients: { readonly writing: Span[]; readonly gaps: Span[] } = { writing: [], gaps: [] }
  /** Of all brokers, in the order of their beginnings. */
  readonly #reigns: ControllerSpan[] = []
  #controller: ControllerSpan | null = null
  #epoch: number | null = null

  add(event: ClusterEvent): void {
    switch (event.kind) {
      case 'znode':
        this.#addZnode(event)
        return
      case 'fault':
        this.#addFault(event)
        return
      case 'link': {
        const { to } = event
        const heard = to.kind === 'broker' ? this.laneOf(to.brokerId).heard : this.zookeeper.heard
        end(heard, event.atMs)
        if (event.isUp) heard.push({ startMs: event.atMs, endMs: null })
        else if (to.kind === 'broker') this.#onUnheard(to.brokerId, event.atMs)
        return
      }
      case 'broker-log':
        this.#addBelief(event.brokerId, event.message, event.atMs)
        return
      case 'writes':
        this.#addWrites(event)
        return
      case 'verdict':
    }
  }

  /** With a full disk it has ended; else it may live on. */
  #onUnheard(brokerId: number, atMs: number): void {
    const { faults, believes } = this.laneOf(brokerId)
    if (spanAt(faults, atMs)?.fault === 'disk-full') end(believes, atMs)
  }

  /** Of the last controller that there was by then. */
  epochAt(atMs: number): number | null {
    return this.#reigns.findLast(({ startMs }) => startMs <= atMs)?.epoch ?? null
  }

  laneOf(brokerId: number): Lane {
    let lane = this.lanes.get(brokerId)
    if (lane === undefined) {
      lane = { registered: [], controller: [], faults: [], heard: [], believes: [] }
      this.lanes.set(brokerId, lane)
    }
    return lane
  }

  #addZnode(event: ZnodeEvent): void {
    if (event.path === '/controller') this.#addController(event)
    else if (event.path === '/controller_epoch') {
      this.#epoch = parseControllerEpoch(event.data)
      if (this.#controller !== null) this.#controller.epoch = this.#epoch
    } else {
      const id = brokerIdInPath(event.path)
      if (id === null) return
      const lane = this.laneOf(id)
      if (event.change !== 'changed') end(lane.registered, event.atMs)
      if (event.change === 'found' || event.change === 'created') {
        lane.registered.push({ startMs: event.atMs, endMs: null })
        // A broker that registers anew has resigned whatever it believed to be.
        if (event.change === 'created') end(lane.believes, event.atMs)
      }
    }
  }

  #addController(event: ZnodeEvent): void {
    if (this.#controller !== null) this.#controller.endMs = event.atMs
    this.#controller = null
    const id = event.change === 'deleted' ? null : parseControllerId(event.data)
    if (id === null) return
    const epoch = event.change === 'found' ? this.#epoch : null
    this.#controller = { startMs: event.atMs, endMs: null, epoch }
    this.laneOf(id).controller.push(this.#controller)
    this.#reigns.push(this.#controller)
  }

  #addFault(event: Extract<ClusterEvent, { kind: 'fault' }>): void {
    const { id, fault, brokerId, phase, atMs, endsAtMs } = event
    const faults = brokerId === null ? this.zookeeper.faults : this.laneOf(brokerId).faults
    if (phase === 'started') {
      faults.push({ id, fault, brokerId, startMs: atMs, endMs: null, endsAtMs, hasFailed: false })
      // What is dead believes nothing any more.
      if (brokerId !== null && ENDS_PROCESS.has(fault)) {
        end(this.laneOf(brokerId).believes, atMs)
      }
      return
    }
    const known = faults.findLast((each) => each.id === id)
    if (known === undefined) return
    known.endMs = atMs
    known.hasFailed = phase === 'failed'
  }

  #addWrites({ partitions, atMs }: Extract<ClusterEvent, { kind: 'writes' }>): void {
    const acked = partitions.filter((each) => each.acked > 0)
    if (acked.length === 0) return
    const { writing, gaps } = this.clients
    const last = writing.at(-1)
    if (last?.endMs != null && atMs - last.endMs < WRITES_PAUSE_MS) last.endMs = atMs
    else writing.push({ startMs: atMs, endMs: atMs })
    for (const { lastAckAtMs, longestGapMs, longestGapEndedAtMs } of acked) {
      if (longestGapMs < SHOWN_GAP_MS) continue
      const endMs = longestGapEndedAtMs ?? lastAckAtMs
      const startMs = endMs - longestGapMs
      const before = gaps.at(-1)
      if (before?.endMs == null || before.endMs <= startMs) {
        gaps.push({ startMs, endMs })
      } else before.endMs = Math.max(before.endMs, endMs)
    }
  }

  #addBelief(brokerId: number, message: string, atMs: number): void {
    if (!message.startsWith('[Controller id=')) return
    const { believes } = this.laneOf(brokerId)
    const elected = ELECTED.exec(message)
    if (elected !== null) {
      end(believes, atMs)
      believes.push({ startMs: atMs, endMs: null, epoch: Number(elected[1]) })
    } else if (/\] Resigned$/.test(message)) end(believes, atMs)
  }
}

/** The span that covers a moment. */
export function spanAt<S extends Span>(spans: readonly S[], atMs: number): S | null {
  const found = spans.findLast((span) => span.startMs <= atMs)
  return found === undefined || (found.endMs !== null && found.endMs <= atMs) ? null : found
}

function end(spans: Span[], atMs: number): void {
  const last = spans.at(-1)
  if (last !== undefined && last.endMs === null) last.endMs = atMs
}

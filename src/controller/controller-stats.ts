/** Counters and timers of the controller since the process started; read by the metrics page. */

import { LatencyHistogram } from '../base/latency-histogram.ts'
import type { Clock } from '../base/ports.ts'

/** What an event does to the controller; the names are those of Kafka's `ControllerState`. */
export type ControllerActivity =
  | 'Idle'
  | 'ControllerChange'
  | 'BrokerChange'
  | 'TopicChange'
  | 'TopicDeletion'
  | 'AlterPartitionReassignment'
  | 'AutoLeaderBalance'
  | 'ManualLeaderBalance'
  | 'ControlledShutdown'
  | 'IsrChange'
  | 'LeaderAndIsrResponseReceived'
  | 'LogDirChange'
  | 'ControllerShutdown'
  | 'UncleanLeaderElectionEnable'
  | 'TopicUncleanLeaderElectionEnable'
  | 'ListPartitionReassignment'
  | 'UpdateMetadataResponseReceived'
  | 'UpdateFeatures'

/** In the order of their numbers, 0 first: the value of the gauge `ControllerState`. */
export const controllerActivities: readonly ControllerActivity[] = [
  'Idle',
  'ControllerChange',
  'BrokerChange',
  'TopicChange',
  'TopicDeletion',
  'AlterPartitionReassignment',
  'AutoLeaderBalance',
  'ManualLeaderBalance',
  'ControlledShutdown',
  'IsrChange',
  'LeaderAndIsrResponseReceived',
  'LogDirChange',
  'ControllerShutdown',
  'UncleanLeaderElectionEnable',
  'TopicUncleanLeaderElectionEnable',
  'ListPartitionReassignment',
  'UpdateMetadataResponseReceived',
  'UpdateFeatures',
]

/**
 * Parts of the newest failover that a controller sees: until it is elected, from when it heard that
 * there is no controller; until it has read the cluster, from its election; until what had no leader
 * has one, and until every broker has taken it in, both from when it began to elect.
 */
export type FailoverPhase =
  | 'controller_elected'
  | 'context_loaded'
  | 'leaders_elected'
  | 'brokers_told'

export class ControllerStats {
  readonly #clock: Clock
  uncleanElections = 0
  readonly leaderElections = new LatencyHistogram()
  /** How long events waited for their turn. */
  readonly queueTime = new LatencyHistogram()
  /** Time spent per kind of event. */
  readonly activities = new Map<ControllerActivity, LatencyHistogram>()
  activity: ControllerActivity = 'Idle'
  /** How long each phase of the newest failover took. */
  readonly phases = new Map<FailoverPhase, number>()
  #tellingSinceMs: number | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  nowMs(): number {
    return this.#clock.monotonicMs()
  }

  onUncleanElection(): void {
    this.uncleanElections += 1
  }

  onLeaderElection(ms: number): void {
    this.leaderElections.record(ms, this.nowMs())
  }

  onEventBegun(waitedMs: number): void {
    this.queueTime.record(waitedMs, this.nowMs())
  }

  onActivity(activity: ControllerActivity, ms: number): void {
    let histogram = this.activities.get(activity)
    if (histogram === undefined) {
      histogram = new LatencyHistogram()
      this.activities.set(activity, histogram)
    }
    histogram.record(ms, this.nowMs())
  }

  onPhase(phase: FailoverPhase, sinceMs: number): void {
    this.phases.set(phase, this.nowMs() - sinceMs)
  }

  /** Leaders are elected; the brokers are being told. `sinceMs`: when the elections began. */
  onTelling(sinceMs: number): void {
    this.#tellingSinceMs = sinceMs
  }

  onAllTold(): void {
    if (this.#tellingSinceMs === null) return
    this.onPhase('brokers_told', this.#tellingSinceMs)
    this.#tellingSinceMs = null
  }
}

/** Counters and timers of the controller since the process started; read by the metrics page. */

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

export interface RateAndTime {
  count: number
  totalMs: number
  maxMs: number
}

export class ControllerStats {
  readonly #clock: Clock
  uncleanElections = 0
  readonly leaderElections: RateAndTime = { count: 0, totalMs: 0, maxMs: 0 }
  /** Time spent per kind of event. */
  readonly activities = new Map<ControllerActivity, RateAndTime>()
  activity: ControllerActivity = 'Idle'

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
    add(this.leaderElections, ms)
  }

  onActivity(activity: ControllerActivity, ms: number): void {
    let entry = this.activities.get(activity)
    if (entry === undefined) {
      entry = { count: 0, totalMs: 0, maxMs: 0 }
      this.activities.set(activity, entry)
    }
    add(entry, ms)
  }
}

function add(entry: RateAndTime, ms: number): void {
  entry.count += 1
  entry.totalMs += ms
  entry.maxMs = Math.max(entry.maxMs, ms)
}

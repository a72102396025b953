/** How far a broker has come, and why it is not ready for clients. */

export type Phase =
  | 'not-started'
  | 'connecting'
  | 'recovering-logs'
  | 'registering'
  | 'running'
  | 'controlled-shutdown'
  | 'shutting-down'

/** What `/readyz` is about: registered, logs recovered, metadata received. */
export interface Presence {
  readonly isRegistered: boolean
  /** ZooKeeper has been silent for a session timeout. */
  readonly isFenced: boolean
  /** The controller has told us the cluster, ourselves in it. */
  readonly knowsCluster: boolean
}

/** Numbers of Kafka's `BrokerState`. */
export const BROKER_STATES: Readonly<Record<Phase, number>> = {
  'not-started': 0,
  connecting: 1,
  'recovering-logs': 2,
  registering: 1,
  running: 3,
  'controlled-shutdown': 6,
  'shutting-down': 7,
}

const STARTING: Readonly<Partial<Record<Phase, string>>> = {
  'not-started': 'not started',
  connecting: 'connecting to ZooKeeper',
  'recovering-logs': 'recovering logs',
  registering: 'not registered in ZooKeeper',
  'controlled-shutdown': 'shutting down',
  'shutting-down': 'shutting down',
}

/** Empty: ready. `presence` is null before there is any. */
export function unreadyReasons(phase: Phase, presence: Presence | null): string[] {
  const starting = STARTING[phase]
  if (starting !== undefined) return [starting]
  const reasons: string[] = []
  if (presence?.isRegistered !== true) reasons.push('not registered in ZooKeeper')
  if (presence?.isFenced !== false) reasons.push('ZooKeeper is silent')
  if (presence?.knowsCluster !== true) reasons.push('no metadata from the controller')
  return reasons
}

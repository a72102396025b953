/**
 * Who leads next: the four election strategies of the controller, pure. Each returns null when
 * nobody may lead; the partition then stays as it is. The caller adds 1 to the leader epoch.
 */

import { LEADER_RECOVERING } from '../zk/znodes.ts'
import type { Leadership } from './controller-context.ts'

export interface Elected {
  readonly leader: number
  readonly isr: readonly number[]
  readonly leaderRecoveryState: number
  /** Brokers that are sent a LeaderAndIsr. */
  readonly recipients: readonly number[]
  /** True when the leader was not in the ISR: acknowledged records may be lost. */
  readonly unclean: boolean
}

type Test = (brokerId: number) => boolean

/** The leader died. Unclean only when no member of the ISR lives and it is allowed. */
export function electOffline(
  replicas: readonly number[],
  current: Leadership,
  isOnline: Test,
  uncleanAllowed: boolean,
): Elected | null {
  const live = replicas.filter(isOnline)
  const inSync = live.find((id) => current.isr.includes(id))
  if (inSync !== undefined) {
    const isr = current.isr.filter(isOnline)
    return {
      leader: inSync,
      isr,
      leaderRecoveryState: current.leaderRecoveryState,
      recipients: live,
      unclean: false,
    }
  }
  const [outOfSync] = live
  if (!uncleanAllowed || outOfSync === undefined) return null
  return {
    leader: outOfSync,
    isr: [outOfSync],
    leaderRecoveryState: LEADER_RECOVERING,
    recipients: live,
    unclean: true,
  }
}

/** The replica set changes and the leader is not part of the new one. */
export function electForReassignment(
  target: readonly number[],
  current: Leadership,
  isOnline: Test,
): Elected | null {
  const leader = target.find((id) => isOnline(id) && current.isr.includes(id))
  return leader === undefined ? null : keepIsr(leader, current, target)
}

/** Back to the first replica of the assignment. */
export function electPreferred(
  replicas: readonly number[],
  current: Leadership,
  isOnline: Test,
): Elected | null {
  const [preferred] = replicas
  if (preferred === undefined || !isOnline(preferred)) return null
  return current.isr.includes(preferred) ? keepIsr(preferred, current, replicas) : null
}

/** Brokers that shut down leave leadership and ISR, and are told so (KAFKA-7482). */
export function electForControlledShutdown(
  replicas: readonly number[],
  current: Leadership,
  isOnlineOrShuttingDown: Test,
  isShuttingDown: Test,
): Elected | null {
  const reachable = replicas.filter(isOnlineOrShuttingDown)
  const leader = reachable.find((id) => current.isr.includes(id) && !isShuttingDown(id))
  if (leader === undefined) return null
  return {
    leader,
    isr: current.isr.filter((id) => !isShuttingDown(id)),
    leaderRecoveryState: current.leaderRecoveryState,
    recipients: reachable,
    unclean: false,
  }
}

function keepIsr(leader: number, current: Leadership, recipients: readonly number[]): Elected {
  return {
    leader,
    isr: current.isr,
    leaderRecoveryState: current.leaderRecoveryState,
    recipients,
    unclean: false,
  }
}

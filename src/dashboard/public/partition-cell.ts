/** What a partition is to a broker, as a sign and in words. */
import type { ShownPartition } from './cluster-at.ts'
import { epochClass } from './palette.ts'

export interface Cell {
  readonly sign: string
  readonly kind: string
  readonly words: string
}

const NO_REPLICA: Cell = { sign: '', kind: '', words: '' }

/** The sign alone tells what it is; the colour only adds the epoch. */
export function cellOf(each: ShownPartition, brokerId: number, isRegistered: boolean): Cell {
  if (!each.replicas.includes(brokerId)) return NO_REPLICA
  if (each.leader === brokerId) {
    const sign = `L${each.leaderEpoch}`
    const kind = `leader ${epochClass(each.leaderEpoch)}`
    const words = `leads in epoch ${each.leaderEpoch}`
    return isRegistered
      ? { sign, kind, words }
      : { sign: `✕${sign}`, kind: `${kind} believes`, words: `${words}, but is gone` }
  }
  if (!isRegistered) return { sign: '✕', kind: 'offline', words: 'gone' }
  if (each.isr.includes(brokerId)) return { sign: '●', kind: 'in-sync', words: 'in sync' }
  return { sign: '○', kind: 'lagging', words: 'not in sync' }
}

export function nameOf({ topic, partition }: ShownPartition): string {
  return `${topic}-${partition}`
}

export function hasProblem(each: ShownPartition): boolean {
  return each.isOffline || each.isUnderReplicated || each.isUnderMinIsr || each.isSkewed
}

/** Led by another than the preferred leader, which hurts nobody. */
export function isMild(each: ShownPartition): boolean {
  return !each.isOffline && !each.isUnderReplicated && !each.isUnderMinIsr
}

export function flagsOf(each: ShownPartition): string {
  const flags = []
  if (each.isOffline) flags.push('offline')
  if (each.isUnderMinIsr) flags.push('under min ISR')
  else if (each.isUnderReplicated) flags.push('under-replicated')
  if (each.isSkewed) flags.push('not preferred')
  return flags.join(', ')
}

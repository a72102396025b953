/** Which replica a consumer had better read from, by racks (KIP-392). Pure. */

export interface ReplicaView {
  readonly brokerId: number
  readonly rack: string | null
  readonly isLeader: boolean
  readonly logEndOffset: number
  readonly lastCaughtUpMs: number
}

/** Kafka's rack-aware selector; null: the leader. `candidates` have what is asked for. */
export function chooseByRack(candidates: readonly ReplicaView[], rack: string): number | null {
  if (rack === '') return null
  const sameRack = candidates.filter((replica) => replica.rack === rack)
  if (sameRack.length === 0 || sameRack.some(({ isLeader }) => isLeader)) return null
  const best = sameRack.reduce((a, b) => (isBetter(b, a) ? b : a))
  return best.brokerId
}

function isBetter(a: ReplicaView, b: ReplicaView): boolean {
  if (a.logEndOffset !== b.logEndOffset) return a.logEndOffset > b.logEndOffset
  if (a.lastCaughtUpMs !== b.lastCaughtUpMs) return a.lastCaughtUpMs > b.lastCaughtUpMs
  return a.brokerId > b.brokerId
}

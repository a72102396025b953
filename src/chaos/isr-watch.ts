/** Whether a cluster has recovered: every partition has a leader, and all its replicas are in sync. */
import type { Clock } from '../base/ports.ts'

export interface PartitionState {
  readonly topic: string
  readonly partition: number
  /** -1: none. Null: no state yet. */
  readonly leader: number | null
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

export interface Recovery {
  readonly tookMs: number
  /** What still is not well: `orders-0 lacks 3`. Empty when all is. */
  readonly lacking: readonly string[]
}

const POLL_MS = 250

/** Looks until all is well, or `patienceMs` have passed. */
export async function untilIsrFull(
  read: () => Promise<{ readonly partitions: readonly PartitionState[] }>,
  clock: Clock,
  patienceMs: number,
): Promise<Recovery> {
  const startMs = clock.monotonicMs()
  for (;;) {
    const lacking = (await read()).partitions.flatMap(lackOf)
    const tookMs = clock.monotonicMs() - startMs
    if (lacking.length === 0 || tookMs >= patienceMs) return { tookMs, lacking }
    await new Promise<void>((resolve) => clock.after(POLL_MS, resolve))
  }
}

function lackOf({ topic, partition, leader, replicas, isr }: PartitionState): string[] {
  const name = `${topic}-${partition}`
  if (leader === null || leader < 0) return [`${name} has no leader`]
  const missing = replicas.filter((id) => !isr.includes(id))
  return missing.length === 0 ? [] : [`${name} lacks ${missing.join(', ')}`]
}

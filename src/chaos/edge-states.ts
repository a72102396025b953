/**
 * What the active faults together want of each edge: cut when one of them cuts it, else as slow as the
 * slowest wants it, else untouched. Two faults may share an edge (both ends are cut off); it heals when
 * the last of them ends.
 */
import type { ClusterTarget } from './cluster-target.ts'
import { edgesOf, type Fault } from './faults.ts'

export class EdgeStates {
  readonly #target: Pick<ClusterTarget, 'edges'>
  /** By name of the proxy; absent: untouched. */
  readonly #states = new Map<string, string>()

  constructor(target: Pick<ClusterTarget, 'edges'>) {
    this.#target = target
  }

  /** Brings every edge to where the faults want it; touches no edge that is there. */
  apply(faults: readonly Fault[]): void {
    for (const edge of this.#target.edges) {
      const on = faults.filter((fault) => edgesOf(fault, [edge]).length > 0)
      const slow = slowest(on)
      const state = on.some(({ kind }) => kind !== 'slow')
        ? 'cut'
        : slow === null
          ? 'healthy'
          : `slow ${slow.latencyMs} ${slow.jitterMs}`
      const before = this.#states.get(edge.proxy) ?? 'healthy'
      if (state === before) continue
      if (before !== 'healthy') edge.heal()
      if (state === 'cut') edge.cut()
      else if (slow !== null) edge.slow(slow.latencyMs, slow.jitterMs)
      if (state === 'healthy') this.#states.delete(edge.proxy)
      else this.#states.set(edge.proxy, state)
    }
  }
}

function slowest(faults: readonly Fault[]): Fault | null {
  return faults.reduce<Fault | null>(
    (most, fault) =>
      fault.kind === 'slow' && (most === null || fault.latencyMs > most.latencyMs) ? fault : most,
    null,
  )
}

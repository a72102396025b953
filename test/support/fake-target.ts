/** A cluster for the chaos engine that writes down what is done to it. */
import type { Clock } from '../../src/base/ports.ts'
import type { ClusterTarget, EdgeKind, ProxiedEdge } from '../../src/chaos/cluster-target.ts'
import type { FaultKind } from '../../src/dashboard/history/events.ts'

export class FakeTarget implements ClusterTarget {
  readonly brokerIds = [1, 2, 3]
  readonly log: string[] = []
  readonly down = new Set<number>()
  /** Brokers that have lost a log directory and go on with another. */
  readonly lame = new Set<number>()
  readonly edges: readonly ProxiedEdge[]
  readonly missing = new Map<FaultKind, string>()
  /** Calls that fail, by their line in the log, as often as told. */
  readonly failures = new Map<string, number>()
  /** How long a broker takes for an orderly end. */
  shutdownMs = 500
  readonly #clock: Clock
  readonly #startMs: number

  constructor(clock: Clock, kinds: readonly EdgeKind[] = ['zookeeper', 'peer', 'client']) {
    this.#clock = clock
    this.#startMs = clock.monotonicMs()
    this.edges = this.brokerIds.flatMap((id) => [
      this.#edge('zookeeper', id, null),
      ...this.brokerIds.filter((to) => to !== id).map((to) => this.#edge('peer', id, to)),
      this.#edge('client', null, id),
    ])
    this.edges = this.edges.filter(({ kind }) => kinds.includes(kind))
  }

  readonly zookeeper = {
    stop: async () => this.#note('stop zookeeper'),
    start: async () => this.#note('start zookeeper'),
  }

  readonly isRunning = (brokerId: number): boolean => !this.down.has(brokerId)

  async signal(brokerId: number, signal: string): Promise<void> {
    this.#note(`${signal} ${brokerId}`)
    if (signal === 'SIGTERM') {
      await new Promise<void>((resolve) => this.#clock.after(this.shutdownMs, resolve))
    }
    if (signal === 'SIGTERM' || signal === 'SIGKILL') this.down.add(brokerId)
  }

  readonly start = async (brokerId: number): Promise<void> => {
    this.#note(`start ${brokerId}`)
    this.down.delete(brokerId)
    this.lame.delete(brokerId)
  }

  async fillDisk(brokerId: number, forMs: number, logDir: string | null): Promise<void> {
    this.#note(`fill ${logDir ?? 'disk'} of ${brokerId} for ${forMs}`)
  }

  async freeDisk(brokerId: number): Promise<boolean> {
    this.#note(`free ${brokerId}`)
    return this.lame.has(brokerId)
  }

  async expireSession(brokerId: number): Promise<void> {
    this.#note(`expire ${brokerId}`)
  }

  #edge(kind: EdgeKind, from: number | null, to: number | null): ProxiedEdge {
    const name = (id: number | null, other: string) => (id === null ? other : `broker-${id}`)
    const proxy = `${name(from, 'clients')}-to-${name(to, 'zookeeper')}`
    return {
      kind,
      from,
      to,
      proxy,
      cut: () => this.#note(`cut ${proxy}`),
      slow: (latencyMs, jitterMs) => this.#note(`slow ${proxy} ${latencyMs} ${jitterMs}`),
      heal: () => this.#note(`heal ${proxy}`),
    }
  }

  /** With the time since the beginning. */
  #note(line: string): void {
    this.log.push(`${this.#clock.monotonicMs() - this.#startMs} ${line}`)
    const left = this.failures.get(line) ?? 0
    if (left === 0) return
    this.failures.set(line, left - 1)
    throw new Error(`${line} failed`)
  }
}

/**
 * Turns events into what `samsa watch` prints. What was there before is summed up; a failover is shown
 * as a block as soon as it is quiet, and what comes to it later as single lines.
 */
import { brokersOf, type ClusterModel } from '../dashboard/history/cluster-model.ts'
import type { ClusterEvent } from '../dashboard/history/events.ts'
import {
  applyToFailovers,
  createFailovers,
  type Failover,
  failoversOf,
} from '../dashboard/history/failovers.ts'
import { eventLine, failoverBlock, lateOutageLines, latePhaseLine } from './watch-text.ts'

/** So long nothing may be added to a failover before it is shown. */
const QUIET_MS = 1_000

interface Shown {
  /** Of the newest thing that was in it. */
  readonly lastMs: number
  readonly phases: ReadonlySet<string>
  readonly unavailableMs: number
  readonly unreadableMs: number
}

export class WatchView {
  readonly #fold = createFailovers()
  readonly #shown = new Map<number, Shown>()
  #isSummed = false
  #lastVerdict = ''

  /** The lines to print. */
  onEvent(event: ClusterEvent): string[] {
    const lines = this.onTime(event.atMs)
    applyToFailovers(this.#fold, event)
    const isFound = event.kind === 'znode' && event.change === 'found'
    // A history begins with what is there.
    if (isFound && !this.#isSummed) return lines
    const line = this.#isWorthALine(event) ? eventLine(event) : null
    if (line !== null) lines.push(line)
    return lines
  }

  /** A verdict comes every second: it is news when something went wrong, or when it is the last. */
  #isWorthALine(event: ClusterEvent): boolean {
    if (event.kind !== 'verdict') return true
    const { lost, duplicated, reordered, isRunning } = event
    const verdict = [lost, duplicated, reordered, isRunning].join()
    if (verdict === this.#lastVerdict) return false
    this.#lastVerdict = verdict
    return true
  }

  /** The failovers that have become quiet by now. */
  onTime(nowMs: number): string[] {
    return this.#tell((lastMs) => nowMs - lastMs >= QUIET_MS)
  }

  /** All that is not shown yet. */
  finish(): string[] {
    return this.#tell(() => true)
  }

  /** Everything so far is the past: one line for the cluster, none for its old failovers. */
  summary(): string {
    this.#isSummed = true
    for (const { seq, lastMs } of this.#fold.records) {
      this.#shown.set(seq, { lastMs, phases: new Set(), unavailableMs: 0, unreadableMs: 0 })
    }
    return summaryOf(this.#fold.model)
  }

  #tell(isDue: (lastMs: number) => boolean): string[] {
    const { records } = this.#fold
    const due = records.filter(
      ({ seq, lastMs }) => this.#shown.get(seq)?.lastMs !== lastMs && isDue(lastMs),
    )
    if (due.length === 0) return []
    const failovers = failoversOf(this.#fold)
    return due.flatMap((record) => {
      const failover = failovers[records.indexOf(record)]!
      const shown = this.#shown.get(record.seq)
      const phases = new Set<string>(failover.phases.map(({ kind }) => kind))
      const unavailableMs = failover.unavailableMs ?? 0
      const unreadableMs = failover.unreadableMs ?? 0
      this.#shown.set(record.seq, { lastMs: record.lastMs, phases, unavailableMs, unreadableMs })
      return shown === undefined ? failoverBlock(failover) : lateLines(failover, shown)
    })
  }
}

function lateLines(failover: Failover, shown: Shown): string[] {
  const lines = failover.phases
    .filter(({ kind }) => !shown.phases.has(kind))
    .map((phase) => latePhaseLine(failover, phase))
  const isLonger =
    (failover.unavailableMs ?? 0) > shown.unavailableMs ||
    (failover.unreadableMs ?? 0) > shown.unreadableMs
  return isLonger ? [...lines, ...lateOutageLines(failover)] : lines
}

function summaryOf(model: ClusterModel): string {
  const registered = brokersOf(model).filter(({ isRegistered }) => isRegistered)
  const ids = registered.map(({ id }) => id).join(', ')
  const partitions = [...model.topics.values()].reduce((sum, each) => sum + each.partitions.size, 0)
  const controller =
    model.controllerId === null
      ? 'no controller'
      : `controller ${model.controllerId} of epoch ${model.controllerEpoch}`
  return (
    `${model.znodes.size} znodes: brokers ${ids || 'none'}, ${controller}, ` +
    `${model.topics.size} topics with ${partitions} partitions`
  )
}

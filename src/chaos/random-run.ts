/**
 * Carries out a schedule over the API of a dashboard, and tells what happens as it happens. The faults
 * are the dashboard's: should we die, each still ends by itself.
 */
import type { Clock } from '../base/ports.ts'
import { ChaosApiError, type ChaosClient } from './chaos-client.ts'
import type { ActiveFault } from './engine.ts'
import type { ScheduledFault } from './schedule.ts'
import type { StopSignal } from './stop-signal.ts'
import type { Verdict } from './verifier.ts'

export type ChaosApi = Pick<
  ChaosClient,
  'list' | 'start' | 'endAll' | 'verifier' | 'switchVerifier'
>

export interface RandomRunOptions {
  readonly api: ChaosApi
  readonly clock: Clock
  /** Ends the run early; all faults are healed then. */
  readonly stop: StopSignal
  readonly schedule: readonly ScheduledFault[]
  readonly forMs: number
  readonly print: (line: string) => void
}

const POLL_MS = 250
/** Broker's orderly end and the last reading of the verifier included. */
const PATIENCE_MS = 120_000

/** Resolves with the verdict; null when the dashboard has none. */
export async function runSchedule(options: RandomRunOptions): Promise<Verdict | null> {
  const { api, clock, stop, schedule, forMs } = options
  await beginVerifier(options)
  const startMs = clock.monotonicMs()
  const print = (text: string): void => {
    const seconds = ((clock.monotonicMs() - startMs) / 1000).toFixed(1)
    options.print(`${seconds.padStart(6)} s  ${text}`)
  }
  const watch = new EndWatch(api, print)
  try {
    for (const fault of schedule) {
      await passTime(options, watch, startMs + fault.atMs)
      if (stop.isStopped) break
      await begin(api, fault, watch, print)
    }
    await passTime(options, watch, startMs + forMs)
  } finally {
    if (stop.isStopped) print('healing all faults')
    await api.endAll()
    await watch.look()
    await api.switchVerifier(false)
  }
  return untilVerdict(options)
}

/** A run of its own: what was before this one is not to be judged here. */
async function beginVerifier(options: RandomRunOptions): Promise<void> {
  const { api } = options
  if ((await api.verifier()).running) {
    options.print('The verifier ran already: that run is ended, a new one begins.')
    await api.switchVerifier(false)
    await untilVerdict(options)
  }
  await api.switchVerifier(true)
}

async function begin(
  api: ChaosApi,
  { kind, target, forMs, latencyMs, jitterMs }: ScheduledFault,
  watch: EndWatch,
  print: (text: string) => void,
): Promise<void> {
  const slow = latencyMs === undefined ? {} : { latencyMs, jitterMs: jitterMs ?? 0 }
  // Of a restart the time is how long the broker may take.
  const time = kind === 'restart' ? {} : { forMs }
  try {
    const started = await api.start({ kind, target, ...time, ...slow })
    print(`${started.id}  ${started.detail}`)
    watch.add(started)
  } catch (error) {
    if (!(error instanceof ChaosApiError) || error.status === 0) throw error
    print(`${kind} was not possible: ${error.message}`)
  }
}

/** Until then, or until stopped; tells of faults that end meanwhile. */
async function passTime(
  { clock, stop }: RandomRunOptions,
  watch: EndWatch,
  untilMs: number,
): Promise<void> {
  for (;;) {
    const leftMs = untilMs - clock.monotonicMs()
    if (leftMs <= 0 || stop.isStopped) return
    await stop.sleep(Math.min(POLL_MS, leftMs))
    await watch.look()
  }
}

async function untilVerdict({ api, clock }: RandomRunOptions): Promise<Verdict | null> {
  const deadlineMs = clock.monotonicMs() + PATIENCE_MS
  for (;;) {
    const { running, verdict } = await api.verifier()
    if (!running || clock.monotonicMs() >= deadlineMs) return verdict
    await new Promise<void>((resolve) => clock.after(POLL_MS, resolve))
  }
}

/** Tells when a fault of ours is no longer active. */
class EndWatch {
  readonly #api: ChaosApi
  readonly #print: (text: string) => void
  readonly #open = new Map<string, ActiveFault>()

  constructor(api: ChaosApi, print: (text: string) => void) {
    this.#api = api
    this.#print = print
  }

  add(fault: ActiveFault): void {
    this.#open.set(fault.id, fault)
  }

  async look(): Promise<void> {
    if (this.#open.size === 0) return
    const { active } = await this.#api.list()
    for (const [id, { kind, target }] of this.#open) {
      if (active.some((each) => each.id === id)) continue
      this.#open.delete(id)
      this.#print(
        `${id}  ${kind} of ${target === 'zookeeper' ? target : `broker ${target}`} is over`,
      )
    }
  }
}

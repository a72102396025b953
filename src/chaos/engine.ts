/**
 * Injects faults into a cluster and takes every one of them back: after its time, when told to, or at
 * the end of all. Where several faults are on one broker they never contradict each other.
 */
import type { Clock } from '../base/ports.ts'
import type { FaultEvent, FaultKind } from '../dashboard/history/events.ts'
import { WallTime } from '../dashboard/observer/wall-time.ts'
import type { ClusterTarget } from './cluster-target.ts'
import { EdgeStates } from './edge-states.ts'
import {
  contradiction,
  describeFault,
  type Fault,
  FaultError,
  type FaultOption,
  type FaultRequest,
  type FaultTarget,
  isOfBroker,
  listOptions,
  resolveFault,
} from './faults.ts'

export type UnnumberedFaultEvent = Omit<FaultEvent, 'seq'>

export interface ActiveFault {
  readonly id: string
  readonly kind: FaultKind
  readonly target: FaultTarget
  /** Wall clock. */
  readonly startedAtMs: number
  readonly endsAtMs: number
  readonly detail: string
}

interface Running extends ActiveFault {
  readonly fault: Fault
  /** Rejects when it could not be done; never unhandled. */
  injected: Promise<void>
  ending: Promise<void> | null
  /** The edges do without it. */
  isOver: boolean
  cancelTimer: () => void
}

/** How long a broker may take for an orderly end before it is killed. */
const GRACE_MS = 30_000
/** A signal that has not failed by then was sent. */
const SENT_MS = 100
/** What cannot be healed at once is tried again. */
const HEAL_TRIES = 5
const HEAL_RETRY_MS = 1_000

export class ChaosEngine {
  readonly #target: ClusterTarget
  readonly #clock: Clock
  readonly #wall: WallTime
  readonly #onEvent: (event: UnnumberedFaultEvent) => void
  readonly #edges: EdgeStates
  readonly #running = new Map<string, Running>()
  /** Brokers that were told to end and have not yet. */
  readonly #leaving = new Map<number, Promise<void>>()
  #lastId = 0
  #isClosed = false

  constructor(
    target: ClusterTarget,
    clock: Clock,
    onEvent: (event: UnnumberedFaultEvent) => void = () => {},
  ) {
    this.#target = target
    this.#clock = clock
    this.#wall = new WallTime(clock)
    this.#onEvent = onEvent
    this.#edges = new EdgeStates(target)
  }

  /** What can be done, and why something cannot. */
  get options(): FaultOption[] {
    return listOptions(this.#target)
  }

  /** In the order of their start. */
  get active(): ActiveFault[] {
    return [...this.#running.values()].map(({ id, kind, target, ...rest }) => {
      const { startedAtMs, endsAtMs, detail } = rest
      return { id, kind, target, startedAtMs, endsAtMs, detail }
    })
  }

  /**
   * Resolves when the fault is there; of one that sends SIGTERM, when it is sent. Rejects with a
   * `FaultError` when it is not possible, with the target's error when it failed.
   */
  async start(request: FaultRequest): Promise<ActiveFault> {
    if (this.#isClosed) throw new FaultError('closed', 'the chaos engine is closed')
    const fault = resolveFault(request, this.#target)
    for (const other of this.#running.values()) {
      const problem = contradiction(fault, other.fault)
      if (problem !== null) {
        throw new FaultError('conflict', `${fault.kind}: ${problem} (fault ${other.id})`)
      }
    }
    this.#checkThere(fault)
    const running = this.#enter(fault)
    this.#tell(running, 'started', running.endsAtMs, running.detail)
    running.injected = this.#inject(running)
    try {
      await running.injected
    } catch (error) {
      this.#leave(running)
      this.#edges.apply(this.#faults())
      this.#tell(running, 'failed', null, (error as Error).message)
      throw error
    }
    if (fault.kind === 'expire-session') await this.#end(running)
    else if (fault.kind === 'restart') void this.#end(running)
    else this.#arm(running)
    const { id, kind, target, startedAtMs, endsAtMs, detail } = running
    return { id, kind, target, startedAtMs, endsAtMs, detail }
  }

  /** Before its time. Rejects with a `FaultError` when there is no such fault, or it cannot be. */
  async end(id: string): Promise<void> {
    const running = this.#running.get(id)
    if (running === undefined) throw new FaultError('unknown', `no fault ${id} is active`)
    if (running.kind === 'pause' && this.#target.wakesOnlyByItself === true) {
      const leftMs = Math.max(0, running.endsAtMs - this.#wall.now())
      const when = `in ${Math.ceil(leftMs / 1000)} s`
      throw new FaultError('impossible', `a broker that stopped itself wakes by itself, ${when}`)
    }
    await this.#end(running)
  }

  /** Heals everything. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => this.#end(running)))
  }

  /** Heals everything; nothing can be started any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.endAll()
  }

  /** Heals nothing, for when the cluster itself ends; nothing can be started any more. */
  abandon(): void {
    this.#isClosed = true
    for (const running of [...this.#running.values()]) this.#leave(running)
  }

  /** What does not run can only be started. */
  #checkThere({ kind, target }: Fault): void {
    if (target === 'zookeeper' || kind === 'restart' || !isOfBroker(kind)) return
    if (this.#target.isRunning?.(target) !== false) return
    throw new FaultError('impossible', `${kind}: broker ${target} does not run; restart starts it`)
  }

  #enter(fault: Fault): Running {
    this.#lastId += 1
    const startedAtMs = this.#wall.now()
    const running: Running = {
      id: `f${this.#lastId}`,
      kind: fault.kind,
      target: fault.target,
      startedAtMs,
      endsAtMs: startedAtMs + fault.forMs,
      detail: describeFault(fault, this.#target.start !== undefined),
      fault,
      injected: Promise.resolve(),
      ending: null,
      isOver: false,
      cancelTimer: () => {},
    }
    this.#running.set(running.id, running)
    return running
  }

  #leave(running: Running): void {
    running.cancelTimer()
    this.#running.delete(running.id)
  }

  #arm(running: Running): void {
    if (running.ending !== null) return
    const leftMs = running.endsAtMs - this.#wall.now()
    running.cancelTimer = this.#clock.after(Math.max(0, leftMs), () => void this.#end(running))
  }

  async #inject({ kind, target, fault }: Running): Promise<void> {
    if (target === 'zookeeper') return this.#target.zookeeper!.stop()
    switch (kind) {
      case 'kill':
        return this.#target.signal(target, 'SIGKILL')
      case 'pause':
        return this.#target.signal(target, 'SIGSTOP', fault.forMs)
      case 'terminate':
      case 'restart':
        return this.#sendOff(target)
      case 'disk-full':
        return this.#target.fillDisk(target, fault.forMs, fault.logDir)
      case 'expire-session':
        return this.#target.expireSession(target)
      default:
        this.#edges.apply(this.#faults())
    }
  }

  /** SIGTERM; its effect takes as long as it takes. Rejects when it fails soon. */
  async #sendOff(brokerId: number): Promise<void> {
    const out = this.#target.signal(brokerId, 'SIGTERM')
    out.catch(() => {})
    this.#leaving.set(brokerId, out)
    await Promise.race([out, this.#sleep(SENT_MS)])
  }

  /** Never rejects. */
  #end(running: Running): Promise<void> {
    running.ending ??= this.#heal(running)
    return running.ending
  }

  async #heal(running: Running): Promise<void> {
    running.cancelTimer()
    try {
      await running.injected
    } catch {
      return // Its start has told.
    }
    let problem = ''
    for (let tries = 1; tries <= HEAL_TRIES; tries++) {
      try {
        await this.#undo(running)
        this.#leave(running)
        this.#tell(running, 'ended', null, running.detail)
        return
      } catch (error) {
        problem = (error as Error).message
      }
      if (tries < HEAL_TRIES) await this.#sleep(HEAL_RETRY_MS)
    }
    this.#leave(running)
    this.#tell(running, 'failed', null, `could not be ended: ${problem}`)
  }

  async #undo(running: Running): Promise<void> {
    const { kind, target } = running
    if (target === 'zookeeper') return this.#target.zookeeper!.start()
    switch (kind) {
      case 'kill':
        return this.#target.start?.(target)
      case 'pause':
        return this.#target.signal(target, 'SIGCONT')
      case 'terminate':
      case 'restart':
        await this.#untilOut(target)
        return this.#target.start?.(target)
      case 'disk-full':
        if (await this.#lacksLogDir(target)) {
          await this.#sendOff(target)
          await this.#untilOut(target)
        }
        return this.#target.start?.(target)
      case 'expire-session':
        return
      default:
        running.isOver = true
        this.#edges.apply(this.#faults())
    }
  }

  /** A broker that has lost all of them is not there any more. */
  async #lacksLogDir(brokerId: number): Promise<boolean> {
    if (this.#target.isRunning?.(brokerId) === false) return false
    return this.#target.freeDisk(brokerId)
  }

  /** One that does not end in time is killed. */
  async #untilOut(brokerId: number): Promise<void> {
    const out = this.#leaving.get(brokerId)
    if (out === undefined) return
    const grace = Promise.withResolvers<'late'>()
    const cancel = this.#clock.after(GRACE_MS, () => grace.resolve('late'))
    try {
      const how = await Promise.race([out, grace.promise])
      if (how === 'late') await this.#target.signal(brokerId, 'SIGKILL')
    } finally {
      cancel()
      this.#leaving.delete(brokerId)
    }
  }

  #faults(): Fault[] {
    return [...this.#running.values()].filter(({ isOver }) => !isOver).map((each) => each.fault)
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(delayMs, resolve)
    })
  }

  #tell(
    { id, kind, target }: Running,
    phase: FaultEvent['phase'],
    endsAtMs: number | null,
    detail: string,
  ): void {
    const brokerId = target === 'zookeeper' ? null : target
    const atMs = this.#wall.now()
    this.#onEvent({ kind: 'fault', atMs, id, fault: kind, brokerId, phase, endsAtMs, detail })
  }
}

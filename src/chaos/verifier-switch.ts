/** A verifier that can be switched on and off again and again; each time is a run of its own. */
import { FaultError } from './faults.ts'
import type { Verdict, Verifier } from './verifier.ts'

export interface VerifierControl {
  /** From the request to start until the last run has its verdict. */
  readonly isRunning: boolean
  /** Of the run under way or of the last one. */
  readonly verdict: Verdict | null
  /** Nothing when it runs. Rejects when it could not start, or the last run still reads to its end. */
  start(): Promise<void>
  /** Resolves with the verdict; null when none ever ran. */
  stop(): Promise<Verdict | null>
}

export class VerifierSwitch implements VerifierControl {
  readonly #make: () => Verifier
  #current: Verifier | null = null
  #starting: Promise<void> | null = null
  #isStopping = false

  constructor(make: () => Verifier) {
    this.#make = make
  }

  get isRunning(): boolean {
    return this.#starting !== null || (this.#current?.isRunning ?? false)
  }

  get verdict(): Verdict | null {
    return this.#current?.verdict ?? null
  }

  /** Ends at once, without a verdict. */
  abandon(): void {
    const abandon = () => this.#current?.abandon()
    this.#starting?.then(abandon, () => {})
    abandon()
  }

  start(): Promise<void> {
    if (this.#starting !== null) return this.#starting
    if (this.isRunning && this.#isStopping) {
      const why = 'the last run of the verifier still reads what it wrote'
      return Promise.reject(new FaultError('conflict', why))
    }
    if (this.isRunning) return Promise.resolve()
    // Not in `begin`: what fails at once would be over before this is set.
    this.#starting = this.#begin().finally(() => {
      this.#starting = null
    })
    return this.#starting
  }

  async stop(): Promise<Verdict | null> {
    if (this.#starting !== null) await this.#starting.catch(() => {})
    this.#isStopping = true
    return (await this.#current?.stop()) ?? null
  }

  async #begin(): Promise<void> {
    const verifier = this.#make()
    await verifier.start()
    this.#current = verifier
    this.#isStopping = false
  }
}

import type { Logger } from '../base/ports.ts'

/** Handlers that are awaited one after the other; one that throws does not stop the others. */
export class HandlerList {
  readonly #logger: Logger
  readonly #occasion: string
  readonly #handlers: (() => Promise<void>)[] = []

  constructor(logger: Logger, occasion: string) {
    this.#logger = logger
    this.#occasion = occasion
  }

  /** The returned function removes it. */
  add(handler: () => Promise<void>): () => void {
    const own = () => handler()
    this.#handlers.push(own)
    return () => {
      const at = this.#handlers.indexOf(own)
      if (at >= 0) this.#handlers.splice(at, 1)
    }
  }

  async runAll(isStopped: () => boolean): Promise<void> {
    for (const handler of [...this.#handlers]) {
      if (isStopped()) return
      try {
        await handler()
      } catch (error) {
        this.#logger.error(`A handler of ${this.#occasion} failed.`, error)
      }
    }
  }
}

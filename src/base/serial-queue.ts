/**
 * Runs tasks one at a time in order, each with its awaits included: the event loop of the
 * controller and of a coordinator. A task that throws rejects its own promise only.
 */
export class SerialQueue {
  readonly #waiting: (() => Promise<void>)[] = []
  #running = false

  /** Tasks that wait, the running one not counted. */
  get length(): number {
    return this.#waiting.length
  }

  run<T>(task: () => Promise<T> | T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push(async () => {
        try {
          resolve(await task())
        } catch (error) {
          reject(error as Error)
        }
      })
      if (!this.#running) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#running = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await next()
    }
    this.#running = false
  }
}

/**
 * Hears of changed settings: sequential znodes under `/config/changes` name the entity, whose znode
 * is then read anew by the listener. Notifications are handled in order, each once per life of a
 * broker, and removed when they are older than 15 minutes (Kafka's
 * `ZkNodeChangeNotificationListener`).
 */
import type { Clock, Logger } from '../base/ports.ts'
import { SerialQueue } from '../base/serial-queue.ts'
import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import {
  type ConfigEntity,
  configChangesPath,
  decodeConfigChange,
  sequenceNumberOf,
} from '../zk/znodes.ts'

const EXPIRY_MS = 15 * 60_000

export class ConfigChanges {
  readonly #zk: ZkOperations
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onChange: (entity: ConfigEntity) => Promise<void>
  readonly #queue = new SerialQueue()
  readonly #onChildren = () => this.scan()
  /** When each notification that is still there was made. */
  #ctimesMs = new Map<string, number>()
  #scanQueued = false
  #lastHandled = -1
  #stopped = false

  constructor(
    zk: ZkOperations,
    clock: Clock,
    logger: Logger,
    onChange: (entity: ConfigEntity) => Promise<void>,
  ) {
    this.#zk = zk
    this.#clock = clock
    this.#logger = logger
    this.#onChange = onChange
  }

  /** Scans now and on every change. Called again in each new session. */
  scan(): void {
    if (this.#scanQueued || this.#stopped) return
    this.#scanQueued = true
    void this.#queue.run(async () => {
      this.#scanQueued = false
      if (this.#stopped) return
      try {
        await this.#scanOnce()
      } catch (error) {
        this.#logger.warn('Reading the config change notifications failed', error)
      }
    })
  }

  stop(): void {
    this.#stopped = true
  }

  async #scanOnce(): Promise<void> {
    const { children } = await this.#zk.children(configChangesPath, this.#onChildren)
    const numbered = children
      .flatMap((name) => {
        const number = sequenceNumberOf(name)
        return number === null ? [] : [{ name, number }]
      })
      .sort((a, b) => a.number - b.number)
    const present = new Set(children)
    for (const name of this.#ctimesMs.keys()) if (!present.has(name)) this.#ctimesMs.delete(name)
    for (const { name, number } of numbered) {
      if (number <= this.#lastHandled) continue
      await this.#handle(name)
      if (this.#stopped) return
      this.#lastHandled = number
    }
    for (const { name } of numbered) await this.#purge(name)
  }

  /** Rejects only when the session is gone: then the next one scans again from here. */
  async #handle(name: string): Promise<void> {
    const path = `${configChangesPath}/${name}`
    try {
      const { data, stat } = await this.#zk.get(path)
      this.#ctimesMs.set(name, stat.ctimeMs)
      const decoded = decodeConfigChange(data)
      if (decoded.kind === 'ok') await this.#onChange(decoded.value)
      else this.#logger.error(`${path} is ignored: ${decoded.message}`)
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return
      if (isZkError(error, 'SESSION_EXPIRED')) throw error
      this.#logger.error(`Handling ${path} failed`, error)
    }
  }

  async #purge(name: string): Promise<void> {
    const ctimeMs = this.#ctimesMs.get(name)
    if (ctimeMs === undefined || this.#clock.wallMs() - ctimeMs <= EXPIRY_MS) return
    try {
      await this.#zk.delete(`${configChangesPath}/${name}`, -1)
    } catch (error) {
      if (isZkError(error, 'SESSION_EXPIRED')) throw error
      // Another broker was faster.
      if (!isZkError(error, 'NO_NODE')) this.#logger.warn(`${name} cannot be removed`, error)
    }
  }
}

/**
 * Hears of changed settings: sequential znodes under `/config/changes` name the entity, whose znode is
 * then read anew by the listener. Notifications are handled in order, each once per life of a broker,
 * and removed when they are older than 15 minutes (Kafka's `ZkNodeChangeNotificationListener`).
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
    const { children } = await this.#zk.children(configChangesPath, () => this.scan())
    const numbered = children
      .map((name) => ({ name, number: sequenceNumberOf(name) ?? -1 }))
      .sort((a, b) => a.number - b.number)
    for (const { name, number } of numbered) {
      if (number > this.#lastHandled) {
        await this.#handle(`${configChangesPath}/${name}`)
        this.#lastHandled = number
      }
    }
    await Promise.all(numbered.map(({ name }) => this.#purge(`${configChangesPath}/${name}`)))
  }

  async #handle(path: string): Promise<void> {
    try {
      const decoded = decodeConfigChange((await this.#zk.get(path)).data)
      if (decoded.kind === 'ok') await this.#onChange(decoded.value)
      else this.#logger.error(`${path} is ignored: ${decoded.message}`)
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return
      if (isZkError(error)) throw error
      this.#logger.error(`Handling ${path} failed`, error)
    }
  }

  async #purge(path: string): Promise<void> {
    try {
      const stat = await this.#zk.exists(path)
      if (stat !== null && this.#clock.wallMs() - stat.ctimeMs > EXPIRY_MS) {
        await this.#zk.delete(path, -1)
      }
    } catch (error) {
      if (!isZkError(error, 'NO_NODE')) throw error
    }
  }
}

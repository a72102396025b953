/**
 * Hears of changed settings: sequential znodes under `/config/changes` name the entity, whose znode
 * is then read anew by the listener. Notifications are handled in order, each once per life of a
 * broker, and removed when they are older than 15 minutes (Kafka's
 * `ZkNodeChangeNotificationListener`).
 *
 * A broker that could not look for so long does not find what others have removed. The parent counts
 * all that were ever made, though: when some are missing, all settings are read again. (Kafka's brokers
 * go on with the old ones.)
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

export interface ConfigListener {
  onChange(entity: ConfigEntity): Promise<void>
  /** Changes were missed: anything may be different. */
  onMissed(): Promise<void>
}

/** Notifications that were ever made; to be read before the settings are. */
export async function countConfigChanges(zk: ZkOperations): Promise<number> {
  return countOf(await zk.children(configChangesPath))
}

/** `cversion` counts creations and deletions, and what was not deleted is there. */
function countOf({ children, stat }: Awaited<ReturnType<ZkOperations['children']>>): number {
  return (stat.cversion + children.length) / 2
}

export class ConfigChanges {
  readonly #zk: ZkOperations
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #listener: ConfigListener
  readonly #queue = new SerialQueue()
  readonly #onChildren = () => this.scan()
  /** When each notification that is still there was made. */
  #ctimesMs = new Map<string, number>()
  #scanQueued = false
  /** Number of the next one to be handled. */
  #next: number
  #stopped = false

  /** `first`: number of the first one that the settings, as they are known, do not have. */
  constructor(
    zk: ZkOperations,
    clock: Clock,
    logger: Logger,
    first: number,
    listener: ConfigListener,
  ) {
    this.#zk = zk
    this.#clock = clock
    this.#logger = logger
    this.#next = first
    this.#listener = listener
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
    const found = await this.#zk.children(configChangesPath, this.#onChildren)
    const { children } = found
    const numbered = children
      .flatMap((name) => {
        const number = sequenceNumberOf(name)
        return number === null ? [] : [{ name, number }]
      })
      .sort((a, b) => a.number - b.number)
    const present = new Set(children)
    for (const name of this.#ctimesMs.keys()) if (!present.has(name)) this.#ctimesMs.delete(name)
    const unhandled = numbered.filter(({ number }) => number >= this.#next)
    const end = Math.max(countOf(found), (numbered.at(-1)?.number ?? -1) + 1)
    if (unhandled.length < end - this.#next) {
      this.#logger.info('Changes of settings were missed: all settings are read again')
      await this.#listener.onMissed()
      this.#next = end
    }
    for (const { name, number } of numbered) {
      await this.#handle(name, number)
      if (this.#stopped) return
    }
    this.#next = end
    for (const { name } of numbered) await this.#purge(name)
  }

  /** Rejects only when the session is gone: then the next one scans again from here. */
  async #handle(name: string, number: number): Promise<void> {
    if (number < this.#next && this.#ctimesMs.has(name)) return
    const path = `${configChangesPath}/${name}`
    try {
      const { data, stat } = await this.#zk.get(path)
      this.#ctimesMs.set(name, stat.ctimeMs)
      if (number < this.#next) return
      const decoded = decodeConfigChange(data)
      if (decoded.kind === 'ok') await this.#listener.onChange(decoded.value)
      else this.#logger.error(`${path} is ignored: ${decoded.message}`)
    } catch (error) {
      if (isZkError(error, 'SESSION_EXPIRED')) throw error
      // Gone just now: nobody knows whom it named.
      if (isZkError(error, 'NO_NODE')) await this.#listener.onMissed()
      else this.#logger.error(`Handling ${path} failed`, error)
    }
    this.#next = Math.max(this.#next, number + 1)
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

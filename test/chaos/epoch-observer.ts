/**
 * Follows the znodes that carry epochs, from outside and through its own session: the native client
 * where it loads, so that the check does not pass through the code that is checked.
 */

import { openObserverClient } from '../../src/dashboard/observer/observer-client.ts'
import { systemClock } from '../../src/host/clock.ts'
import { isZkError } from '../../src/zk/zk-client.ts'
import { ZkSession } from '../../src/zk/zk-session.ts'
import { controllerEpochPath, controllerPath, partitionStatePath } from '../../src/zk/znodes.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { checkHistory, type HistoryVerdict, type Sighting } from './epoch-history.ts'

const START_TIMEOUT_MS = 10_000
const RETRY_MS = 200

export class EpochObserver {
  /** In the order of reading. */
  readonly history: Sighting[] = []
  /** Which client it is. */
  readonly client: string
  readonly #zk: ZkSession
  /** By path: the reading that counts; an older one that still waits does not. */
  readonly #generations = new Map<string, number>()
  #isClosed = false

  private constructor(zk: ZkSession, client: string) {
    this.#zk = zk
    this.client = client
  }

  static async open(zookeeper: string, topic: string, partitions: number): Promise<EpochObserver> {
    const { kind, reason, connect } = await openObserverClient(systemClock, { zookeeper })
    const logger = new SilentLoggers().get('observer')
    const zk = new ZkSession({ connect, clock: systemClock, logger })
    const observer = new EpochObserver(zk, reason === null ? kind : `${kind}: ${reason}`)
    const paths = [
      controllerPath,
      controllerEpochPath,
      ...Array.from({ length: partitions }, (_, at) => partitionStatePath(topic, at)),
    ]
    // Watches end with their session.
    zk.onNewSession(async () => {
      for (const path of paths) observer.#look(path)
    })
    await zk.start(START_TIMEOUT_MS)
    for (const path of paths) observer.#look(path)
    return observer
  }

  get verdict(): HistoryVerdict {
    return checkHistory(this.history)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#zk.close()
  }

  #look(path: string): void {
    const generation = (this.#generations.get(path) ?? 0) + 1
    this.#generations.set(path, generation)
    void this.#read(path, generation)
  }

  async #read(path: string, generation: number): Promise<void> {
    const isCurrent = () => !this.#isClosed && this.#generations.get(path) === generation
    const again = () => {
      if (isCurrent()) this.#look(path)
    }
    try {
      const { data, stat } = await this.#zk.get(path, again)
      if (!isCurrent()) return
      const { version, czxid, mzxid } = stat
      this.#enter({ atMs: Date.now(), path, data: String(data), version, czxid, mzxid })
    } catch (error) {
      if (!isCurrent()) return
      if (isZkError(error, 'NO_NODE')) await this.#untilCreated(path, again)
      else setTimeout(again, RETRY_MS)
    }
  }

  async #untilCreated(path: string, again: () => void): Promise<void> {
    const gone = { data: null, version: 0, czxid: 0n, mzxid: 0n }
    this.#enter({ atMs: Date.now(), path, ...gone })
    try {
      if ((await this.#zk.exists(path, again)) !== null) again()
    } catch {
      setTimeout(again, RETRY_MS)
    }
  }

  #enter(sighting: Sighting): void {
    this.history.push(sighting)
  }
}

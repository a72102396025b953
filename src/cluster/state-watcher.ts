/**
 * The healing path of a leadership change: watches the state znode of every partition that this
 * broker hosts, and on each change reads it again and hands over what it says. A watch says "look
 * again", nothing more; what is read may be older or newer than what the controller pushed, and
 * whoever gets it must not mind. Reads are bounded in number, so that thousands of partitions do
 * not flood ZooKeeper.
 */
import type { Clock, Logger } from '../base/ports.ts'
import { type TopicPartition, TopicPartitionMap } from '../base/topic-partition.ts'
import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import { decodePartitionState, type PartitionState, partitionStatePath } from '../zk/znodes.ts'

export type OnPartitionState = (
  partition: TopicPartition,
  state: PartitionState,
  zkVersion: number,
) => void

/** One life of being hosted: a later one, or a later session, makes events of the former void. */
interface Hosting {
  readonly partition: TopicPartition
  session: number
}

const MAX_CONCURRENT_READS = 8
const RETRY_MS = 1_000

export class StateWatcher {
  readonly #zk: ZkOperations
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onState: OnPartitionState
  readonly #hosted = new TopicPartitionMap<Hosting>()
  readonly #waiting: Hosting[] = []
  #reading = 0
  #session = 0
  #stopped = false

  constructor(zk: ZkOperations, clock: Clock, logger: Logger, onState: OnPartitionState) {
    this.#zk = zk
    this.#clock = clock
    this.#logger = logger
    this.#onState = onState
  }

  watch(partition: TopicPartition): void {
    if (this.#stopped || this.#hosted.has(partition.topic, partition.partition)) return
    const hosting = { partition, session: this.#session }
    this.#hosted.set(partition.topic, partition.partition, hosting)
    this.#look(hosting)
  }

  unwatch({ topic, partition }: TopicPartition): void {
    this.#hosted.delete(topic, partition)
  }

  /** In a new session all watches are gone: everything is read again. */
  onNewSession(): void {
    this.#session += 1
    this.#waiting.length = 0
    for (const hosting of this.#hosted.values()) {
      hosting.session = this.#session
      this.#look(hosting)
    }
  }

  stop(): void {
    this.#stopped = true
    this.#hosted.clear()
    this.#waiting.length = 0
  }

  #look(hosting: Hosting): void {
    this.#waiting.push(hosting)
    this.#readNext()
  }

  #readNext(): void {
    while (this.#reading < MAX_CONCURRENT_READS) {
      const hosting = this.#waiting.shift()
      if (hosting === undefined) return
      if (!this.#isCurrent(hosting)) continue
      this.#reading += 1
      void this.#read(hosting).finally(() => {
        this.#reading -= 1
        this.#readNext()
      })
    }
  }

  async #read(hosting: Hosting): Promise<void> {
    const { topic, partition } = hosting.partition
    const { session } = hosting
    const path = partitionStatePath(topic, partition)
    const isVoid = () => hosting.session !== session || !this.#isCurrent(hosting)
    const lookAgain = () => {
      if (!isVoid()) this.#look(hosting)
    }
    let found: Awaited<ReturnType<ZkOperations['get']>>
    try {
      found = await this.#zk.get(path, lookAgain)
    } catch (error) {
      if (!isZkError(error)) throw error
      // Deleted: StopReplica ends the hosting. Expired: the next session reads again.
      if (isZkError(error, 'NO_NODE', 'SESSION_EXPIRED') || isVoid()) return
      this.#logger.warn(`Reading ${path} failed, trying again`, error)
      this.#clock.after(RETRY_MS, lookAgain)
      return
    }
    if (isVoid()) return
    const decoded = decodePartitionState(found.data)
    if (decoded.kind === 'ok') this.#onState(hosting.partition, decoded.value, found.stat.version)
    else this.#logger.error(`${path} is ignored: ${decoded.message}`)
  }

  #isCurrent(hosting: Hosting): boolean {
    const { topic, partition } = hosting.partition
    return !this.#stopped && this.#hosted.get(topic, partition) === hosting
  }
}

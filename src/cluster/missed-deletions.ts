/**
 * Finds the topics that were deleted while nobody could tell this broker: it was cut off when the
 * controller that deleted them went, or its registration was gone. No later controller knows of them.
 * Looked for whenever somebody begins to paint our image: a controller, or the same one for another
 * registration of ours. (Kafka's brokers keep such topics until they are restarted.)
 */
import type { Logger } from '../base/ports.ts'
import type { ZkOperations } from '../zk/zk-client.ts'
import { topicsPath } from '../zk/znodes.ts'
import type { DeletedPartition, MetadataCache, TopicImage } from './image.ts'

export interface MissedDeletionsPorts {
  readonly zk: Pick<ZkOperations, 'sync' | 'children'>
  readonly metadata: MetadataCache
  readonly logger: Logger
  onDeleted(partitions: readonly DeletedPartition[]): void
}

export class MissedDeletions {
  readonly #ports: MissedDeletionsPorts
  #painter = ''

  constructor(ports: MissedDeletionsPorts) {
    this.#ports = ports
  }

  /** Before every UpdateMetadata is applied, with the epochs that it names. */
  onUpdate(controllerEpoch: number, brokerEpoch: number): void {
    const painter = `${controllerEpoch} ${brokerEpoch}`
    if (painter === this.#painter) return
    this.#painter = painter
    const known = [...this.#ports.metadata.image.topics.values()]
    if (known.length > 0) void this.#look(known)
  }

  async #look(known: readonly TopicImage[]): Promise<void> {
    const { zk, metadata, logger } = this.#ports
    try {
      // What this painter knows was there before it began: seen by us only if our server has it too.
      await zk.sync(topicsPath)
      const present = new Set((await zk.children(topicsPath)).children)
      const gone = known.filter(({ name }) => !present.has(name))
      if (gone.length === 0) return
      const deleted = metadata.forget(gone)
      logger.info(
        `Deleted ${deleted.length} partitions from metadata cache that are gone unheard of`,
      )
      this.#ports.onDeleted(deleted)
    } catch (error) {
      logger.warn('Looking for topics that were deleted failed', error)
    }
  }
}

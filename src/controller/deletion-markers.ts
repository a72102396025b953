/** `/admin/delete_topics`: which topics somebody wants deleted (Kafka's `processTopicDeletion`). */

import type { Logger } from '../base/ports.ts'
import type { ZkOperations } from '../zk/zk-client.ts'
import { deleteTopicPath, deleteTopicsPath } from '../zk/znodes.ts'
import { type ControllerContext, canMove, type Topic } from './controller-context.ts'
import type { EpochFence } from './epoch-fence.ts'
import type { TopicDeletion } from './topic-deletion.ts'
import { WatchPoint } from './watch-point.ts'

export interface DeletionMarkerPorts {
  readonly context: ControllerContext
  readonly zk: ZkOperations
  readonly fence: EpochFence
  readonly topicDeletion: TopicDeletion
  readonly isDeletionEnabled: () => boolean
  readonly onMarkersChanged: () => void
  /** Takes note of topics whose turn in the queue is still to come. */
  readonly learnTopics: () => Promise<void>
  readonly log: Logger
}

export class DeletionMarkers {
  readonly #ports: DeletionMarkerPorts
  readonly #watch: WatchPoint

  constructor(ports: DeletionMarkerPorts) {
    this.#ports = ports
    this.#watch = new WatchPoint(() => ports.onMarkersChanged())
  }

  /** At the start of a reign, before the state machines run: what is marked is queued. */
  async load(): Promise<void> {
    const { context, topicDeletion, log } = this.#ports
    log.info('Fetching topic deletions in progress')
    const marked = await this.#read()
    const ineligible = [...context.topics.values()]
      .filter((topic) => this.#isReassigning(topic) || this.#hasOfflineReplica(topic))
      .map(({ name }) => name)
    log.info(`List of topics to be deleted: ${marked.join(',')}`)
    log.info(`List of topics ineligible for deletion: ${ineligible.join(',')}`)
    if (this.#ports.isDeletionEnabled()) topicDeletion.init(marked, ineligible)
    else await this.#remove(marked)
  }

  async onMarkersChanged(): Promise<void> {
    const { context, topicDeletion, log } = this.#ports
    const marked = await this.#read()
    if (marked.some((name) => !context.topics.has(name))) await this.#ports.learnTopics()
    const unknown = marked.filter((name) => !context.topics.has(name))
    if (unknown.length > 0) {
      log.warn(`Ignoring request to delete non-existing topics ${unknown.join(',')}`)
      await this.#ports.fence.deleteAll(unknown.map(deleteTopicPath))
    }
    const known = marked.filter((name) => context.topics.has(name))
    if (known.length === 0) return
    if (!this.#ports.isDeletionEnabled()) return this.#remove(known)
    log.info(`Starting topic deletion for topics ${known.join(',')}`)
    const moving = known.filter((name) => this.#isReassigning(context.topics.get(name)!))
    await topicDeletion.enqueue(known, moving)
  }

  stop(): void {
    this.#watch.stop()
  }

  async #read(): Promise<string[]> {
    const { children } = await this.#watch.arm((watcher) =>
      this.#ports.zk.children(deleteTopicsPath, watcher),
    )
    return children.sort()
  }

  async #remove(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    this.#ports.log.info(`Removing ${names.join(',')} since delete topic is disabled`)
    await this.#ports.fence.deleteAll(names.map(deleteTopicPath))
  }

  #isReassigning({ partitions }: Topic): boolean {
    const { reassigning } = this.#ports.context
    return partitions.some((partition) => reassigning.has(partition) && canMove(partition))
  }

  #hasOfflineReplica({ partitions }: Topic): boolean {
    return partitions.some((partition) =>
      partition.assignment.replicas.some(
        (id) => !this.#ports.context.isReplicaOnline(partition, id),
      ),
    )
  }
}

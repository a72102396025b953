/**
 * The two sequences of notification znodes that brokers write for the controller: log directories
 * that failed, and ISR changes by brokers of an inter-broker protocol before 2.7. Every processing
 * reads all that are there and removes exactly those (KAFKA-5879).
 */

import type { Logger } from '../base/ports.ts'
import type { TopicPartition } from '../base/topic-partition.ts'
import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import {
  type Decoded,
  decodeLogDirEvent,
  decodePartitionList,
  isrChangeNotificationPath,
  logDirEventNotificationPath,
} from '../zk/znodes.ts'
import type { ControllerContext, Partition } from './controller-context.ts'
import type { ControllerActivity } from './controller-stats.ts'
import type { EpochFence } from './epoch-fence.ts'
import { pipelined } from './pipelined.ts'
import type { Reassignment } from './reassignment.ts'
import type { ReplicaStates } from './replica-states.ts'
import type { RequestBatch } from './request-batch.ts'
import type { StateWriter } from './state-writer.ts'
import { WatchPoint } from './watch-point.ts'

export interface NotificationPorts {
  readonly context: ControllerContext
  readonly zk: ZkOperations
  readonly fence: EpochFence
  readonly writer: StateWriter
  readonly replicaStates: ReplicaStates
  readonly reassignment: Reassignment
  readonly newBatch: () => RequestBatch
  readonly enqueue: (name: string, activity: ControllerActivity, work: () => Promise<void>) => void
  readonly log: Logger
}

export class Notifications {
  readonly #ports: NotificationPorts
  readonly #logDirEvents: NotificationInbox
  readonly #isrChanges: NotificationInbox

  constructor(ports: NotificationPorts) {
    const { zk, fence, enqueue } = ports
    this.#ports = ports
    this.#logDirEvents = new NotificationInbox(zk, fence, logDirEventNotificationPath, () =>
      enqueue('LogDirEventNotification', 'LogDirChange', () => this.#onLogDirEvents()),
    )
    this.#isrChanges = new NotificationInbox(zk, fence, isrChangeNotificationPath, () =>
      enqueue('IsrChangeNotification', 'IsrChange', () => this.#onIsrChanges()),
    )
  }

  /** At the start of a reign: what is there is old news, all states are read afterwards. */
  async clear(): Promise<void> {
    this.#ports.log.info('Deleting log dir event notifications')
    await this.#logDirEvents.clear()
    this.#ports.log.info('Deleting isr change notifications')
    await this.#isrChanges.clear()
  }

  stop(): void {
    this.#logDirEvents.stop()
    this.#isrChanges.stop()
  }

  async #onLogDirEvents(): Promise<void> {
    const { context, replicaStates } = this.#ports
    const events = await this.#logDirEvents.read()
    try {
      const brokerIds = this.#decodeAll(events, decodeLogDirEvent)
      // All roles again, at the same epochs: for what it cannot serve the broker answers so.
      await replicaStates.move(context.replicasOn([...new Set(brokerIds)]), 'online')
    } finally {
      await this.#logDirEvents.remove(events)
    }
  }

  async #onIsrChanges(): Promise<void> {
    const { context, newBatch, reassignment } = this.#ports
    const notifications = await this.#isrChanges.read()
    try {
      const named: TopicPartition[] = this.#decodeAll(notifications, decodePartitionList).flat()
      const known = named.flatMap(
        ({ topic, partition }) => context.partition(topic, partition) ?? [],
      )
      const partitions = [...new Set(known)]
      await this.#refreshLeadership(partitions)
      const batch = newBatch()
      batch.updateMetadata(context.liveOrShuttingDownBrokerIds(), partitions)
      batch.send()
      await reassignment.maybeComplete(partitions)
    } finally {
      await this.#isrChanges.remove(notifications)
    }
  }

  async #refreshLeadership(partitions: readonly Partition[]): Promise<void> {
    const states = await this.#ports.writer.readAll(partitions)
    partitions.forEach((partition, at) => {
      const state = states[at]!
      if (state.kind === 'ok') partition.leadership = state.leadership
    })
  }

  #decodeAll<T>(
    notifications: readonly Notification[],
    decode: (data: Buffer | null) => Decoded<T>,
  ): T[] {
    return notifications.flatMap(({ path, data }) => {
      const decoded = decode(data)
      if (decoded.kind === 'ok') return [decoded.value]
      this.#ports.log.error(`${path}: ${decoded.message}`)
      return []
    })
  }
}

interface Notification {
  readonly path: string
  readonly data: Buffer | null
}

class NotificationInbox {
  readonly #zk: ZkOperations
  readonly #fence: EpochFence
  readonly #parent: string
  readonly #watch: WatchPoint

  constructor(zk: ZkOperations, fence: EpochFence, parent: string, onNews: () => void) {
    this.#zk = zk
    this.#fence = fence
    this.#parent = parent
    this.#watch = new WatchPoint(onNews)
  }

  /** Arms the watch and returns what is there, oldest first. */
  async read(): Promise<Notification[]> {
    const paths = await this.#list()
    const found = await pipelined(paths, async (path) => {
      try {
        const { data } = await this.#zk.get(path)
        return { path, data }
      } catch (error) {
        if (isZkError(error, 'NO_NODE')) return null
        throw error
      }
    })
    return found.filter((notification) => notification !== null)
  }

  /** What an earlier controller left unread; the new one looks at everything anyway. */
  async clear(): Promise<void> {
    await this.#fence.deleteAll(await this.#list())
  }

  async remove(notifications: readonly Notification[]): Promise<void> {
    await this.#fence.deleteAll(notifications.map(({ path }) => path))
  }

  stop(): void {
    this.#watch.stop()
  }

  async #list(): Promise<string[]> {
    const { children } = await this.#watch.arm((watcher) =>
      this.#zk.children(this.#parent, watcher),
    )
    return children.sort().map((name) => `${this.#parent}/${name}`)
  }
}

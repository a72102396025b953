/**
 * Who wrote a znode. ZooKeeper does not say; the data of most nodes does, together with who was
 * controller in which epoch. Where nothing tells, the answer is null.
 */
import type { ZnodeEvent, ZnodeWriter } from '../history/events.ts'
import {
  brokerIdInPath,
  parseControllerEpoch,
  parseControllerId,
  parsePartitionState,
  partitionOfPath,
} from '../history/znode-data.ts'

type Seen = Omit<ZnodeEvent, 'seq' | 'writer'>

/** Written by nobody but the active controller. */
const CONTROLLER_CREATES = /^\/brokers\/topics\/[^/]+\/partitions(\/\d+)?$/
const CONTROLLER_DELETES = new RegExp(
  '^/(brokers/topics|admin/delete_topics|isr_change_notification|log_dir_event_notification' +
    '|config/topics)/.',
)
const CONTROLLER_WRITES = /^\/(feature|latest_producer_id_block)$/
const NOBODY = '0x0'
/** So many reigns are remembered. */
const REIGNS_MAX = 1_000

export class ZnodeWriters {
  #controllerId: number | null = null
  #epoch: number | null = null
  readonly #brokerOfEpoch = new Map<number, number>()
  readonly #brokerOfSession = new Map<string, number>()

  /** To be asked of every event, in order. */
  writerOf(event: Seen): ZnodeWriter | null {
    this.#learn(event)
    const { path, change } = event
    if (change === 'deleted') return this.#deleterOf(event)
    if (path === '/controller_epoch') return this.#controller(parseControllerEpoch(event.data))
    if (path === '/controller') return broker(parseControllerId(event.data))
    if (partitionOfPath(path) !== null) {
      return this.#controller(parsePartitionState(event.data)?.controllerEpoch ?? null)
    }
    const brokerId = brokerIdInPath(path)
    if (brokerId !== null) return broker(brokerId)
    if (path.startsWith('/log_dir_event_notification/')) return broker(brokerField(event.data))
    if (event.ephemeralOwner !== NOBODY) {
      return broker(this.#brokerOfSession.get(event.ephemeralOwner) ?? null)
    }
    const isControllers =
      CONTROLLER_WRITES.test(path) || (change === 'created' && CONTROLLER_CREATES.test(path))
    return isControllers && change !== 'found' ? this.#controller(this.#epoch) : null
  }

  #learn({ path, change, data, ephemeralOwner }: Seen): void {
    const isGone = change === 'deleted'
    if (path === '/controller') this.#controllerId = isGone ? null : parseControllerId(data)
    if (path === '/controller_epoch') this.#epoch = isGone ? null : parseControllerEpoch(data)
    // Both are written at once: what is known when the second one comes belongs together.
    if (path.startsWith('/controller') && this.#epoch !== null && this.#controllerId !== null) {
      const isNew = path === '/controller_epoch' || !this.#brokerOfEpoch.has(this.#epoch)
      if (isNew) this.#remember(this.#epoch, this.#controllerId)
    }
    const brokerId = brokerIdInPath(path)
    if (brokerId !== null && !isGone) this.#brokerOfSession.set(ephemeralOwner, brokerId)
  }

  #remember(epoch: number, brokerId: number): void {
    this.#brokerOfEpoch.set(epoch, brokerId)
    if (this.#brokerOfEpoch.size <= REIGNS_MAX) return
    const [oldest] = this.#brokerOfEpoch.keys()
    this.#brokerOfEpoch.delete(oldest!)
  }

  #controller(epoch: number | null): ZnodeWriter | null {
    const brokerId = epoch === null ? undefined : this.#brokerOfEpoch.get(epoch)
    return epoch === null || brokerId === undefined ? null : { kind: 'controller', brokerId, epoch }
  }

  #deleterOf({ path, before, ephemeralOwner }: Seen): ZnodeWriter | null {
    if (ephemeralOwner !== NOBODY) {
      const known = path === '/controller' ? parseControllerId(before) : brokerIdInPath(path)
      const brokerId = known ?? this.#brokerOfSession.get(ephemeralOwner) ?? null
      return { kind: 'session-end', brokerId }
    }
    return CONTROLLER_DELETES.test(path) ? this.#controller(this.#epoch) : null
  }
}

function broker(brokerId: number | null): ZnodeWriter | null {
  return brokerId === null ? null : { kind: 'broker', brokerId }
}

function brokerField(data: string | null): number | null {
  const match = /"broker":(\d+)/.exec(data ?? '')
  return match === null ? null : Number(match[1])
}

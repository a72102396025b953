/** Writes the history of a small cluster by hand: what is set is found or changed as it would be. */
import type {
  ClusterEvent,
  FaultKind,
  UnnumberedEvent,
  ZnodeWriter,
} from '../../src/dashboard/history/events.ts'

export const SCRIPT_START_MS = 1_700_000_000_000

interface Written {
  data: string | null
  version: number
  czxid: number
  mzxid: number
  ephemeralOwner: string
}

export class EventScript {
  readonly events: ClusterEvent[] = []
  readonly #znodes = new Map<string, Written>()
  #nowMs = SCRIPT_START_MS
  #zxid = 100
  #isFound = true

  /** What is written from here on is told as it happens. */
  live(): this {
    this.#isFound = false
    return this
  }

  /** Milliseconds since the start of the script. */
  at(ms: number): this {
    this.#nowMs = SCRIPT_START_MS + ms
    return this
  }

  add(event: UnnumberedEvent): this {
    this.events.push({ ...event, seq: this.events.length } as ClusterEvent)
    return this
  }

  put(path: string, data: string | null, owner = '0x0', writer: ZnodeWriter | null = null): this {
    const old = this.#znodes.get(path)
    const zxid = ++this.#zxid
    const now: Written = {
      data,
      version: old === undefined ? 0 : old.version + 1,
      czxid: old?.czxid ?? zxid,
      mzxid: zxid,
      ephemeralOwner: owner,
    }
    this.#znodes.set(path, now)
    const change = this.#isFound ? 'found' : old === undefined ? 'created' : 'changed'
    return this.#tell(path, change, now, old?.data ?? null, writer)
  }

  remove(path: string): this {
    const old = this.#znodes.get(path)!
    this.#znodes.delete(path)
    return this.#tell(path, 'deleted', { ...old, data: null }, old.data, null)
  }

  #tell(
    path: string,
    change: 'found' | 'created' | 'changed' | 'deleted',
    { data, version, czxid, mzxid, ephemeralOwner }: Written,
    before: string | null,
    writer: ZnodeWriter | null,
  ): this {
    return this.add({
      kind: 'znode',
      atMs: this.#nowMs,
      path,
      change,
      data,
      before: change === 'found' ? null : before,
      version,
      czxid: String(czxid),
      mzxid: String(mzxid),
      ephemeralOwner,
      writer,
    })
  }

  broker(id: number, httpPort = 8_000 + id): this {
    const data = {
      listener_security_protocol_map: { PLAINTEXT: 'PLAINTEXT' },
      endpoints: [`PLAINTEXT://127.0.0.1:${9_000 + id}`],
      jmx_port: httpPort,
      port: 9_000 + id,
      host: '127.0.0.1',
      version: 5,
      timestamp: String(this.#nowMs),
    }
    return this.put(`/brokers/ids/${id}`, JSON.stringify(data), `0x${id}00`)
  }

  controller(id: number, epoch: number): this {
    this.put('/controller', JSON.stringify({ version: 2, brokerid: id }), `0x${id}00`)
    return this.put('/controller_epoch', String(epoch))
  }

  topic(name: string, replicas: readonly (readonly number[])[]): this {
    const partitions = Object.fromEntries(replicas.map((each, number) => [number, each]))
    return this.put(`/brokers/topics/${name}`, JSON.stringify({ version: 3, partitions }))
  }

  state(name: string, leader: number, leaderEpoch: number, isr: number[], epoch: number): this {
    const [, topic, partition] = /^(.*)-(\d+)$/.exec(name)!
    const data = { controller_epoch: epoch, leader, version: 1, leader_epoch: leaderEpoch, isr }
    return this.put(`/brokers/topics/${topic}/partitions/${partition}/state`, JSON.stringify(data))
  }

  link(brokerId: number | 'zookeeper', isUp: boolean): this {
    const to =
      brokerId === 'zookeeper'
        ? ({ kind: 'zookeeper' } as const)
        : ({ kind: 'broker', brokerId } as const)
    return this.add({ kind: 'link', atMs: this.#nowMs, to, isUp })
  }

  fault(
    id: string,
    fault: FaultKind,
    brokerId: number | null,
    phase: 'started' | 'ended' | 'failed' = 'started',
  ): this {
    const endsAtMs = phase === 'started' ? this.#nowMs + 10_000 : null
    const atMs = this.#nowMs
    return this.add({ kind: 'fault', atMs, id, fault, brokerId, phase, endsAtMs, detail: '' })
  }

  /** `lateMs`: how long before it came the broker said it. */
  log(brokerId: number, message: string, lateMs = 0): this {
    const atMs = this.#nowMs
    const brokerAtMs = atMs - lateMs
    const logger = 'kafka.controller.KafkaController'
    return this.add({
      kind: 'broker-log',
      atMs,
      brokerId,
      brokerAtMs,
      level: 'INFO',
      logger,
      message,
    })
  }

  /** One partition; `ackAt` in milliseconds since the start. */
  writes(topic: string, partition: number, acked: number, ackAt: number, longestGapMs = 0): this {
    const lastAckAtMs = SCRIPT_START_MS + ackAt
    const each = { partition, acked, failed: acked === 0 ? 1 : 0, lastAckAtMs, longestGapMs }
    return this.add({ kind: 'writes', atMs: this.#nowMs, topic, partitions: [each] })
  }

  /** As `writes`, of fetches; the longest gap ended with the last answer. */
  reads(topic: string, partition: number, answered: number, lastAt: number, gapMs = 0): this {
    const lastAtMs = SCRIPT_START_MS + lastAt
    const gap = { longestGapMs: gapMs, longestGapEndedAtMs: answered === 0 ? 0 : lastAtMs }
    const reads = { answered, failed: answered === 0 ? 1 : 0, lastAtMs, ...gap }
    const each = { partition, acked: 0, failed: 0, lastAckAtMs: 0, longestGapMs: 0, reads }
    return this.add({ kind: 'writes', atMs: this.#nowMs, topic, partitions: [each] })
  }
}

/** Three brokers, 1 controls in epoch 5, and leads `t-0`; 2 leads `t-1`. */
export function threeBrokers(): EventScript {
  const script = new EventScript()
  script.put('/', null).controller(1, 5).put('/brokers', null).put('/brokers/ids', null)
  for (const id of [1, 2, 3]) script.broker(id)
  script
    .topic('t', [
      [1, 2, 3],
      [2, 3, 1],
    ])
    .state('t-0', 1, 7, [1, 2, 3], 5)
    .state('t-1', 2, 3, [2, 3, 1], 5)
    .link('zookeeper', true)
  for (const id of [1, 2, 3]) script.link(id, true)
  return script.live()
}

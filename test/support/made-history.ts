/**
 * A made-up history of a cluster, of any size, for the page and its tests: it stands up, the controller
 * is killed and comes back, another broker is stopped past its session and wakes as a zombie. Run it as a
 * program to get a file: `node test/support/made-history.ts --brokers 9 --partitions 1000 > run.jsonl`.
 */
import process from 'node:process'
import { parseArgs } from 'node:util'
import { formatEventLine } from '../../src/dashboard/history/event-lines.ts'
import type {
  ClusterEvent,
  FaultKind,
  UnnumberedEvent,
  ZnodeWriter,
} from '../../src/dashboard/history/events.ts'

export interface MadeOptions {
  readonly brokers: number
  /** Of the whole cluster, over topics of at most 100. */
  readonly partitions: number
  readonly replicas?: number
  /** Default: a Saturday in November 2026. */
  readonly startMs?: number
}

export function makeHistory(options: MadeOptions): ClusterEvent[] {
  const made = new MadeCluster(options)
  made.standUp()
  made.wait(6_000)
  made.killController()
  made.wait(9_000)
  made.pauseBroker()
  made.wait(8_000)
  return made.events
}

interface Partition {
  readonly topic: string
  readonly partition: number
  readonly replicas: readonly number[]
  leader: number
  leaderEpoch: number
  isr: number[]
}

interface Znode {
  data: string | null
  version: number
  czxid: number
  owner: number | null
}

const TOPICS = ['orders', 'payments', 'shipments', 'clicks', 'audit', 'inventory']
const START_MS = Date.UTC(2026, 10, 21, 9, 30)
const VERIFY_PARTITIONS = 3

class MadeCluster {
  readonly events: ClusterEvent[] = []
  readonly #brokerIds: number[]
  readonly #partitions: Partition[] = []
  readonly #znodes = new Map<string, Znode>()
  readonly #sessions = new Map<number, number>()
  readonly #alive = new Set<number>()
  #nowMs: number
  #zxid = 0x100000001
  #session = 0x1000a2f0000
  #controller = 1
  #epoch = 0
  #acked = 0
  #faults = 0
  #longestGapMs = 0
  #longestReadGapMs = 0

  constructor({ brokers, partitions, replicas = 3, startMs = START_MS }: MadeOptions) {
    this.#nowMs = startMs
    this.#brokerIds = Array.from({ length: brokers }, (_, i) => i + 1)
    const factor = Math.min(replicas, brokers)
    const perTopic = Math.min(100, Math.max(5, Math.ceil(partitions / 6)))
    for (let i = 0; i < partitions; i++) {
      const round = Math.floor(i / perTopic)
      const name = TOPICS[round % TOPICS.length]!
      const topic = round < TOPICS.length ? name : `${name}-${Math.floor(round / TOPICS.length)}`
      this.#add(topic, i % perTopic, i, factor)
    }
    for (let i = 0; i < VERIFY_PARTITIONS; i++) this.#add('samsa-verify', i, i, factor)
  }

  wait(ms: number): void {
    const untilMs = this.#nowMs + ms
    while (this.#nowMs < untilMs) {
      this.#nowMs += 250
      this.#writes(52, 11, 12)
    }
    this.#nowMs = untilMs
  }

  standUp(): void {
    this.#emit({ kind: 'link', to: { kind: 'zookeeper' }, isUp: true })
    this.#found('/cluster/id', '{"version":"1","id":"vVn7Qe5cTsG0XnYlWQd3jA"}')
    this.#found('/controller_epoch', '1')
    this.#epoch = 1
    for (const id of this.#brokerIds) this.#register(id, 'found')
    this.#found('/controller', this.#controllerData(), this.#sessions.get(1)!)
    for (const topic of new Set(this.#partitions.map((each) => each.topic))) this.#addTopic(topic)
    for (const each of this.#partitions) this.#found(statePath(each), this.#stateData(each))
    for (const id of this.#brokerIds) {
      this.#emit({ kind: 'link', to: { kind: 'broker', brokerId: id }, isUp: true })
      this.#log(id, 'kafka.server.KafkaServer', `[KafkaServer id=${id}] started`)
    }
    this.#controllerLog(
      `1 successfully elected as the controller. Epoch incremented to 1 and epoch zk version is now 1`,
    )
    this.#verdict(true)
  }

  /** kill -9: the sockets close, the others have proof of death within milliseconds. */
  killController(): void {
    const dead = this.#controller
    const id = this.#fault('kill', dead, 'SIGKILL to the process')
    this.#nowMs += 3
    this.#emit({ kind: 'link', to: { kind: 'broker', brokerId: dead }, isUp: false })
    this.#nowMs += 38
    this.#depose(dead)
    this.#takeOver(dead, 12)
    this.#firstWrite(148, 96)
    this.wait(4_000)
    this.#register(dead, 'created')
    this.#emit({ kind: 'link', to: { kind: 'broker', brokerId: dead }, isUp: true })
    this.#log(dead, 'kafka.server.KafkaServer', `[KafkaServer id=${dead}] started`)
    this.#endFault(id, 'kill', dead)
    this.#nowMs += 120
    this.#catchUp(dead)
  }

  /** SIGSTOP: nothing closes, so only the session timeout tells. It wakes up and believes the old. */
  pauseBroker(): void {
    const asleep = this.#controller
    const id = this.#fault('pause', asleep, 'SIGSTOP for 9000 ms')
    this.#nowMs += 1_200
    this.#shrinkIsr(asleep)
    this.#nowMs += 4_800
    this.#depose(asleep)
    this.#takeOver(asleep, 19)
    this.#firstWrite(6_080, 6_030)
    this.wait(2_500)
    this.#endFault(id, 'pause', asleep)
    this.#nowMs += 15
    this.#log(
      asleep,
      'kafka.controller.KafkaController',
      `[Controller id=${asleep}] Resigned`,
      'WARN',
    )
    this.#register(asleep, 'created')
    this.#nowMs += 200
    this.#catchUp(asleep)
  }

  #add(topic: string, partition: number, at: number, factor: number): void {
    const { length } = this.#brokerIds
    const shift = Math.floor(at / length)
    const replicas = Array.from({ length: factor }, (_, i) => {
      const step = i === 0 ? 0 : 1 + ((shift + i - 1) % Math.max(1, length - 1))
      return this.#brokerIds[(at + step) % length]!
    })
    const leader = replicas[0]!
    this.#partitions.push({ topic, partition, replicas, leader, leaderEpoch: 0, isr: replicas })
  }

  #addTopic(topic: string): void {
    const mine = this.#partitions.filter((each) => each.topic === topic)
    const partitions = Object.fromEntries(mine.map((each) => [each.partition, each.replicas]))
    const min = Math.min(2, this.#brokerIds.length)
    const config = { 'min.insync.replicas': String(min) }
    this.#found(`/config/topics/${topic}`, JSON.stringify({ version: 1, config }))
    const lists = { adding_replicas: {}, removing_replicas: {}, version: 3 }
    const assigned = { partitions, topic_id: 'Qe5cTsG0XnYlWQd3jAvVn7', ...lists }
    this.#found(`/brokers/topics/${topic}`, JSON.stringify(assigned))
  }

  #depose(brokerId: number): void {
    this.#alive.delete(brokerId)
    const ended: ZnodeWriter = { kind: 'session-end', brokerId }
    this.#delete(`/brokers/ids/${brokerId}`, ended)
    if (this.#controller === brokerId) this.#delete('/controller', ended)
  }

  #takeOver(dead: number, msPerStep: number): void {
    const next = this.#brokerIds.find((id) => this.#alive.has(id) && id !== dead)!
    this.#nowMs += msPerStep
    this.#controller = next
    this.#epoch++
    const owner = this.#sessions.get(next)!
    const writer: ZnodeWriter = { kind: 'broker', brokerId: next }
    this.#write('/controller', this.#controllerData(), writer, owner)
    this.#nowMs += 2
    this.#write('/controller_epoch', String(this.#epoch), writer)
    this.#controllerLog(
      `${next} successfully elected as the controller. Epoch incremented to ${this.#epoch} and epoch zk version is now ${this.#epoch}`,
    )
    this.#controllerLog(
      `Newly added brokers: , deleted brokers: ${dead}, bounced brokers: , all live brokers: ${[...this.#alive].join(',')}`,
    )
    this.#controllerLog(`Broker failure callback for ${dead}`)
    this.#nowMs += msPerStep
    this.#electWithout(dead)
    this.#nowMs += 6
    for (const id of this.#alive) {
      this.#log(
        id,
        'state.change.logger',
        `[Broker id=${id}] Received LeaderAndIsr request from controller ${next} epoch ${this.#epoch}`,
      )
      this.#nowMs += 1
    }
  }

  #electWithout(dead: number): void {
    for (const each of this.#partitions) {
      if (each.leader !== dead && !each.isr.includes(dead)) continue
      each.isr = each.isr.filter((id) => id !== dead)
      if (each.leader === dead) each.leader = each.isr[0] ?? -1
      each.leaderEpoch++
      this.#writeState(each)
      this.#nowMs += 0.08
    }
  }

  #shrinkIsr(asleep: number): void {
    for (const each of this.#partitions) {
      if (each.leader === asleep || !each.isr.includes(asleep)) continue
      if (each.partition % 4 !== 0) continue
      const before = each.isr.join(',')
      each.isr = each.isr.filter((id) => id !== asleep)
      this.#log(
        each.leader,
        'kafka.cluster.Partition',
        `[Partition ${each.topic}-${each.partition} broker=${each.leader}] Shrinking ISR from ${before} to ${each.isr.join(',')}. Leader: (highWatermark: 812, endOffset: 815). Out of sync replicas: (brokerId: ${asleep}, endOffset: 809).`,
      )
      this.#writeState(each)
      this.#nowMs += 0.4
    }
  }

  #catchUp(brokerId: number): void {
    for (const each of this.#partitions) {
      if (!each.replicas.includes(brokerId) || each.isr.includes(brokerId)) continue
      each.isr = [...each.isr, brokerId]
      this.#log(
        each.leader,
        'kafka.cluster.Partition',
        `[Partition ${each.topic}-${each.partition} broker=${each.leader}] ISR updated to ${each.isr.join(',')}  and version updated to ${each.leaderEpoch + 3}`,
      )
      this.#writeState(each)
      this.#nowMs += 0.3
    }
  }

  #firstWrite(gapMs: number, readGapMs: number): void {
    this.#nowMs += 9
    this.#longestGapMs = Math.max(this.#longestGapMs, gapMs)
    this.#longestReadGapMs = Math.max(this.#longestReadGapMs, readGapMs)
    this.#writes(3, gapMs, readGapMs)
    this.#verdict(true)
  }

  #writes(acked: number, longestGapMs: number, readGapMs: number): void {
    this.#acked += acked * VERIFY_PARTITIONS
    const partitions = Array.from({ length: VERIFY_PARTITIONS }, (_, partition) => ({
      partition,
      acked,
      failed: 0,
      lastAckAtMs: this.#nowMs - 1,
      longestGapMs,
      longestGapEndedAtMs: this.#nowMs - 1,
      reads: {
        answered: acked,
        failed: 0,
        lastAtMs: this.#nowMs - 1,
        longestGapMs: readGapMs,
        longestGapEndedAtMs: this.#nowMs - 1,
      },
    }))
    this.#emit({ kind: 'writes', topic: 'samsa-verify', partitions })
    if (this.events.length % 8 === 0) this.#verdict(true)
  }

  #verdict(isRunning: boolean): void {
    this.#emit({
      kind: 'verdict',
      acked: this.#acked,
      failed: 0,
      consumed: Math.max(0, this.#acked - 12),
      lost: 0,
      duplicated: 0,
      reordered: 0,
      longestGapMs: this.#longestGapMs,
      longestReadGapMs: this.#longestReadGapMs,
      isRunning,
    })
  }

  #register(id: number, change: 'found' | 'created'): void {
    this.#sessions.set(id, ++this.#session)
    this.#alive.add(id)
    const endpoint = `PLAINTEXT://127.0.0.1:${9091 + id}`
    const data = JSON.stringify({
      features: {},
      listener_security_protocol_map: { PLAINTEXT: 'PLAINTEXT' },
      endpoints: [endpoint],
      jmx_port: 19_000 + id,
      port: 9091 + id,
      host: '127.0.0.1',
      version: 5,
      timestamp: String(Math.round(this.#nowMs)),
    })
    const path = `/brokers/ids/${id}`
    const owner = this.#sessions.get(id)!
    if (change === 'found') this.#found(path, data, owner)
    else this.#write(path, data, { kind: 'broker', brokerId: id }, owner)
  }

  #controllerData(): string {
    const timestamp = String(Math.round(this.#nowMs))
    const brokerid = this.#controller
    return JSON.stringify({ version: 2, brokerid, timestamp, kraftControllerEpoch: -1 })
  }

  #stateData({ leader, leaderEpoch, isr }: Partition): string {
    const epoch = { controller_epoch: this.#epoch, leader, version: 1, leader_epoch: leaderEpoch }
    return JSON.stringify({ ...epoch, isr })
  }

  #writeState(each: Partition): void {
    const writer: ZnodeWriter = {
      kind: 'controller',
      brokerId: this.#controller,
      epoch: this.#epoch,
    }
    this.#write(statePath(each), this.#stateData(each), writer)
  }

  #found(path: string, data: string, owner: number | null = null): void {
    this.#znodes.set(path, { data, version: 0, czxid: ++this.#zxid, owner })
    this.#znodeEvent(path, 'found', data, null, null)
  }

  #write(path: string, data: string, writer: ZnodeWriter, owner: number | null = null): void {
    this.#zxid++
    const known = this.#znodes.get(path)
    if (known === undefined) {
      this.#znodes.set(path, { data, version: 0, czxid: this.#zxid, owner })
      this.#znodeEvent(path, 'created', data, null, writer)
      return
    }
    const before = known.data
    known.data = data
    known.version++
    this.#znodeEvent(path, 'changed', data, before, writer)
  }

  #delete(path: string, writer: ZnodeWriter): void {
    this.#zxid++
    const before = this.#znodes.get(path)?.data ?? null
    this.#znodeEvent(path, 'deleted', null, before, writer)
    this.#znodes.delete(path)
  }

  #znodeEvent(
    path: string,
    change: 'found' | 'created' | 'changed' | 'deleted',
    data: string | null,
    before: string | null,
    writer: ZnodeWriter | null,
  ): void {
    const { version, czxid, owner } = this.#znodes.get(path)!
    this.#emit({
      kind: 'znode',
      path,
      change,
      data,
      before,
      version,
      czxid: String(czxid),
      mzxid: String(this.#zxid),
      ephemeralOwner: owner === null ? '0x0' : `0x${owner.toString(16)}`,
      writer,
    })
  }

  #fault(fault: FaultKind, brokerId: number, detail: string): string {
    const id = `fault-${++this.#faults}`
    const endsAtMs = this.#nowMs + 9_000
    this.#emit({ kind: 'fault', id, fault, brokerId, phase: 'started', endsAtMs, detail })
    return id
  }

  #endFault(id: string, fault: FaultKind, brokerId: number): void {
    const detail = 'its time was over'
    this.#emit({ kind: 'fault', id, fault, brokerId, phase: 'ended', endsAtMs: null, detail })
  }

  #controllerLog(message: string): void {
    const id = this.#controller
    this.#log(id, 'kafka.controller.KafkaController', `[Controller id=${id}] ${message}`)
  }

  #log(brokerId: number, logger: string, message: string, level = 'INFO'): void {
    const brokerAtMs = this.#nowMs - 1
    this.#emit({ kind: 'broker-log', brokerId, brokerAtMs, level, logger, message })
  }

  #emit(event: DistributiveOmit<UnnumberedEvent, 'atMs'>): void {
    this.#nowMs += 0.01
    const atMs = Math.round(this.#nowMs * 1000) / 1000
    // The union survives the spread, which the compiler does not follow.
    this.events.push({ ...event, seq: this.events.length, atMs } as ClusterEvent)
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

function statePath({ topic, partition }: Partition): string {
  return `/brokers/topics/${topic}/partitions/${partition}/state`
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      brokers: { type: 'string', default: '3' },
      partitions: { type: 'string', default: '50' },
    },
  })
  const { brokers, partitions } = values
  const events = makeHistory({ brokers: Number(brokers), partitions: Number(partitions) })
  process.stdout.write(events.map(formatEventLine).join(''))
}

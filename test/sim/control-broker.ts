/**
 * A broker with a whole control plane and no data: registration, controller, the three control RPCs
 * and the watches on states are the real ones; replicas are states without logs. A leader changes
 * its ISR as it likes, so that elections and AlterPartition race all the time.
 */

import type { Logger } from '../../src/base/ports.ts'
import { type TopicPartition, TopicPartitionMap } from '../../src/base/topic-partition.ts'
import { handleAlterPartition } from '../../src/broker/apis/alter-partition.ts'
import { handleControlledShutdown } from '../../src/broker/apis/controlled-shutdown.ts'
import { handleLeaderAndIsr } from '../../src/broker/apis/leader-and-isr.ts'
import { handleStopReplica } from '../../src/broker/apis/stop-replica.ts'
import { handleUpdateMetadata } from '../../src/broker/apis/update-metadata.ts'
import { requestControlledShutdown } from '../../src/broker/controlled-shutdown.ts'
import { ControllerChannel } from '../../src/broker/controller-channel.ts'
import { Dispatcher } from '../../src/broker/dispatch.ts'
import { ListenerSockets } from '../../src/broker/listener-sockets.ts'
import { RequestMetrics } from '../../src/broker/request-metrics.ts'
import type { BrokerServices } from '../../src/broker/services.ts'
import { createPersistentPaths } from '../../src/cluster/cluster-setup.ts'
import { MetadataCache } from '../../src/cluster/image.ts'
import { MissedDeletions } from '../../src/cluster/missed-deletions.ts'
import { Registration } from '../../src/cluster/registration.ts'
import { StateWatcher } from '../../src/cluster/state-watcher.ts'
import { KafkaController } from '../../src/controller/kafka-controller.ts'
import { ClientChannel } from '../../src/network/client-channel.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { alterPartition } from '../../src/protocol/messages/alter-partition.ts'
import type { leaderAndIsr } from '../../src/protocol/messages/leader-and-isr.ts'
import type { stopReplica } from '../../src/protocol/messages/stop-replica.ts'
import type { RequestOf, ResponseInput } from '../../src/protocol/types.ts'
import { ZkSession } from '../../src/zk/zk-session.ts'
import { BROKER_PORT, hostOf, type SimBroker, type SimBrokerPorts } from './sim-broker.ts'

interface Role {
  readonly topicId: string
  replicas: readonly number[]
  /** The leader epoch with which `replicas` came: a watch brings newer epochs, but no replicas. */
  replicasEpoch: number
  leader: number
  leaderEpoch: number
  partitionEpoch: number
  isr: readonly number[]
  isProposing: boolean
}

const CONNECT_TIMEOUT_MS = 1000
const REQUEST_TIMEOUT_MS = 5000
const PROPOSE_EVERY_MS = 300

export class ControlBroker implements SimBroker {
  readonly #ports: SimBrokerPorts
  readonly #id: number
  readonly #logger: Logger
  readonly #zk: ZkSession
  readonly #sockets: ListenerSockets
  readonly #metadata = new MetadataCache()
  readonly #registration: Registration
  readonly #channel: ControllerChannel
  readonly #controller: KafkaController
  readonly #watcher: StateWatcher
  readonly #roles = new TopicPartitionMap<Role>()
  #controllerEpoch = 0
  #isStopped = false

  constructor(ports: SimBrokerPorts, settings: ReadonlyMap<string, string>) {
    const { clock, transport, loggers, random } = ports
    this.#ports = ports
    this.#id = Number(settings.get('broker.id'))
    this.#logger = loggers.get('kafka.server.KafkaServer')
    this.#zk = new ZkSession({
      connect: () => ports.connectZooKeeper(settings.get('zookeeper.connect') ?? '', 6000),
      clock,
      logger: loggers.get('kafka.zookeeper.ZooKeeperClient'),
    })
    this.#sockets = new ListenerSockets(transport, clock, this.#logger, {
      maxRequestBytes: 1024 * 1024,
      connectionsMaxIdleMs: 600_000,
      maxConnections: 1000,
      maxConnectionsPerIp: 1000,
    })
    const zk = this.#zk
    this.#registration = new Registration({ zk, clock, logger: this.#logger }, this.#id, {
      endpoints: [{ listener: 'PLAINTEXT', securityProtocol: 0, ...this.#address(this.#id) }],
      rack: null,
    })
    this.#channel = new ControllerChannel(transport, clock, this.#metadata, {
      listener: 'PLAINTEXT',
      clientId: String(this.#id),
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
    })
    this.#controller = new KafkaController({
      brokerId: this.#id,
      zk,
      clock,
      random,
      loggers,
      connect: ({ host, port }) =>
        ClientChannel.connect(transport, clock, {
          host,
          port,
          clientId: String(this.#id),
          connectTimeoutMs: CONNECT_TIMEOUT_MS,
          requestTimeoutMs: REQUEST_TIMEOUT_MS,
        }),
      config: () => ({
        uncleanLeaderElectionEnable: false,
        deleteTopicEnable: true,
        autoLeaderRebalanceEnable: true,
        leaderImbalanceCheckIntervalSeconds: 20,
        leaderImbalancePerBrokerPercentage: 10,
        interBrokerListenerName: 'PLAINTEXT',
        controlPlaneListenerName: null,
      }),
      registerBroker: () => this.#registration.register(),
    })
    this.#watcher = new StateWatcher(zk, clock, this.#logger, (at, state, zkVersion) =>
      this.#apply(at, { ...state, partitionEpoch: zkVersion }),
    )
    zk.onNewSession(async () => this.#watcher.onNewSession())
    this.#registration.onMissing(() => void this.#registration.register().catch(() => {}))
  }

  async start(): Promise<void> {
    const address = { listener: 'PLAINTEXT', ...this.#address(this.#id) }
    await this.#sockets.listen(address)
    await this.#zk.start(20_000)
    await createPersistentPaths(this.#zk)
    const { clock } = this.#ports
    const services = {
      clock,
      metadata: this.#metadata,
      missedDeletions: new MissedDeletions({
        zk: this.#zk,
        metadata: this.#metadata,
        logger: this.#logger,
        onDeleted: () => {},
      }),
      controller: this.#controller,
      isStaleBrokerEpoch: (epoch: number) => epoch >= 0 && epoch < this.#registration.brokerEpoch,
      replicas: {
        acceptControllerEpoch: (_id: number, epoch: number) => this.#accept(epoch),
        becomeLeaderOrFollower: (request: RequestOf<typeof leaderAndIsr>) => this.#become(request),
        stopReplicas: (request: RequestOf<typeof stopReplica>) => this.#stopReplicas(request),
        onPartitionsDeletedFromMetadata: () => {},
        onTopicConfigChange: () => {},
      },
      configs: { knows: () => true, loadTopic: () => Promise.resolve() },
      logs: { updateConfigs: () => {} },
      stateChangeLog: this.#ports.loggers.get('state.change.logger'),
    } as unknown as BrokerServices
    const handlers = [
      handleAlterPartition,
      handleControlledShutdown,
      handleLeaderAndIsr,
      handleStopReplica,
      handleUpdateMetadata,
    ]
    this.#sockets.serve(
      new Dispatcher(handlers, services, new RequestMetrics(), this.#ports.loggers),
    )
    await this.#registration.register()
    this.#controller.start()
    this.#proposeForEver()
  }

  async shutdown(): Promise<void> {
    this.#isStopped = true
    const { clock } = this.#ports
    const epoch = () => this.#registration.brokerEpoch
    const isZooKeeperThere = () => this.#zk.state === 'connected'
    const options = { brokerId: this.#id, maxRetries: 2, retryBackoffMs: 500, isZooKeeperThere }
    await requestControlledShutdown(this.#channel, clock, this.#logger, epoch, options)
    this.#watcher.stop()
    await this.#sockets.close()
    this.#channel.close()
    this.#controller.shutdown()
    await this.#zk.close()
  }

  #address(id: number): { host: string; port: number } {
    return { host: hostOf(id), port: BROKER_PORT }
  }

  #accept(epoch: number): boolean {
    if (epoch < this.#controllerEpoch) return false
    this.#controllerEpoch = epoch
    return true
  }

  #become(request: RequestOf<typeof leaderAndIsr>): ResponseInput<typeof leaderAndIsr> {
    if (!this.#accept(request.controllerEpoch)) {
      return { errorCode: ErrorCode.STALE_CONTROLLER_EPOCH, partitionErrors: [], topics: [] }
    }
    const topics = request.topicStates.map(({ topicName, topicId, partitionStates }) => ({
      topicId,
      partitionErrors: partitionStates.map((state) => {
        const at = { topic: topicName, partition: state.partitionIndex }
        const { replicas } = state
        if (this.#roles.get(at.topic, at.partition)?.topicId !== topicId) {
          const none = {
            leader: -1,
            leaderEpoch: -1,
            replicasEpoch: -1,
            partitionEpoch: -1,
            isr: [],
          }
          const role: Role = { topicId, replicas, ...none, isProposing: false }
          this.#roles.set(at.topic, at.partition, role)
          this.#watcher.watch(at)
        }
        const role = this.#roles.get(at.topic, at.partition)
        if (role !== undefined && state.leaderEpoch >= role.replicasEpoch) {
          role.replicas = replicas
          role.replicasEpoch = state.leaderEpoch
        }
        const errorCode = this.#apply(at, state) ? ErrorCode.NONE : ErrorCode.STALE_CONTROLLER_EPOCH
        return { partitionIndex: at.partition, errorCode }
      }),
    }))
    return { errorCode: ErrorCode.NONE, partitionErrors: [], topics }
  }

  #stopReplicas(request: RequestOf<typeof stopReplica>): ResponseInput<typeof stopReplica> {
    if (!this.#accept(request.controllerEpoch)) {
      return { errorCode: ErrorCode.STALE_CONTROLLER_EPOCH, partitionErrors: [] }
    }
    const partitionErrors = request.topicStates.flatMap(({ topicName, partitionStates }) =>
      partitionStates.map(({ partitionIndex, deletePartition }) => {
        if (deletePartition) {
          this.#roles.delete(topicName, partitionIndex)
          this.#watcher.unwatch({ topic: topicName, partition: partitionIndex })
        }
        return { topicName, partitionIndex, errorCode: ErrorCode.NONE }
      }),
    )
    return { errorCode: ErrorCode.NONE, partitionErrors }
  }

  /** Whichever way a state comes, only a newer one counts. */
  #apply(
    { topic, partition }: TopicPartition,
    state: Pick<Role, 'leader' | 'leaderEpoch' | 'partitionEpoch' | 'isr'>,
  ): boolean {
    const role = this.#roles.get(topic, partition)
    if (role === undefined || state.partitionEpoch < role.partitionEpoch) return false
    role.leader = state.leader
    role.leaderEpoch = state.leaderEpoch
    role.partitionEpoch = state.partitionEpoch
    role.isr = state.isr
    return true
  }

  #proposeForEver(): void {
    const { clock, random } = this.#ports
    clock.after(random.nextInt(2 * PROPOSE_EVERY_MS), () => {
      if (this.#isStopped) return
      for (const [{ topic, partition }, role] of this.#roles.entries()) {
        const isUpToDate = role.replicasEpoch === role.leaderEpoch && !this.#zk.isFenced()
        if (role.leader === this.#id && isUpToDate && !role.isProposing) {
          void this.#propose(topic, partition, role)
        }
      }
      this.#proposeForEver()
    })
  }

  /** A shrink by one now and then, else all replicas that are alive. */
  async #propose(topic: string, partition: number, role: Role): Promise<void> {
    const { random } = this.#ports
    const alive = role.replicas.filter((id) => this.#metadata.image.brokers.has(id))
    const dropped = random.nextInt(20) === 0 ? random.nextInt(3) : -1
    const newIsr = alive.filter((id) => id === this.#id || id !== dropped)
    if (!newIsr.includes(this.#id) || sameMembers(newIsr, role.isr)) return
    role.isProposing = true
    try {
      const { leaderEpoch, partitionEpoch, topicId } = role
      const change = { partitionIndex: partition, leaderEpoch, newIsr, partitionEpoch }
      const answer = await this.#channel.send(alterPartition, 2, {
        brokerId: this.#id,
        brokerEpoch: this.#registration.brokerEpoch,
        topics: [{ topicId, partitions: [{ ...change, leaderRecoveryState: 0 }] }],
      })
      const state = answer.topics[0]?.partitions[0]
      if (state === undefined || state.errorCode !== ErrorCode.NONE) return
      this.#apply({ topic, partition }, { ...state, leader: state.leaderId })
    } catch {
      // The controller is away; the next round asks again.
    } finally {
      role.isProposing = false
    }
  }
}

function sameMembers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id))
}

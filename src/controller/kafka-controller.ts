/**
 * The controller module of a broker: takes part in every election, holds a `Controller` while this
 * broker reigns, and answers requests that only the reigning one can answer. All of it passes one
 * event queue (Kafka's `KafkaController`).
 */

import { AssertionError } from '../base/assert.ts'
import type { Logger } from '../base/ports.ts'
import { ErrorCode, errorMessage } from '../protocol/error-codes.ts'
import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import { controllerPath } from '../zk/znodes.ts'
import type { AlterPartitionRequest, AlterPartitionResponse } from './alter-partition.ts'
import {
  NO_CONTROLLER,
  readActiveController,
  watchActiveController,
  winElection,
} from './candidacy.ts'
import { Controller } from './controller.ts'
import {
  type AllocateProducerIdsRequest,
  type AllocateProducerIdsResponse,
  allocateFor,
  askedElections,
  type ControlledShutdownRequest,
  type ControlledShutdownResponse,
  type ElectLeadersAnswer,
  type ElectLeadersRequest,
  electionAnswer,
  electionRefusal,
} from './controller-answers.ts'
import { type ControllerMetrics, controllerMetrics } from './controller-metrics.ts'
import type { ControllerPorts } from './controller-parts.ts'
import { ControllerProbe } from './controller-probe.ts'
import { type ControllerActivity, ControllerStats } from './controller-stats.ts'
import { ControllerMovedError, EpochFence } from './epoch-fence.ts'
import { type ControllerEvent, EventQueue } from './event-queue.ts'
import {
  type AlterReassignmentsRequest,
  type AlterReassignmentsResponse,
  type ListReassignmentsRequest,
  type ListReassignmentsResponse,
  listReassignments,
} from './reassignment-requests.ts'
import { WatchPoint } from './watch-point.ts'

/** What the controller needs of `ZkSession`. */
export interface ControllerSession extends ZkOperations {
  isFenced(): boolean
  onFenceChange(listener: (isFenced: boolean) => void): () => void
  onSessionExpired(handler: () => Promise<void>): () => void
  onNewSession(handler: () => Promise<void>): () => void
}

export interface KafkaControllerPorts extends Omit<ControllerPorts, 'zk' | 'isFenced' | 'stats'> {
  readonly zk: ControllerSession
  /** Registers this broker in a new session. Resolves with its new broker epoch. */
  readonly registerBroker: () => Promise<number>
}

/** After a registration that failed although the session lives. */
const REGISTRATION_RETRY_MS = 1_000
/** Before a candidate stands that found no controller without an event of its end. */
const STAND_PAUSE_MS = 50

export class KafkaController {
  readonly stats: ControllerStats
  readonly #ports: KafkaControllerPorts
  readonly #log: Logger
  readonly #queue: EventQueue
  readonly #subscriptions: (() => void)[] = []
  readonly #probe: ControllerProbe
  #watch: WatchPoint
  #cancelRetry: () => void = () => {}
  #cancelStand: () => void = () => {}
  /** In a new session a broker stands only after its registration. */
  #endedSessions = 0
  #activeId = NO_CONTROLLER
  #reign: Controller | null = null

  constructor(ports: KafkaControllerPorts) {
    this.#ports = ports
    this.stats = new ControllerStats(ports.clock)
    const prefix = `[Controller id=${ports.brokerId}] `
    this.#log = ports.loggers.get('kafka.controller.KafkaController', prefix)
    this.#queue = new EventQueue(
      (event, waitedMs) => {
        this.stats.onEventBegun(waitedMs)
        return this.#process(event)
      },
      () => this.stats.nowMs(),
    )
    this.#watch = this.#newWatch()
    const listener = () => ports.config().interBrokerListenerName
    this.#probe = new ControllerProbe({ ...ports, listener, log: this.#log }, (remove) =>
      this.#put('ControllerRefused', 'ControllerChange', remove),
    )
  }

  /** After the registration of this broker: a stale `/controller` of ours is then gone (E11). */
  start(): void {
    const { zk } = this.#ports
    this.#subscriptions.push(
      zk.onSessionExpired(() => this.#onSessionExpired()),
      zk.onNewSession(() => this.#onNewSession()),
      zk.onFenceChange((isFenced) => {
        if (!isFenced) this.#reign?.parts.channels.onUnfenced()
      }),
    )
    this.#put('Startup', 'ControllerChange', async () => {
      await this.#lookAtController()
      await this.#elect()
    })
  }

  /**
   * Resigns at once, whatever the event in progress waits for; what waits behind it is answered
   * "not controller". `/controller` goes with the session.
   */
  shutdown(): void {
    for (const unsubscribe of this.#subscriptions.splice(0)) unsubscribe()
    this.#watch.stop()
    this.#probe.stop()
    this.#cancelRetry()
    this.#cancelStand()
    this.#queue.close()
    this.#resign()
  }

  /** False also while our session is in doubt: somebody else may reign by now. */
  get isActive(): boolean {
    return this.#reign !== null && !this.#ports.zk.isFenced()
  }

  /** -1 unless active. */
  get controllerEpoch(): number {
    return this.#reign?.mandate.epoch ?? -1
  }

  /** As last read from `/controller`; -1 for none. */
  get activeControllerId(): number {
    return this.#activeId
  }

  metrics(): ControllerMetrics {
    const reign = this.isActive ? this.#reign : null
    return controllerMetrics(reign, this.stats, this.#queue.size)
  }

  alterPartition(request: AlterPartitionRequest, version: number): Promise<AlterPartitionResponse> {
    return this.#ask('AlterPartitionReceived', 'IsrChange', {
      process: (reign) => reign.alterPartition(request, version),
      inactive: () => ({ throttleTimeMs: 0, errorCode: ErrorCode.NOT_CONTROLLER, topics: [] }),
      failed: (errorCode) => ({ throttleTimeMs: 0, errorCode, topics: [] }),
    })
  }

  controlledShutdown(request: ControlledShutdownRequest): Promise<ControlledShutdownResponse> {
    const { brokerId, brokerEpoch } = request
    return this.#ask('ControlledShutdown', 'ControlledShutdown', {
      process: async (reign) => {
        const { errorCode, remaining } = await reign.shutDownBroker(brokerId, brokerEpoch)
        const remainingPartitions = remaining.map(({ topic, partition }) => ({
          topicName: topic,
          partitionIndex: partition,
        }))
        return { errorCode, remainingPartitions }
      },
      inactive: () => ({
        errorCode: ErrorCode.STALE_CONTROLLER_EPOCH,
        remainingPartitions: [],
      }),
      failed: (errorCode) => ({ errorCode, remainingPartitions: [] }),
    })
  }

  allocateProducerIds(request: AllocateProducerIdsRequest): Promise<AllocateProducerIdsResponse> {
    const refuse = (errorCode: ErrorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      producerIdStart: 0,
      producerIdLen: 0,
    })
    return this.#ask('AllocateProducerIds', 'Idle', {
      process: (reign) => allocateFor(reign.parts.context, this.#ports.zk, request),
      inactive: () => refuse(ErrorCode.NOT_CONTROLLER),
      failed: refuse,
    })
  }

  /** `expected`: the new leaders, for the caller to wait until it sees them. */
  electLeaders(request: ElectLeadersRequest): Promise<ElectLeadersAnswer> {
    const asked = askedElections(request)
    const type = request.electionType === 0 ? 'PREFERRED' : 'UNCLEAN'
    return this.#ask('ReplicaLeaderElection', 'ManualLeaderBalance', {
      process: async (reign) =>
        electionAnswer(await reign.electLeaders(asked, type), asked === null),
      inactive: () => electionRefusal(asked, ErrorCode.NOT_CONTROLLER),
      failed: (errorCode) => electionRefusal(asked, errorCode),
    })
  }

  alterPartitionReassignments(
    request: AlterReassignmentsRequest,
  ): Promise<AlterReassignmentsResponse> {
    return this.#ask('ApiPartitionReassignment', 'AlterPartitionReassignment', {
      process: (reign) => reign.alterReassignments(request),
      inactive: () => reassignmentError(ErrorCode.NOT_CONTROLLER),
      failed: reassignmentError,
    })
  }

  listPartitionReassignments(
    request: ListReassignmentsRequest,
  ): Promise<ListReassignmentsResponse> {
    const error = (errorCode: ErrorCode) => {
      return { errorCode, errorMessage: errorMessage(errorCode), topics: [] }
    }
    return this.#ask('ListPartitionReassignments', 'ListPartitionReassignment', {
      process: async (reign) => listReassignments(reign.parts.context, request),
      inactive: () => error(ErrorCode.NOT_CONTROLLER),
      failed: error,
    })
  }

  /** The default `unclean.leader.election.enable` of this broker turned true. */
  onUncleanLeaderElectionEnabled(): void {
    this.#put('UncleanLeaderElectionEnable', 'UncleanLeaderElectionEnable', async () => {
      await this.#reign?.onUncleanElectionEnabled()
    })
  }

  /** The override of a topic turned true. */
  onTopicUncleanLeaderElectionEnabled(topic: string): void {
    const name = 'TopicUncleanLeaderElectionEnable'
    this.#put(name, name, async () => {
      await this.#reign?.onUncleanElectionEnabled(topic)
    })
  }

  /** One request: an event with an answer. What throws is answered too. */
  #ask<T>(
    name: string,
    activity: ControllerActivity,
    answer: {
      readonly process: (reign: Controller) => Promise<T>
      /** Also when the reign ended, or is in doubt, before the answer was ready. */
      readonly inactive: () => T
      readonly failed: (errorCode: ErrorCode) => T
    },
  ): Promise<T> {
    if (!this.isActive) return Promise.resolve(answer.inactive())
    return new Promise<T>((resolve) => {
      const preempt = () => resolve(answer.inactive())
      const process = async () => {
        const reign = this.#reign
        if (reign === null || !this.isActive) return preempt()
        try {
          const result = await answer.process(reign)
          resolve(this.isActive ? result : answer.inactive())
        } catch (error) {
          const isOver = error instanceof ControllerMovedError
          resolve(isOver ? answer.inactive() : answer.failed(ErrorCode.UNKNOWN_SERVER_ERROR))
          throw error
        }
      }
      void this.#queue.put({ name, activity, process, preempt })
    })
  }

  #put(name: string, activity: ControllerActivity, process: () => Promise<void>): void {
    void this.#queue.put({ name, activity, process })
  }

  async #process(event: ControllerEvent): Promise<void> {
    const startedMs = this.stats.nowMs()
    this.stats.activity = event.activity
    try {
      await event.process()
    } catch (error) {
      await this.#onEventFailed(event, error)
    }
    this.stats.onActivity(event.activity, this.stats.nowMs() - startedMs)
    this.stats.activity = 'Idle'
  }

  async #onEventFailed(event: ControllerEvent, error: unknown): Promise<void> {
    const isOver = error instanceof ControllerMovedError
    if (isOver) this.#log.info(`Controller moved to another broker when processing ${event.name}.`)
    // It is done again in the next session, or the broker stops: nobody has to act.
    else if (isZkError(error, 'SESSION_EXPIRED')) {
      this.#log.info(`The session ended when processing ${event.name}.`)
    } else this.#log.error(`Error processing event ${event.name}`, error)
    try {
      if (isOver) await this.#maybeResign()
      // With a broken invariant this reign must not go on; another broker starts from ZooKeeper.
      if (error instanceof AssertionError) await this.#triggerControllerMove()
    } catch (failure) {
      this.#log.error(`Resigning after event ${event.name} failed`, failure)
    }
  }

  // ── elections ──

  #newWatch(): WatchPoint {
    return new WatchPoint(({ type }) => {
      const isGone = type === 'deleted'
      const seenMs = this.stats.nowMs()
      this.#put(isGone ? 'Reelect' : 'ControllerChange', 'ControllerChange', async () => {
        await this.#maybeResign()
        if (isGone) await this.#elect(seenMs)
      })
    })
  }

  async #lookAtController(): Promise<void> {
    this.#activeId = await this.#watch.arm((watcher) =>
      watchActiveController(this.#ports.zk, watcher),
    )
    const activeId = this.#activeId
    this.#put('ControllerProbe', 'Idle', () => this.#probe.watch(activeId))
  }

  /**
   * Whoever finds no controller stands for election: the one before may have gone between the event
   * that made us look and the look, and then no other event tells.
   */
  async #maybeResign(): Promise<void> {
    await this.#lookAtController()
    if (this.#reign !== null && this.#activeId !== this.#ports.brokerId) this.#resign()
    if (this.#activeId === NO_CONTROLLER) this.#standSoon()
  }

  /** After a pause: one that cannot win although nobody reigns must not ask without end. */
  #standSoon(): void {
    const ended = this.#endedSessions
    this.#cancelStand()
    this.#cancelStand = this.#ports.clock.after(STAND_PAUSE_MS, () =>
      this.#put('Reelect', 'ControllerChange', async () => {
        if (ended === this.#endedSessions) await this.#elect()
      }),
    )
  }

  /** `vacantSinceMs`: when it was heard that there is no controller. */
  async #elect(vacantSinceMs = this.stats.nowMs()): Promise<void> {
    const { zk, clock, brokerId } = this.#ports
    this.#activeId = await readActiveController(zk)
    if (this.#activeId !== NO_CONTROLLER) {
      this.#log.debug(
        `Broker ${this.#activeId} has been elected as the controller, ` +
          'so stopping the election process.',
      )
      return
    }
    try {
      const mandate = await winElection(zk, brokerId, clock.wallMs())
      this.#activeId = brokerId
      this.stats.onPhase('controller_elected', vacantSinceMs)
      this.#log.info(
        `${brokerId} successfully elected as the controller. Epoch incremented to ` +
          `${mandate.epoch} and epoch zk version is now ${mandate.epochZkVersion}`,
      )
      const ports = { ...this.#ports, isFenced: () => zk.isFenced(), stats: this.stats }
      this.#reign = new Controller(ports, mandate, (name, activity, work) =>
        this.#put(name, activity, work),
      )
      await this.#reign.start()
    } catch (error) {
      if (error instanceof ControllerMovedError) {
        this.#log.debug(`Lost the election: ${error.message}`)
        await this.#maybeResign()
      } else if (isZkError(error, 'SESSION_EXPIRED')) {
        // `/controller` went with it: there is nothing to move.
        this.#resign()
        throw error
      } else {
        this.#log.error(
          `Error while electing or becoming controller on broker ${brokerId}. ` +
            'Trigger controller movement immediately',
          error,
        )
        await this.#triggerControllerMove()
      }
    }
  }

  /** Gives up a reign that cannot be held; all brokers, this one too, then stand for election. */
  async #triggerControllerMove(): Promise<void> {
    const { zk, brokerId } = this.#ports
    this.#activeId = await readActiveController(zk)
    const reign = this.#reign
    if (this.#activeId !== brokerId || reign === null) {
      this.#log.warn('Controller has already moved when trying to trigger controller movement')
      return
    }
    this.#activeId = NO_CONTROLLER
    this.#resign()
    try {
      await new EpochFence(zk, reign.mandate.epochZkVersion).delete(controllerPath)
    } catch (error) {
      if (!(error instanceof ControllerMovedError)) throw error
      this.#log.warn('Controller has already moved when trying to trigger controller movement')
    }
  }

  #resign(): void {
    if (this.#reign === null) return
    this.#log.debug('Resigning')
    this.#reign.stop()
    this.#reign = null
    this.#log.info('Resigned')
  }

  // ── sessions ──

  /** The event in progress ends with errors, then this; what waits is answered "not controller". */
  #onSessionExpired(): Promise<void> {
    this.#endedSessions += 1
    return this.#queue.clearAndPut({
      name: 'Expire',
      activity: 'ControllerChange',
      process: async () => {
        this.#activeId = NO_CONTROLLER
        this.#probe.stop()
        this.#resign()
      },
    })
  }

  async #onNewSession(): Promise<void> {
    this.#watch.stop()
    this.#watch = this.#newWatch()
    this.#registerAndReelect(this.#watch)
  }

  /** Registered first, then a candidate (E11). `session`: the watch of the session it is about. */
  #registerAndReelect(session: WatchPoint): void {
    this.#put('RegisterBrokerAndReelect', 'ControllerChange', async () => {
      if (session !== this.#watch) return
      try {
        await this.#ports.registerBroker()
      } catch (error) {
        this.#cancelRetry = this.#ports.clock.after(REGISTRATION_RETRY_MS, () =>
          this.#registerAndReelect(session),
        )
        throw error
      }
      await this.#maybeResign()
      await this.#elect()
    })
  }
}

function reassignmentError(errorCode: ErrorCode): AlterReassignmentsResponse {
  return { errorCode, errorMessage: errorMessage(errorCode), responses: [] }
}

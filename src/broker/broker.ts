/**
 * One broker: builds everything from ports and settings, starts it in the order of Kafka's
 * `KafkaServer`, and takes it down again. Wiring only; the rules live in the layers below.
 */
import type { Clock, Disk, DiskError, Logger, Loggers, Random, Transport } from '../base/ports.ts'
import {
  createChroot,
  createPersistentPaths,
  generateBrokerId,
  readOrCreateClusterId,
} from '../cluster/cluster-setup.ts'
import { type ConfigChanges, countConfigChanges } from '../cluster/config-changes.ts'
import { endpointOf, leadsAny, MetadataCache } from '../cluster/image.ts'
import { type OwnRegistration, Registration } from '../cluster/registration.ts'
import { StateWatcher } from '../cluster/state-watcher.ts'
import { KafkaController } from '../controller/kafka-controller.ts'
import type { ClientChannel } from '../network/client-channel.ts'
import { alterPartition } from '../protocol/messages/alter-partition.ts'
import { ReplicaManager } from '../replication/replica-manager.ts'
import { LogManager } from '../storage/log-manager.ts'
import { checkMetaProperties, writeMetaProperties } from '../storage/meta-properties.ts'
import type { ZkClient } from '../zk/zk-client.ts'
import { ZkSession } from '../zk/zk-session.ts'
import { HANDLERS } from './apis/index.ts'
import { measureBroker } from './broker-metrics.ts'
import { type BrokerConfig, type LoadedConfig, logDirsOf } from './config.ts'
import { ConfigService } from './config-service.ts'
import { watchConfigs } from './config-watch.ts'
import { requestControlledShutdown } from './controlled-shutdown.ts'
import { ControllerChannel } from './controller-channel.ts'
import { Dispatcher } from './dispatch.ts'
import { EarlierSession, type ZooKeeperSessions } from './earlier-session.ts'
import { inSlices } from './in-slices.ts'
import { type ListenAddress, ListenerSockets } from './listener-sockets.ts'
import { advertisedEndpoints, interBrokerListener, listenAddresses } from './listeners.ts'
import { announceLogDirFailures } from './log-dir-failures.ts'
import type { LogLevels } from './log-levels.ts'
import { type BuildContext, makeServices } from './make-services.ts'
import { type MetricFamily, MetricPage } from './metric-families.ts'
import { controllerConfig, replicaManagerOptions } from './options.ts'
import { PeerConnections } from './peer-connections.ts'
import { letProducersLeave } from './producers-leave.ts'
import { BROKER_STATES, type Phase, unreadyReasons } from './readiness.ts'
import { RequestMetrics } from './request-metrics.ts'
import type { BrokerServices } from './services.ts'
import { peerAddresses } from './settings/samsa-settings.ts'
import { ZkMetrics } from './zk-metrics.ts'

export interface BrokerPorts {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly transport: Transport
  readonly loggers: Loggers
  /** Absent: levels cannot be seen or changed by clients. */
  readonly logLevels?: LogLevels
  /** Where observers find this broker's own pages, told as `jmx_port`. Absent: nowhere. */
  readonly httpPort?: number
  /** What other machines call this one; for listeners without a host. */
  readonly hostName: string
  /** Makes a client for one ZooKeeper session. */
  readonly connectZooKeeper: (connect: string, sessionTimeoutMs: number) => ZkClient
  /** Absent: the session of a life that ended by a kill is waited for. */
  readonly zooKeeperSessions?: ZooKeeperSessions
  /** The broker cannot go on (all log directories failed, a broken invariant). */
  readonly onFatal: (reason: string, cause?: unknown) => void
}

/** The parts of a running broker. */
interface Running {
  readonly brokerId: number
  readonly zk: ZkSession
  readonly sockets: ListenerSockets
  readonly bound: readonly ListenAddress[]
  readonly logs: LogManager
  readonly replicas: ReplicaManager
  readonly controller: KafkaController
  readonly registration: Registration
  readonly controllerChannel: ControllerChannel
  readonly stateWatcher: StateWatcher
  readonly configChanges: ConfigChanges
  readonly services: BrokerServices
  readonly metrics: RequestMetrics
}

export class Broker {
  readonly #ports: BrokerPorts
  readonly #loaded: LoadedConfig
  readonly #config: BrokerConfig
  #logger: Logger
  #running: Running | null = null
  /** Before all else runs. */
  #logs: LogManager | null = null
  #phase: Phase = 'not-started'
  readonly #zkMetrics: ZkMetrics
  readonly #peers: PeerConnections
  /** Log directories that could not even tell whose they are. */
  readonly #failedDirs = new Map<string, DiskError>()
  /** What `start` has built so far, for a shutdown in the middle of it. */
  readonly #undo: (() => Promise<void> | void)[] = []

  constructor(ports: BrokerPorts, loaded: LoadedConfig) {
    this.#ports = ports
    this.#loaded = loaded
    this.#config = loaded.config
    this.#logger = ports.loggers.get('kafka.server.KafkaServer')
    this.#zkMetrics = new ZkMetrics(ports.clock)
    this.#peers = new PeerConnections(ports.transport, ports.clock, {
      addresses: peerAddresses(this.#config['samsa.peer.addresses']),
      connectTimeoutMs: this.#config['socket.connection.setup.timeout.ms'],
      requestTimeoutMs: this.#config['request.timeout.ms'],
    })
  }

  /** Id of the broker; throws before the start. */
  get brokerId(): number {
    return this.#started.brokerId
  }

  /** With the ports that were really bound. */
  get listeners(): readonly ListenAddress[] {
    return this.#started.bound
  }

  /** For metrics, checkers and tests. */
  get parts(): Readonly<Running> {
    return this.#started
  }

  /** Why clients should not be sent here; empty when they may. At any time. */
  unreadyReasons(): string[] {
    const running = this.#running
    if (running === null) return unreadyReasons(this.#phase, null)
    const { registration, zk, services, brokerId } = running
    return unreadyReasons(this.#phase, {
      isRegistered: registration.isRegistered,
      isFenced: zk.isFenced(),
      knowsCluster: services.metadata.image.brokers.has(brokerId),
    })
  }

  /** Those that have failed since the start; only another start brings them back. */
  get offlineLogDirs(): string[] {
    const dirs = this.#logs?.directories() ?? []
    return dirs.flatMap(({ path, isOffline }) => (isOffline ? [path] : []))
  }

  /** Everything there is to measure, as it is now; little before the start. */
  metrics(): MetricFamily[] {
    const page = new MetricPage(this.#ports.clock.monotonicMs())
    const state = BROKER_STATES[this.#phase]
    page.gauge('kafka_server_kafkaserver_brokerstate', 'Three: running.', state)
    if (this.#running !== null) {
      measureBroker(page, { ...this.#running, zkMetrics: this.#zkMetrics })
    }
    return page.families
  }

  get #started(): Running {
    if (this.#running === null) throw new Error('the broker was not started')
    return this.#running
  }

  /** Rejects with the reason when the broker cannot be part of the cluster; nothing is left then. */
  async start(): Promise<void> {
    for (const warning of this.#loaded.warnings) this.#logger.warn(warning)
    this.#logger.info('starting')
    try {
      this.#running = await this.#build()
    } catch (error) {
      for (const undo of this.#undo.reverse()) await undo()
      throw error
    }
    const { brokerId } = this.#running
    this.#logger = this.#ports.loggers.get(
      'kafka.server.KafkaServer',
      `[KafkaServer id=${brokerId}] `,
    )
    this.#phase = 'running'
    this.#logger.info('started')
  }

  /** Hands over its leaders, closes its logs, then leaves ZooKeeper: in this order. */
  async shutdown(): Promise<void> {
    const running = this.#running
    if (running === null) return
    this.#running = null
    this.#logger.info('shutting down')
    this.#phase = 'controlled-shutdown'
    const { sockets, replicas, logs, controller, controllerChannel, registration, zk } = running
    // A peer may take our registration away when our sockets close: that is right now.
    registration.stop()
    if (this.#config['controlled.shutdown.enable']) {
      const isHandedOver = await requestControlledShutdown(
        controllerChannel,
        this.#ports.clock,
        this.#logger,
        () => registration.brokerEpoch,
        {
          brokerId: running.brokerId,
          maxRetries: this.#config['controlled.shutdown.max.retries'],
          retryBackoffMs: this.#config['controlled.shutdown.retry.backoff.ms'],
          isZooKeeperThere: () => zk.state === 'connected',
        },
      )
      if (isHandedOver) await this.#letProducersLeave(running)
    }
    this.#phase = 'shutting-down'
    running.configChanges.stop()
    running.stateWatcher.stop()
    await sockets.close()
    await replicas.shutdown()
    controllerChannel.close()
    await logs.shutdown()
    controller.shutdown()
    await zk.close()
    this.#phase = 'not-started'
    this.#logger.info('shut down completed')
  }

  async #letProducersLeave({ services, sockets, brokerId }: Running): Promise<void> {
    await letProducersLeave({
      clock: this.#ports.clock,
      untilNoneIsLed: (timeoutMs) =>
        services.untilImage(() => !leadsAny(services.metadata.image, brokerId), timeoutMs),
      closeProducers: (reason) => sockets.closeProducers(reason),
    })
  }

  async #build(): Promise<Running> {
    const { random, loggers } = this.#ports
    const config = this.#config
    this.#phase = 'connecting'
    // Bound first: a taken port is told at once, and the port is real when it is registered.
    const { sockets, bound } = await this.#bind()
    const endpoints = advertisedEndpoints(config, bound, this.#ports.hostName)

    const zk = await this.#connectZooKeeper()
    await createPersistentPaths(zk)
    const clusterId = await readOrCreateClusterId(zk, random)
    this.#logger.info(`Cluster ID = ${clusterId}`)
    const brokerId = await this.#settleIdentity(zk, clusterId)
    const firstChange = await countConfigChanges(zk)
    const configs = new ConfigService(zk, brokerId, this.#loaded.given)
    await configs.loadBroker()
    this.#phase = 'recovering-logs'
    const logs = await this.#loadLogs(zk, configs)

    this.#phase = 'registering'
    const metadata = new MetadataCache()
    const registration = this.#makeRegistration(zk, brokerId, endpoints)
    const context: BuildContext = { brokerId, clusterId, zk, configs, logs, metadata, registration }
    const controllerChannel = this.#makeControllerChannel(context)
    const replicas = this.#makeReplicaManager(context, controllerChannel)
    announceLogDirFailures({ brokerId, zk, logs, replicas, logger: this.#logger })
    const controller = this.#makeController(context)
    const metrics = new RequestMetrics()
    const minds = { controllerChannel, replicas, controller }
    const services = makeServices(this.#ports, config, context, minds)
    const stateWatcher = this.#watchStates(context, replicas)
    const configChanges = watchConfigs(this.#ports, { ...context, ...minds, firstChange })
    this.#undo.push(() => configChanges.stop())

    await registration.checkEndpoints()
    await registration.register()
    const dispatcher = new Dispatcher(HANDLERS, services, metrics, loggers)
    sockets.serve(dispatcher)
    this.#undo.push(() => controller.shutdown())
    controller.start()
    replicas.start()
    configChanges.scan()
    logs.start()
    return {
      brokerId,
      zk,
      sockets,
      bound,
      logs,
      ...minds,
      registration,
      stateWatcher,
      configChanges,
      services,
      metrics,
    }
  }

  #makeRegistration(
    zk: ZkSession,
    brokerId: number,
    endpoints: OwnRegistration['endpoints'],
  ): Registration {
    const { clock, disk, loggers, httpPort, zooKeeperSessions: sessions } = this.#ports
    const logger = loggers.get('kafka.zk.KafkaZkClient')
    const earlier =
      sessions && new EarlierSession({ disk, sessions, logger }, logDirsOf(this.#config)[0]!)
    earlier?.remember()
    zk.onNewSession(async () => earlier?.remember())
    const ports = {
      zk,
      clock,
      logger,
      ...(earlier && { endEarlierSession: (owner: bigint) => earlier.end(owner) }),
    }
    const jmx = httpPort === undefined ? {} : { jmxPort: httpPort }
    const own = { endpoints, rack: this.#config['broker.rack'], ...jmx }
    return new Registration(ports, brokerId, own)
  }

  async #bind(): Promise<{ sockets: ListenerSockets; bound: ListenAddress[] }> {
    const { clock, loggers, transport } = this.#ports
    const config = this.#config
    const logger = loggers.get('kafka.network.DataPlaneAcceptor')
    const sockets = new ListenerSockets(transport, clock, logger, {
      maxRequestBytes: config['socket.request.max.bytes'],
      connectionsMaxIdleMs: config['connections.max.idle.ms'],
      maxConnections: config['max.connections'],
      maxConnectionsPerIp: config['max.connections.per.ip'],
    })
    this.#undo.push(() => sockets.close())
    const bound: ListenAddress[] = []
    for (const address of listenAddresses(config)) bound.push(await sockets.listen(address))
    return { sockets, bound }
  }

  async #connectZooKeeper(): Promise<ZkSession> {
    const { clock, loggers, connectZooKeeper } = this.#ports
    const config = this.#config
    const connect = config['zookeeper.connect'] ?? ''
    const sessionTimeoutMs = config['zookeeper.session.timeout.ms']
    const timeoutMs = config['zookeeper.connection.timeout.ms'] ?? sessionTimeoutMs
    const logger = loggers.get('kafka.zookeeper.ZooKeeperClient')
    const session = (to: string) =>
      new ZkSession(
        { connect: () => connectZooKeeper(to, sessionTimeoutMs), clock, logger },
        { maxInFlight: config['zookeeper.max.in.flight.requests'], ...this.#zkMetrics.hooks },
      )
    await createChroot(connect, timeoutMs, session)
    const zk = session(connect)
    this.#undo.push(() => zk.close())
    await zk.start(timeoutMs)
    return zk
  }

  /** The broker id, checked against what the log directories remember (`meta.properties`). */
  async #settleIdentity(zk: ZkSession, clusterId: string): Promise<number> {
    const { disk } = this.#ports
    const dirs = logDirsOf(this.#config)
    let brokerId = this.#config['broker.id']
    const stored = checkMetaProperties(disk, dirs, { clusterId, brokerId }, this.#failedDirs)
    if (brokerId < 0) brokerId = stored ?? -1
    if (brokerId < 0) {
      brokerId = await generateBrokerId(zk, this.#config['reserved.broker.max.id'])
    }
    writeMetaProperties(disk, dirs, { clusterId, brokerId }, this.#failedDirs)
    return brokerId
  }

  async #loadLogs(zk: ZkSession, configs: ConfigService): Promise<LogManager> {
    const { clock, disk, loggers, random, onFatal } = this.#ports
    const config = this.#config
    const { children: topics } = await zk.children('/brokers/topics')
    await Promise.all(topics.map((topic) => configs.loadTopic(topic)))
    const logs = new LogManager(
      { disk, clock, random, loggers },
      {
        logDirs: logDirsOf(config),
        failedDirs: this.#failedDirs,
        retentionCheckIntervalMs: config['log.retention.check.interval.ms'],
        flushCheckIntervalMs: config['log.flush.scheduler.interval.ms'],
        recoveryPointCheckpointIntervalMs: config['log.flush.offset.checkpoint.interval.ms'],
        logStartOffsetCheckpointIntervalMs: config['log.flush.start.offset.checkpoint.interval.ms'],
        initialTaskDelayMs: config['log.initial.task.delay.ms'],
        producerIdExpirationMs: config['producer.id.expiration.ms'],
        producerIdExpirationCheckIntervalMs: config['producer.id.expiration.check.interval.ms'],
      },
      (topic) => configs.logConfigOf(topic),
    )
    this.#logs = logs
    this.#undo.push(() => logs.shutdown())
    await inSlices(clock, logs.loading())
    logs.onAllDirsOffline((cause) => {
      const dirs = logDirsOf(config).join(', ')
      onFatal(`Shutdown broker because all log dirs in ${dirs} have failed`, cause)
    })
    return logs
  }

  #makeControllerChannel({ brokerId, metadata }: BuildContext): ControllerChannel {
    const { transport, clock } = this.#ports
    const channel = new ControllerChannel(transport, clock, metadata, {
      listener: interBrokerListener(this.#config),
      clientId: String(brokerId),
      connectTimeoutMs: this.#config['controller.socket.timeout.ms'],
      requestTimeoutMs: this.#config['request.timeout.ms'],
      addressOf: (id) => this.#peers.addressOf(id),
    })
    this.#undo.push(() => channel.close())
    return channel
  }

  #makeReplicaManager(context: BuildContext, channel: ControllerChannel): ReplicaManager {
    const { brokerId, zk, metadata, registration, logs } = context
    const { clock, random, loggers } = this.#ports
    const replicas = new ReplicaManager(
      {
        clock,
        random,
        loggers,
        logs,
        metadata,
        connectToBroker: (id, clientId) => this.#connectToBroker(metadata, id, clientId),
        sendToController: (version, request) => channel.send(alterPartition, version, request),
        brokerEpoch: () => registration.brokerEpoch,
        isFenced: () => zk.isFenced(),
      },
      replicaManagerOptions(this.#config, brokerId),
    )
    zk.onFenceChange(() => replicas.onFenceChange())
    this.#undo.push(() => replicas.shutdown())
    return replicas
  }

  #connectToBroker(metadata: MetadataCache, id: number, clientId: string): Promise<ClientChannel> {
    const broker = metadata.image.brokers.get(id)
    const endpoint = broker && endpointOf(broker, interBrokerListener(this.#config))
    if (endpoint === undefined) return Promise.reject(new Error(`broker ${id} is not alive`))
    const { host, port } = endpoint
    return this.#peers.connect({ brokerId: id, host, port }, clientId)
  }

  #makeController({ brokerId, zk, registration, configs }: BuildContext): KafkaController {
    const { clock, random, loggers } = this.#ports
    const controller = new KafkaController({
      brokerId,
      zk,
      clock,
      random,
      loggers,
      connect: (target) => this.#peers.connectWithProof(target, String(brokerId)),
      config: () => {
        const unclean = configs.logConfigOf('').uncleanLeaderElectionEnable
        return controllerConfig(this.#config, unclean)
      },
      registerBroker: () => registration.register(),
    })
    registration.onMissing(() => {
      this.#logger.warn('Our registration is gone from ZooKeeper, registering again')
      registration.register().catch((error: unknown) => {
        this.#logger.error('Registering again failed', error)
      })
    })
    return controller
  }

  #watchStates({ zk }: BuildContext, replicas: ReplicaManager): StateWatcher {
    const { clock, loggers } = this.#ports
    const logger = loggers.get('state.change.logger')
    const watcher = new StateWatcher(zk, clock, logger, ({ topic, partition }, state, zkVersion) =>
      replicas.applyPartitionState(topic, partition, { ...state, partitionEpoch: zkVersion }),
    )
    replicas.onHostedChange((partition, hosted) => {
      if (hosted) watcher.watch(partition)
      else watcher.unwatch(partition)
    })
    zk.onNewSession(async () => watcher.onNewSession())
    this.#undo.push(() => watcher.stop())
    return watcher
  }
}

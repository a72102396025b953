/** What becomes of changed settings in a running broker. */
import { ConfigChanges } from '../cluster/config-changes.ts'
import type { KafkaController } from '../controller/kafka-controller.ts'
import type { ReplicaManager } from '../replication/replica-manager.ts'
import type { LogManager } from '../storage/log-manager.ts'
import type { ZkSession } from '../zk/zk-session.ts'
import { topicsPath } from '../zk/znodes.ts'
import type { BrokerPorts } from './broker.ts'
import type { ConfigService } from './config-service.ts'

export interface ConfigWatchParts {
  readonly zk: ZkSession
  readonly configs: ConfigService
  readonly logs: LogManager
  readonly replicas: ReplicaManager
  readonly controller: KafkaController
  /** Number of the first notification that came after the settings were read. */
  readonly firstChange: number
}

/** Not listening yet: `scan` begins it. */
export function watchConfigs(
  { clock, loggers }: Pick<BrokerPorts, 'clock' | 'loggers'>,
  { zk, configs, logs, replicas, controller, firstChange }: ConfigWatchParts,
): ConfigChanges {
  const isUnclean = () => configs.logConfigOf('').uncleanLeaderElectionEnable
  const onBroker = async (): Promise<void> => {
    const wasUnclean = isUnclean()
    await configs.loadBroker()
    logs.updateConfigs()
    if (isUnclean() && !wasUnclean) controller.onUncleanLeaderElectionEnabled()
  }
  const onTopic = async (name: string): Promise<void> => {
    await configs.loadTopic(name)
    logs.updateConfigs(name)
    replicas.onTopicConfigChange(name)
    if (configs.overridesOf(name).get('unclean.leader.election.enable') === 'true') {
      controller.onTopicUncleanLeaderElectionEnabled(name)
    }
  }
  const logger = loggers.get('kafka.server.ZkConfigManager')
  const changes = new ConfigChanges(zk, clock, logger, firstChange, {
    onChange: async ({ type, name }) => {
      if (type === 'brokers') await onBroker()
      if (type === 'topics') await onTopic(name)
    },
    onMissed: async () => {
      await onBroker()
      const { children } = await zk.children(topicsPath)
      await Promise.all(children.map(onTopic))
    },
  })
  zk.onNewSession(async () => changes.scan())
  return changes
}

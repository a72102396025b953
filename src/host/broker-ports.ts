/** The real machine as a broker sees it. */
import os from 'node:os'
import type { BrokerPorts } from '../broker/broker.ts'
import { systemClock } from './clock.ts'
import { systemDisk } from './disk.ts'
import { logLevelsPort } from './log-levels.ts'
import type { WinstonLoggers } from './logging.ts'
import { systemRandom } from './random.ts'
import { systemTransport } from './tcp.ts'
import { endSession } from './zk-expire.ts'
import { ZkJsClient } from './zk-js.ts'

export interface SystemBrokerPorts extends BrokerPorts {
  /** Ends the broker's ZooKeeper session as an expiry does. Rejects when it has none. */
  expireSession(): Promise<void>
}

export function systemBrokerPorts(
  loggers: WinstonLoggers,
  onFatal: BrokerPorts['onFatal'],
): SystemBrokerPorts {
  const logger = loggers.get('org.apache.zookeeper.ClientCnxn')
  const zkPorts = { transport: systemTransport, clock: systemClock, random: systemRandom, logger }
  let latest: { client: ZkJsClient; connect: string } | null = null
  return {
    clock: systemClock,
    random: systemRandom,
    disk: systemDisk,
    transport: systemTransport,
    loggers,
    logLevels: logLevelsPort(loggers),
    hostName: os.hostname(),
    connectZooKeeper: (connect, sessionTimeoutMs) => {
      const client = new ZkJsClient(zkPorts, { connect, sessionTimeoutMs })
      latest = { client, connect }
      return client
    },
    onFatal,
    expireSession: async () => {
      if (latest?.client.state !== 'connected') throw new Error('there is no ZooKeeper session')
      const { client, connect } = latest
      const session = { id: client.sessionId, password: client.sessionPassword }
      await endSession(systemTransport, connect, session, client.sessionTimeoutMs)
    },
  }
}

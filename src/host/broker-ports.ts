/** The real machine as a broker sees it. */
import os from 'node:os'
import type { BrokerPorts } from '../broker/broker.ts'
import type { SessionProof } from '../broker/earlier-session.ts'
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
  const end = async (session: SessionProof): Promise<void> => {
    if (latest === null) throw new Error('there is no ZooKeeper session')
    const { client, connect } = latest
    await endSession(systemTransport, connect, session, client.sessionTimeoutMs)
  }
  const current = (): SessionProof | null => {
    if (latest?.client.state !== 'connected') return null
    return { id: latest.client.sessionId, password: latest.client.sessionPassword }
  }
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
    zooKeeperSessions: { current, end },
    expireSession: async () => {
      const session = current()
      if (session === null) throw new Error('there is no ZooKeeper session')
      await end(session)
    },
  }
}

/** The real machine as a broker sees it. */
import os from 'node:os'
import type { Loggers } from '../base/ports.ts'
import type { BrokerPorts } from '../broker/broker.ts'
import { systemClock } from './clock.ts'
import { systemDisk } from './disk.ts'
import { systemRandom } from './random.ts'
import { systemTransport } from './tcp.ts'
import { ZkJsClient } from './zk-js.ts'

export function systemBrokerPorts(loggers: Loggers, onFatal: BrokerPorts['onFatal']): BrokerPorts {
  const logger = loggers.get('org.apache.zookeeper.ClientCnxn')
  const zkPorts = { transport: systemTransport, clock: systemClock, random: systemRandom, logger }
  return {
    clock: systemClock,
    random: systemRandom,
    disk: systemDisk,
    transport: systemTransport,
    loggers,
    hostName: os.hostname(),
    connectZooKeeper: (connect, sessionTimeoutMs) =>
      new ZkJsClient(zkPorts, { connect, sessionTimeoutMs }),
    onFatal,
  }
}

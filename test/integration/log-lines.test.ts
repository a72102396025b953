/** The lines that people and tools look for in the log of a Kafka broker, in the log of ours. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { PartitionClient } from '../../src/client/partition-client.ts'
import { startCluster, type TestCluster } from '../../src/devcluster/start-cluster.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { until } from '../support/until.ts'

const DATE = String.raw`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]`
let cluster: TestCluster

before(async () => {
  cluster = await startCluster({
    brokers: 2,
    mode: 'process',
    config: {
      'replica.lag.time.max.ms': '400',
      'replica.fetch.wait.max.ms': '200',
      'zookeeper.session.timeout.ms': '10000',
    },
    topics: [
      { name: 't', partitions: 2, replicationFactor: 2, configs: { 'min.insync.replicas': '2' } },
    ],
  })
})

after(() => cluster?.close())

function logOf(id: number): string[] {
  return fs.readFileSync(path.join(cluster.dataDir, 'logs', `broker-${id}.log`), 'utf8').split('\n')
}

function has(id: number, level: string, message: string, logger: string): boolean {
  const line = new RegExp(`${DATE} ${level} ${message} \\(${logger.replaceAll('.', '\\.')}\\)$`)
  return logOf(id).some((each) => line.test(each))
}

/** In the log of any broker, soon. `message` is a regular expression. */
function untilLogged(
  message: string,
  logger: string,
  ids: readonly number[] = [1, 2],
): Promise<void> {
  return until(`${message} (${logger})`, () => ids.some((id) => has(id, 'INFO', message, logger)))
}

const CONTROLLER = 'kafka.controller.KafkaController'
const SERVER = 'kafka.server.KafkaServer'
const PARTITION = 'kafka.cluster.Partition'
const STATE_CHANGES = 'state.change.logger'

test('a broker that starts', async () => {
  const { port } = cluster.broker(1)
  const at = `127\\.0\\.0\\.1:${port}`
  await untilLogged(String.raw`\[KafkaServer id=1\] started`, SERVER, [1])
  await untilLogged('starting', SERVER, [1])
  await untilLogged('Cluster ID = [\\w-]{22}', SERVER, [1])
  await untilLogged(
    `Awaiting socket connections on ${at}\\.`,
    'kafka.network.DataPlaneAcceptor',
    [1],
  )
  await untilLogged(
    `Registered broker 1 at path /brokers/ids/1 with addresses: PLAINTEXT://${at}, ` +
      String.raw`czxid \(broker epoch\): \d+`,
    'kafka.zk.KafkaZkClient',
    [1],
  )
  const order = logOf(1).join('\n')
  assert.ok(order.indexOf('Awaiting socket') < order.indexOf('Registered broker'))
  assert.ok(order.indexOf('Registered broker') < order.indexOf('] started'))
})

test('a controller that is elected, and a topic', async () => {
  await untilLogged(
    String.raw`\[Controller id=(\d)\] \1 successfully elected as the controller\. ` +
      'Epoch incremented to 1 and epoch zk version is now 1',
    CONTROLLER,
  )
  await untilLogged(
    String.raw`\[Controller id=\d\] New partition creation callback for t-0,t-1`,
    CONTROLLER,
  )
})

test('a broker that does what the controller asks for', async () => {
  const controller = controllerId()
  const asked = String.raw`correlationId \d+ from controller ${controller} for 2 partitions`
  for (const id of [1, 2]) {
    const prefix = String.raw`\[Broker id=${id}\]`
    await untilLogged(`${prefix} Handling LeaderAndIsr request ${asked}`, STATE_CHANGES, [id])
    await untilLogged(`${prefix} Finished LeaderAndIsr request in \\d+ms ${asked}`, STATE_CHANGES, [
      id,
    ])
    await untilLogged(
      `${prefix} Add 2 partitions and deleted 0 partitions from metadata cache in response to ` +
        `UpdateMetadata request sent by controller ${controller} epoch 1 with correlation id \\d+`,
      STATE_CHANGES,
      [id],
    )
  }
})

/** The newest of the two to be elected. */
function controllerId(): number {
  const elections = [1, 2].flatMap((id) =>
    logOf(id).flatMap((line) => {
      const epoch = /successfully elected.* Epoch incremented to (\d+)/.exec(line)?.[1]
      return epoch === undefined ? [] : [{ id, epoch: Number(epoch) }]
    }),
  )
  return elections.sort((a, b) => b.epoch - a.epoch)[0]!.id
}

test('an ISR that shrinks and grows', async () => {
  const client = new PartitionClient(cluster.client)
  // The controller must go on, so the other one is held.
  const leader = controllerId()
  const partition = (await client.leaderOf('t', 0)) === leader ? 0 : 1
  const follower = 3 - leader
  const isr = `(${leader},${follower}|${follower},${leader})`
  const prefix = String.raw`\[Partition t-${partition} broker=${leader}\]`
  await cluster.broker(follower).pause()
  try {
    await client.produce('t', partition, [buildBatch([{ value: 'a' }])], { acks: 1 })
    await untilLogged(
      `${prefix} Shrinking ISR from ${isr} to ${leader}\\. Leader: \\(highWatermark: \\d+, ` +
        `endOffset: 1\\)\\. Out of sync replicas: .*`,
      PARTITION,
      [leader],
    )
    const shrunk = `${prefix} ISR updated to ${leader} \\(under-min-isr\\) and version updated to \\d+`
    await untilLogged(shrunk, PARTITION, [leader])
  } finally {
    await cluster.broker(follower).resume()
  }
  // Two spaces, as Kafka has it.
  await untilLogged(`${prefix} ISR updated to ${isr}  and version updated to \\d+`, PARTITION, [
    leader,
  ])
})

test('a broker that stops, and comes back', async () => {
  await cluster.ready()
  const controller = controllerId()
  const other = 3 - controller
  const prefix = String.raw`\[Controller id=${controller}\]`
  await cluster.broker(other).stop()
  for (const message of [
    'shutting down',
    'Starting controlled shutdown',
    String.raw`Controlled shutdown request returned successfully after \d+ms`,
    'shut down completed',
  ]) {
    await untilLogged(String.raw`\[KafkaServer id=${other}\] ${message}`, SERVER, [other])
  }
  await untilLogged(`${prefix} Broker failure callback for ${other}`, CONTROLLER, [controller])
  await untilLogged(
    `${prefix} Newly added brokers: , deleted brokers: ${other}, bounced brokers: , ` +
      `all live brokers: ${controller}`,
    CONTROLLER,
    [controller],
  )
  await cluster.broker(other).start()
  await untilLogged(
    `${prefix} Newly added brokers: ${other}, deleted brokers: , bounced brokers: , ` +
      'all live brokers: 1,2',
    CONTROLLER,
    [controller],
  )
})

test('a controller that resigns', async () => {
  const controller = controllerId()
  assert.equal(cluster.expireSession({ broker: controller }), true)
  await untilLogged(String.raw`\[Controller id=${controller}\] Resigned`, CONTROLLER, [controller])
  await untilLogged(
    String.raw`\[Controller id=(\d)\] \1 successfully elected as the controller\. ` +
      String.raw`Epoch incremented to ([2-9]) and epoch zk version is now \2`,
    CONTROLLER,
  )
})

test('every line has the layout', () => {
  for (const id of [1, 2]) {
    const odd = logOf(id).filter(
      (line) =>
        line !== '' &&
        !/^\s|^\w*Error: /.test(line) &&
        !new RegExp(`${DATE} (DEBUG|INFO|WARN|ERROR) .* \\([\\w.$]+\\)$`).test(line),
    )
    assert.deepEqual(odd, [])
  }
})

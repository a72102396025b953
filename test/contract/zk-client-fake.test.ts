import type { ZkClient } from '../../src/zk/zk-client.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { type FakeZkClient, FakeZooKeeper } from '../support/fake-zookeeper.ts'
import { until } from '../support/until.ts'
import { type ZkHarness, zkClientContract } from './zk-client-contract.ts'

/** Holds the fake that the tests of other folders stand on to the same contract. */
zkClientContract('the fake ZooKeeper of the tests', async (): Promise<ZkHarness> => {
  const clock = new FakeClock()
  const server = new FakeZooKeeper(clock)
  const fake = (client: ZkClient) => client as FakeZkClient
  return {
    connect: async () => {
      clock.advance(1)
      const client = server.connect()
      await until('connected', () => client.state === 'connected')
      clock.advance(1)
      return client
    },
    disconnect: (client) => fake(client).cutOff(),
    allowReconnect: (client) => fake(client).allowConnect(),
    expire: async (client) => server.expire(client.sessionId),
    close: async () => server.stop(),
  }
})

/** What an outsider can send must not hurt: the broker answers the next honest request. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { connectOverTcp } from '../../src/cli/open-cluster.ts'
import { Admin } from '../../src/client/admin.ts'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import type { KafkaError } from '../../src/client/kafka-error.ts'
import { PartitionClient } from '../../src/client/partition-client.ts'
import { LocalCluster } from '../../src/devcluster/local-cluster.ts'
import { systemClock } from '../../src/host/clock.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-hostile-'))
let cluster: LocalCluster
let client: ClusterClient

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

before(async () => {
  const port = await freePort()
  cluster = new LocalCluster({
    brokers: 1,
    port,
    zookeeperPort: await freePort(),
    dataDir,
    overrides: [],
  })
  await cluster.start()
  client = new ClusterClient(
    connectOverTcp({ clientId: 'test', connectTimeoutMs: 2000, requestTimeoutMs: 10_000 }),
    systemClock,
    { bootstrap: cluster.bootstrap },
  )
  await new Admin(client).createTopics([{ name: 't', partitions: 1, replicationFactor: 1 }])
})

after(async () => {
  await client?.close()
  await cluster?.stop()
  fs.rmSync(dataDir, { recursive: true, force: true })
})

/** Sends bytes; resolves with what came back before the broker closed. */
function sendRaw(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = net.connect(cluster.portOf(1), '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(chunks)))
    socket.setTimeout(10_000, () => reject(new Error('the broker did not close')))
  })
}

function frame(...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}

function header(apiKey: number, version: number): Buffer {
  const bytes = Buffer.alloc(10)
  bytes.writeInt16BE(apiKey, 0)
  bytes.writeInt16BE(version, 2)
  bytes.writeInt32BE(1, 4)
  return bytes
}

async function lives(): Promise<void> {
  const { brokers } = await client.metadata([])
  assert.equal(brokers.length, 1)
  assert.ok(cluster.isRunning(1))
}

const INT32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

test('sizes that no frame has close the connection without an answer', async () => {
  for (const size of [-1, 104857601, 0x7fffffff]) {
    assert.equal((await sendRaw(INT32(size))).length, 0)
  }
  await lives()
})

test('other protocols, unknown keys and unknown versions close the connection', async () => {
  const cases = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]),
    frame(header(999, 0)),
    frame(header(75, 0)),
    frame(header(0, 99)),
    frame(header(58, 0)),
    frame(Buffer.alloc(0)),
    frame(header(3, 9), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f])),
  ]
  for (const bytes of cases) assert.equal((await sendRaw(bytes)).length, 0, bytes.toString('hex'))
  await lives()
})

test('an ApiVersions of a version to come is told which ones there are', async () => {
  const answer = await new Promise<Buffer>((resolve) => {
    const socket = net.connect(cluster.portOf(1), '127.0.0.1', () => {
      socket.write(frame(header(18, 99), Buffer.from('\0anything')))
    })
    socket.once('data', (chunk) => {
      resolve(chunk)
      socket.destroy()
    })
  })
  assert.equal(answer.toString('hex'), '000000100000000100230000000100120000' + '0004')
})

test('random and mutated requests never end the broker', async () => {
  const random = new SeededRandom(4711)
  for (let round = 0; round < 150; round++) {
    const key = [0, 1, 2, 3, 4, 6, 19, 32][random.nextInt(8)]!
    const bytes = Buffer.concat([
      header(key, random.nextInt(10)),
      random.bytes(random.nextInt(200)),
    ])
    const socket = net.connect(cluster.portOf(1), '127.0.0.1')
    await new Promise<void>((resolve) => {
      socket.on('error', () => {})
      socket.on('close', () => resolve())
      socket.on('data', () => socket.destroy())
      socket.end(frame(bytes))
    })
  }
  await lives()
})

test('corrupt batches are refused with the code of what is wrong, and nothing is written', async () => {
  const partitions = new PartitionClient(client)
  const good = buildBatch([{ value: 'good', timestamp: 1 }])
  const flipped = Buffer.from(good)
  flipped[flipped.length - 2]! ^= 0xff
  const offset = buildBatch([{ value: 'x', timestamp: 1 }], { baseOffset: 5 })
  const control = buildBatch([{ value: 'x', timestamp: 1 }], { isControl: true })
  const expect = async (batch: Buffer, code: number) => {
    await assert.rejects(partitions.produce('t', 0, [batch]), (error) => {
      assert.equal((error as KafkaError).code, code)
      return true
    })
  }
  await expect(flipped, 2)
  await expect(good.subarray(0, good.length - 3), 87)
  await expect(offset, 87)
  await expect(control, 87)
  await expect(Buffer.concat([good, good]), 87)
  assert.equal((await partitions.produce('t', 0, [Buffer.from(good)])).baseOffset, 0)
  await lives()
})

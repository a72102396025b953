/**
 * One conversation, every server: the transcript of a real ZooKeeper 3.9.5 is in test/golden. With
 * ZOOKEEPER_CONNECT=host:port the same is asked of the server there, one that stands alone;
 * UPDATE_GOLDEN=1 then keeps what it says.
 */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { test } from 'node:test'
import { systemClock } from '../../src/host/clock.ts'
import { systemTransport } from '../../src/host/tcp.ts'
import { startZkServer } from '../../src/zkserver/server.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { converse } from '../support/zk-conversation.ts'
import { ZkScript } from '../support/zk-script.ts'

const GOLDEN = new URL('../golden/zookeeper-3.9-conversation.txt', import.meta.url)
const GOLDEN_VERSION = /^3\.9\./
const { ZOOKEEPER_CONNECT, UPDATE_GOLDEN } = process.env

async function transcript(host: string, port: number, root: string): Promise<string> {
  const script = new ZkScript(systemTransport, host, port, root)
  await converse(script)
  return `${script.lines.join('\n')}\n`
}

test('the embedded server answers word for word as ZooKeeper 3.9', async () => {
  const server = await startZkServer({
    transport: systemTransport,
    clock: systemClock,
    loggers: new SilentLoggers(),
    dataDir: null,
    host: '127.0.0.1',
    port: 0,
  })
  try {
    const ours = await transcript('127.0.0.1', server.port, '/script')
    assert.equal(ours, readFileSync(GOLDEN, 'utf8'))
  } finally {
    await server.close()
  }
})

/** Its answer to `srvr` begins with `Zookeeper version: 3.8.4-...`. */
function versionOf(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, host, () => socket.write('srvr'))
    socket.once('data', (bytes) => {
      resolve(/version: ([\d.]+)/.exec(bytes.toString())?.[1] ?? 'unknown')
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

test('a real ZooKeeper still says what was kept', { skip: !ZOOKEEPER_CONNECT }, async (t) => {
  const [host = '', port] = (ZOOKEEPER_CONNECT ?? '').split(':')
  const version = await versionOf(host, Number(port))
  if (!GOLDEN_VERSION.test(version) && UPDATE_GOLDEN !== '1') {
    // Watch events have a zxid only since 3.9.
    t.skip(`the server is ${version}, what was kept is of 3.9.5`)
    return
  }
  const real = await transcript(host, Number(port), `/script-${process.pid}`)
  if (UPDATE_GOLDEN === '1') writeFileSync(GOLDEN, real)
  assert.equal(real, readFileSync(GOLDEN, 'utf8'))
})

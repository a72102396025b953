/** `samsa proxy` as a process. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { ServerChild } from '../../src/devcluster/child.ts'

async function start(
  args: readonly string[],
  config: unknown,
  run: (child: ServerChild) => unknown,
) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-proxy-'))
  const file = path.join(dir, 'proxies.json')
  fs.writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config))
  const child = new ServerChild({
    name: 'proxy',
    args: ['proxy', '--port', '0', ...args, file],
    logFile: path.join(dir, 'log'),
  })
  try {
    await run(child)
  } finally {
    await child.stop(5_000)
    fs.rmSync(dir, { recursive: true })
  }
}

test('samsa proxy serves the proxies of its file until it is told to stop', async () => {
  const proxies = [{ name: 'db', listen: '127.0.0.1:0', upstream: '127.0.0.1:1' }]
  // One dash is how Toxiproxy's own server is called.
  await start(['--seed', '1', '-config'], proxies, async (child) => {
    const { port } = await child.ready
    const response = await fetch(`http://127.0.0.1:${port}/proxies/db`)
    const { name, enabled } = (await response.json()) as { name: string; enabled: boolean }
    assert.deepEqual([name, enabled], ['db', true])
    child.kill('SIGTERM')
    assert.equal(await child.ended, 'exit code 0')
  })
})

test('a file that makes no sense is named, and nothing is served', async () => {
  for (const config of [
    'nonsense',
    {},
    [{ name: 'a' }],
    [{ name: 'a', listen: 'x', upstream: 'y' }],
  ]) {
    await start(['--config'], config, async (child) => {
      await assert.rejects(
        child.ready,
        /ended with exit code 1[\s\S]*samsa proxy: .*proxies\.json: /,
      )
    })
  }
})

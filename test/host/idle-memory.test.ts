/** What keeps an idle broker small, each worth several MiB (docs/performance.md). */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import process from 'node:process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const ENDPOINT = import.meta.resolve('../../src/host/http-endpoint.ts')
const BROKER = import.meta.resolve('../../src/cli/broker.ts')

test('a broker that answers over HTTP has not loaded the HTTP client of Node', async () => {
  const program = `
    const { startHttpEndpoint } = await import('${ENDPOINT}')
    await import('${BROKER}')
    const endpoint = await startHttpEndpoint({ host: '127.0.0.1', port: 0 }, {})
    endpoint.close()
    console.log(JSON.stringify(process.moduleLoadList))`
  const args = ['--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const loaded = (JSON.parse(stdout) as string[]).map((name) => name.split(' ')[1])
  assert.ok(loaded.includes('http'))
  assert.ok(!loaded.includes('internal/deps/undici/undici'))
})

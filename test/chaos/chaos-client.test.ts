import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ChaosClient } from '../../src/chaos/chaos-client.ts'

async function serverWith(status: number, body: string) {
  const server = http.createServer((_request, response) => response.writeHead(status).end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url, client: new ChaosClient(`${url}/`, null), [Symbol.asyncDispose]: close }
}

test('what a dashboard says is the error', async () => {
  await using t = await serverWith(409, '{"error":"broker 1 is under kill already"}')
  await assert.rejects(t.client.list(), { status: 409, message: 'broker 1 is under kill already' })
})

test('another service at that port is told as such', async () => {
  for (const status of [200, 404, 500]) {
    await using t = await serverWith(status, '<html>')
    const message = `what answers at ${t.url} is no dashboard (--url)`
    await assert.rejects(t.client.list(), { status: 0, message })
  }
})

test('nobody at that port is told as such', async () => {
  const t = await serverWith(200, '{}')
  await t[Symbol.asyncDispose]()
  await assert.rejects(t.client.list(), /no dashboard answers at http:.*: .*ECONNREFUSED/)
})

/** The fault endpoint of a broker that only writes down what it is asked for. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { encodeBrokerRegistration } from '../../src/zk/broker-znodes.ts'
import { ZkError, type ZkStat } from '../../src/zk/zk-client.ts'

/** Registrations by id, with the port of their HTTP endpoint. */
export function zkWith(ports: ReadonlyMap<number, number>) {
  const stat = {} as ZkStat
  return {
    get: async (path: string) => {
      const port = ports.get(Number(path.split('/').at(-1)))
      if (port === undefined) throw new ZkError('NO_NODE', path)
      const endpoint = { listener: 'PLAINTEXT', host: '127.0.0.1', port: 9, securityProtocol: 0 }
      const data = encodeBrokerRegistration({
        endpoints: [endpoint],
        rack: null,
        jmxPort: port,
        timestampMs: 0,
        features: new Map(),
      })
      return { data, stat }
    },
    children: async () => ({ children: [...ports.keys()].map(String), stat }),
  }
}

export interface FaultServer extends AsyncDisposable {
  readonly port: number
  /** `METHOD path body`, one a request. */
  readonly got: string[]
}

export async function faultServer(
  answer: (method: string) => { readonly status: number; readonly body: string },
): Promise<FaultServer> {
  const got: string[] = []
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      got.push(`${request.method} ${request.url} ${Buffer.concat(chunks)}`)
      const { status, body } = answer(request.method ?? '')
      response.writeHead(status).end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    got,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

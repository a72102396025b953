/** Proxies over real sockets on the loopback, with peers that note what they see. */
import net from 'node:net'
import type { TestContext } from 'node:test'
import { type ProxyServer, startProxyServer } from '../../src/chaos/proxy/proxy-server.ts'
import type { TcpProxy } from '../../src/chaos/proxy/tcp-proxy.ts'
import { FakeClock } from './fake-clock.ts'
import { SeededRandom } from './seeded-random.ts'
import { SilentLoggers } from './silent-loggers.ts'
import { until } from './until.ts'

/** One end of a connection. */
export class Peer {
  readonly socket: net.Socket
  received = 0
  text = ''
  hasEnded = false
  isClosed = false
  errorCode: string | null = null

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length
      // Long ones are only counted.
      if (this.text.length < 100_000) this.text += chunk.toString('latin1')
    })
    socket.on('end', () => {
      this.hasEnded = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code ?? 'unknown'
    })
    socket.on('close', () => {
      this.isClosed = true
    })
  }

  sees(text: string): Promise<void> {
    return until(`${JSON.stringify(text)} arrives`, () => this.text === text)
  }

  ends(): Promise<void> {
    return until('the end arrives', () => this.hasEnded)
  }

  closes(): Promise<void> {
    return until('the connection closes', () => this.isClosed)
  }
}

export class ProxyBench {
  /** The proxies' clock; it moves when told. */
  readonly clock = new FakeClock()
  readonly server: ProxyServer
  readonly proxy: TcpProxy
  /** What connected to the upstream, in order. */
  readonly accepted: Peer[] = []
  readonly #upstream: net.Server
  readonly #halfOpen: boolean
  readonly #clients: Peer[] = []

  private constructor(
    clock: FakeClock,
    server: ProxyServer,
    upstream: net.Server,
    halfOpen: boolean,
  ) {
    this.clock = clock
    this.server = server
    this.#upstream = upstream
    this.#halfOpen = halfOpen
    this.proxy = server.proxies.get('bench')
    upstream.on('connection', (socket) => this.accepted.push(new Peer(socket)))
  }

  /**
   * With a proxy `bench` to an upstream of its own. Ends with the test. `halfOpen`: peers that see an
   * end do not end too.
   */
  static async start(
    t: TestContext,
    { halfOpen = false, maxConnections = 1_000 } = {},
  ): Promise<ProxyBench> {
    const clock = new FakeClock()
    const upstream = await listening(net.createServer({ allowHalfOpen: halfOpen }))
    const { port } = upstream.address() as net.AddressInfo
    const server = await startProxyServer({
      clock,
      random: new SeededRandom(1),
      log: new SilentLoggers().get('proxy'),
      host: '127.0.0.1',
      port: 0,
      maxConnections,
    })
    await server.proxies.create({
      name: 'bench',
      listen: '127.0.0.1:0',
      upstream: `127.0.0.1:${port}`,
    })
    const bench = new ProxyBench(clock, server, upstream, halfOpen)
    t.after(() => bench.close())
    return bench
  }

  get api(): string {
    return `http://127.0.0.1:${this.server.port}`
  }

  async call(method: string, path: string, body?: unknown) {
    const response = await fetch(this.api + path, {
      method,
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }

  connect(proxy: TcpProxy = this.proxy): Peer {
    const peer = new Peer(net.connect({ ...hostPort(proxy.listen), allowHalfOpen: this.#halfOpen }))
    this.#clients.push(peer)
    return peer
  }

  /** A client and what the upstream has of it. */
  async pair(): Promise<{ client: Peer; upstream: Peer }> {
    const before = this.accepted.length
    const client = this.connect()
    await until('the upstream is reached', () => this.accepted.length > before)
    return { client, upstream: this.accepted[before]! }
  }

  /** Nobody listens there any more; connections stay. */
  stopUpstream(): void {
    this.#upstream.close()
  }

  async close(): Promise<void> {
    for (const { socket } of [...this.#clients, ...this.accepted]) socket.destroy()
    this.#upstream.close()
    await this.server.close()
  }
}

export function hostPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':')
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) }
}

export function listening(server: net.Server): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

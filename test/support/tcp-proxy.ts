/**
 * A TCP proxy on the loopback that misbehaves when told: breaks connections, refuses them, accepts
 * and says nothing, falls silent, stops in the middle of what the server says.
 */

import net from 'node:net'

export class TcpProxy {
  readonly port: number
  readonly #server: net.Server
  readonly #pairs = new Set<{ client: net.Socket; server: net.Socket | null }>()
  #mode: 'forward' | 'refuse' | 'accept-only' = 'forward'
  #isSilent = false
  /** Bytes of the server that are still let through; then silence. */
  #bytesLeft = Number.POSITIVE_INFINITY
  #accepted = 0

  private constructor(server: net.Server, target: { host: string; port: number }) {
    this.#server = server
    this.port = (server.address() as net.AddressInfo).port
    server.on('connection', (client) => this.#accept(client, target))
  }

  static start(target: { host: string; port: number }): Promise<TcpProxy> {
    return new Promise((resolve, reject) => {
      const server = net.createServer({ noDelay: true })
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => resolve(new TcpProxy(server, target)))
    })
  }

  /** Connections taken so far, refused ones not counted. */
  get accepted(): number {
    return this.#accepted
  }

  /** Ends all connections; later ones are treated as `mode` says. */
  breakAll(mode: 'forward' | 'refuse' | 'accept-only' = 'forward'): void {
    this.#mode = mode
    for (const { client, server } of [...this.#pairs]) {
      client.destroy()
      server?.destroy()
    }
  }

  /** Nothing passes from server to client any more, not even the end; what came is dropped. */
  silence(): void {
    this.#isSilent = true
  }

  /** Lets `bytes` more bytes of the server through, then falls silent. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes
  }

  /** New connections work again; silenced ones stay silent and are ended. */
  heal(): void {
    this.#isSilent = false
    this.#bytesLeft = Number.POSITIVE_INFINITY
    this.breakAll('forward')
  }

  async close(): Promise<void> {
    this.breakAll('refuse')
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #accept(client: net.Socket, target: { host: string; port: number }): void {
    client.on('error', () => {})
    if (this.#mode === 'refuse') {
      client.destroy()
      return
    }
    this.#accepted += 1
    const server = this.#mode === 'accept-only' ? null : net.connect(target)
    const pair = { client, server }
    this.#pairs.add(pair)
    client.on('close', () => {
      this.#pairs.delete(pair)
      server?.destroy()
    })
    if (server === null) {
      client.resume()
      return
    }
    server.setNoDelay(true)
    server.on('error', () => {})
    client.on('data', (chunk) => server.write(chunk))
    server.on('data', (chunk) => this.#toClient(client, chunk))
    server.on('close', () => {
      if (!this.#isSilent) client.destroy()
    })
  }

  #toClient(client: net.Socket, chunk: Buffer): void {
    if (this.#isSilent) return
    const passed = chunk.subarray(0, this.#bytesLeft)
    this.#bytesLeft -= passed.length
    if (this.#bytesLeft === 0) this.#isSilent = true
    if (passed.length > 0) client.write(passed)
  }
}

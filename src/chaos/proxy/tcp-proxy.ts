/**
 * One proxy: where it listens, whom it connects to, its toxics and its open connections. Disabled is
 * down: nothing listens, all connections are closed.
 */
import net from 'node:net'
import type { Clock, Logger } from '../../base/ports.ts'
import { type Address, addressText, parseAddress, resolveListen } from './addresses.ts'
import { ApiError } from './api-error.ts'
import { Connection } from './connection.ts'
import { type Dice, isApplied } from './effects.ts'
import { changedToxic, type Direction, directionOf, newToxic, type Toxic } from './toxic.ts'

export interface ProxyPorts {
  readonly clock: Clock
  readonly random: Dice
  readonly log: Logger
  /** Of each proxy; further ones are closed at once. */
  readonly maxConnections?: number
}

export interface ProxyFields {
  readonly name: string
  readonly listen: string
  readonly upstream: string
  readonly enabled: boolean
}

export interface Traffic {
  readonly direction: Direction
  readonly receivedBytes: number
  readonly sentBytes: number
}

const MAX_CONNECTIONS = 4_096
/** Each costs every piece of every connection a step. */
export const MAX_TOXICS = 100

const DIRECTIONS: readonly Direction[] = ['upstream', 'downstream']

export class TcpProxy {
  readonly name: string
  readonly #ports: ProxyPorts
  #listen: string
  #upstream: string
  #server: net.Server | null = null
  #toxics: readonly Toxic[] = []
  readonly #connections = new Set<Connection>()
  readonly #receivedBytes = { upstream: 0, downstream: 0 }
  readonly #sentBytes = { upstream: 0, downstream: 0 }

  /** It is not started yet. */
  constructor(ports: ProxyPorts, name: string, listen: string, upstream: string) {
    this.#ports = ports
    this.name = name
    this.#listen = listen
    this.#upstream = upstream
  }

  /** As given until it is started; then the real address. */
  get listen(): string {
    return this.#listen
  }

  get upstream(): string {
    return this.#upstream
  }

  get enabled(): boolean {
    return this.#server !== null
  }

  /** Those to the server first, each in the order in which they were added. */
  get toxics(): readonly Toxic[] {
    return DIRECTIONS.flatMap((way) => this.#toxics.filter((toxic) => directionOf(toxic) === way))
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Bytes that its connections hold in memory. */
  get heldBytes(): number {
    let sum = 0
    for (const connection of this.#connections) sum += connection.bytes
    return sum
  }

  get traffic(): readonly Traffic[] {
    return DIRECTIONS.map((direction) => ({
      direction,
      receivedBytes: this.#receivedBytes[direction],
      sentBytes: this.#sentBytes[direction],
    }))
  }

  /** Whether listening or connecting elsewhere is asked for. Throws when `listen` is no address. */
  async differs(listen: string, upstream: string): Promise<boolean> {
    const address = addressText(await resolveListen(listen))
    return address !== this.#listen || upstream !== this.#upstream
  }

  /** Rejects when it cannot listen; does nothing when it does already. */
  async start(): Promise<void> {
    if (this.#server !== null) return
    const address = await resolveListen(this.#listen).catch((error: Error) => {
      throw new Error(`listen tcp: ${error.message}`)
    })
    const server = await listenAt(address)
    server.maxConnections = this.#ports.maxConnections ?? MAX_CONNECTIONS
    server.on('connection', (client) => this.#accept(client))
    // A connection that could not be accepted; the next one is tried.
    server.on('error', (error) => this.#ports.log.warn(`Proxy ${this.name}`, error))
    const { address: host, port } = server.address() as net.AddressInfo
    this.#server = server
    this.#listen = addressText({ host, port })
    this.#ports.log.info(`Proxy ${this.name} listens on ${this.#listen} for ${this.#upstream}`)
  }

  stop(): void {
    this.#server?.close()
    this.#server = null
    for (const connection of [...this.#connections]) connection.destroy()
  }

  /** Elsewhere means: all connections are closed. Rejects when it cannot listen there. */
  async update({ listen, upstream, enabled }: Omit<ProxyFields, 'name'>): Promise<void> {
    if (await this.differs(listen, upstream)) {
      this.stop()
      this.#listen = listen
      this.#upstream = upstream
    }
    if (enabled) await this.start()
    else this.stop()
  }

  toxic(name: string): Toxic {
    const found = this.#toxics.find((toxic) => toxic.name === name)
    if (found === undefined) throw new ApiError('toxic not found', 404)
    return found
  }

  /** Throws `ApiError` when `body` is no toxic, or one of a name that is taken. */
  addToxic(body: unknown): Toxic {
    const toxic = newToxic(body, (name) => this.#toxics.some((other) => other.name === name))
    if (this.#toxics.length >= MAX_TOXICS) throw new ApiError('too many toxics', 400)
    this.#toxics = [...this.#toxics, toxic]
    for (const connection of [...this.#connections]) connection.addToxic(toxic)
    return toxic
  }

  updateToxic(name: string, body: unknown): Toxic {
    const toxic = changedToxic(this.toxic(name), body)
    this.#toxics = this.#toxics.map((other) => (other.name === name ? toxic : other))
    for (const connection of [...this.#connections]) connection.updateToxic(toxic)
    this.#release()
    return toxic
  }

  removeToxic(name: string): void {
    const toxic = this.toxic(name)
    this.#toxics = this.#toxics.filter((other) => other !== toxic)
    for (const connection of [...this.#connections]) connection.removeToxic(toxic)
    this.#release()
  }

  removeAllToxics(): void {
    for (const { name } of this.#toxics) this.removeToxic(name)
  }

  #release(): void {
    if (this.#isCut()) return
    for (const connection of [...this.#connections]) {
      if (connection.isHeld) connection.release()
    }
  }

  #isCut(): boolean {
    return this.#toxics.some(
      (toxic) => toxic.type === 'cut' && isApplied(toxic, this.#ports.random),
    )
  }

  #accept(client: net.Socket): void {
    if (this.#server === null) {
      client.destroy()
      return
    }
    const { clock, random } = this.#ports
    const connection: Connection = new Connection(
      {
        clock,
        random,
        dial: () => this.#dial(),
        isCut: () => this.#isCut(),
        onReceived: (direction, bytes) => {
          this.#receivedBytes[direction] += bytes
        },
        onSent: (direction, bytes) => {
          this.#sentBytes[direction] += bytes
        },
        onClosed: () => this.#connections.delete(connection),
      },
      client,
      this.#toxics,
      this.#isCut(),
    )
    this.#connections.add(connection)
  }

  #dial(): net.Socket {
    try {
      const { host, port } = parseAddress(this.#upstream)
      return net.connect({ host: host || '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
    } catch (error) {
      // An upstream that is no address refuses all.
      return new net.Socket().destroy(error as Error)
    }
  }
}

function listenAt(address: Address): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true })
    const at = `listen tcp ${addressText(address)}: bind`
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(`${at}: ${REASONS[error.code ?? ''] ?? error.message}`))
    })
    const where = address.host === '' ? { port: address.port } : address
    server.listen({ ...where, backlog: 511 }, () => {
      server.removeAllListeners('error')
      resolve(server)
    })
  })
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
}

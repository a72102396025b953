/** Real sockets behind the `Transport` port. */
import net from 'node:net'
import type { Listener, Socket, SocketHandlers, Transport } from '../base/ports.ts'
import { isRetained, release, releaseBytes } from '../base/release.ts'

const KEEP_ALIVE_DELAY_MS = 60_000

/** Bytes queued on a socket above which `write` asks its caller to wait. */
const WRITE_BUFFER_BYTES = 1024 * 1024

const BACKLOG = 511

/** As large as Node's own reads. */
const READ_BYTES = 64 * 1024

export const systemTransport: Transport = {
  listen: (host, port, onSocket) =>
    new Promise<Listener>((resolve, reject) => {
      const server = net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
        onSocket(new TcpSocket(socket, (listener) => listenToData(socket, listener))),
      )
      // After the start this is a connection that could not be accepted (no descriptors left): the
      // peer sees it closed, and the next one is tried. Rejecting twice does nothing.
      server.on('error', (error) => reject(listenError(error, host, port)))
      const at = { port, backlog: BACKLOG, ...(host === '' ? {} : { host }) }
      server.listen(at, () => {
        const { port: realPort } = server.address() as net.AddressInfo
        resolve({ port: realPort, close: () => closeServer(server) })
      })
    }),

  connect: (host, port, timeoutMs) =>
    new Promise<Socket>((resolve, reject) => {
      // One buffer for all reads of a connection, in place of a new one for each.
      let onRead: (chunk: Buffer) => void = () => {}
      const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
      const callback = (bytes: number): boolean => {
        onRead(buffer.subarray(0, bytes))
        return true
      }
      const socket = net.connect({ host, port, noDelay: true, onread: { buffer, callback } })
      const timer = setTimeout(() => {
        socket.destroy(new Error(`no connection to ${host}:${port} within ${timeoutMs} ms`))
      }, timeoutMs)
      const onError = (error: Error): void => {
        clearTimeout(timer)
        reject(connectError(error, host, port))
      }
      socket.once('error', onError)
      socket.once('connect', () => {
        clearTimeout(timer)
        socket.off('error', onError)
        socket.pause()
        const listen = (listener: (chunk: Buffer) => void): void => {
          onRead = listener
        }
        resolve(new TcpSocket(socket, listen))
      })
    }),
}

/** Resolves when the port is free; Node's own callback would wait for the last connection. */
function closeServer(server: net.Server): Promise<void> {
  server.close()
  return Promise.resolve()
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const at = `${host === '' ? '0.0.0.0' : host}:${port}`
  const cause = { cause: error }
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(`${at} is taken: stop what listens there or choose another port`, cause)
    case 'EACCES':
      return new Error(`${at} is not ours to listen on: choose a port above 1023`, cause)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Error(`${at} is no address of this machine: correct the listener's host`, cause)
    default:
      return new Error(`cannot listen on ${at}: ${error.message}`, cause)
  }
}

/** A name with several addresses fails with an `AggregateError` that has no message. */
function connectError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.message.includes(String(port))) return error
  const reason = error.message === '' ? (error.code ?? 'failed') : error.message
  return new Error(`connect to ${host}:${port}: ${reason}`, { cause: error })
}

/** Node makes a buffer for each read. */
function listenToData(socket: net.Socket, listener: (chunk: Buffer) => void): void {
  socket.on('data', (chunk: Buffer) => {
    listener(chunk)
    releaseBytes(chunk)
  })
}

class TcpSocket implements Socket {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  readonly #socket: net.Socket
  readonly #listenToData: (listener: (chunk: Buffer) => void) => void
  #failure: Error | undefined

  constructor(socket: net.Socket, listenToData: (listener: (chunk: Buffer) => void) => void) {
    this.#socket = socket
    this.#listenToData = listenToData
    this.remoteAddress = plainAddress(socket.remoteAddress)
    this.remotePort = socket.remotePort ?? 0
    this.localAddress = plainAddress(socket.localAddress)
    this.localPort = socket.localPort ?? 0
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS)
    // Without a listener an error before `setHandlers` would end the process.
    socket.on('error', (error) => {
      this.#failure = error
    })
  }

  setHandlers(handlers: SocketHandlers): void {
    const socket = this.#socket
    this.#listenToData((chunk) => handlers.onData(chunk))
    socket.on('drain', () => handlers.onDrain?.())
    // The peer that ends its side is done with us, and Node then ends ours.
    if (socket.closed) handlers.onClose(this.#failure)
    else socket.once('close', () => handlers.onClose(this.#failure))
    socket.resume()
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (chunks.length === 1) {
      writeChunk(socket, chunks[0]!)
    } else {
      socket.cork()
      for (const chunk of chunks) writeChunk(socket, chunk)
      socket.uncork()
    }
    return socket.writableLength < WRITE_BUFFER_BYTES
  }

  queuedBytes(): number {
    return this.#socket.writableLength
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

function writeChunk(socket: net.Socket, chunk: Uint8Array): void {
  if (isRetained(chunk)) socket.write(chunk, () => release(chunk))
  else socket.write(chunk)
}

/** A socket that listens on IPv6 and IPv4 shows an IPv4 peer as `::ffff:10.0.0.1`. */
function plainAddress(address = ''): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

/** Real sockets behind the `Transport` port. */
import net from 'node:net'
import type { Listener, Socket, SocketHandlers, Transport } from '../base/ports.ts'

const KEEP_ALIVE_DELAY_MS = 60_000

/** Bytes queued on a socket above which `write` asks its caller to wait. */
const WRITE_BUFFER_BYTES = 1024 * 1024

export const systemTransport: Transport = {
  listen: (host, port, onSocket) =>
    new Promise<Listener>((resolve, reject) => {
      const server = net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) =>
        onSocket(new TcpSocket(socket)),
      )
      server.once('error', (error) => reject(listenError(error, host, port)))
      const at = { port, backlog: 511, ...(host === '' ? {} : { host }) }
      server.listen(at, () => {
        resolve({
          port: (server.address() as net.AddressInfo).port,
          close: () => new Promise((closed) => server.close(() => closed())),
        })
      })
    }),

  connect: (host, port, timeoutMs) =>
    new Promise<Socket>((resolve, reject) => {
      const socket = net.connect({ host, port, noDelay: true })
      const timer = setTimeout(() => {
        socket.destroy(new Error(`no connection to ${host}:${port} within ${timeoutMs} ms`))
      }, timeoutMs)
      const onError = (error: Error): void => {
        clearTimeout(timer)
        reject(error)
      }
      socket.once('error', onError)
      socket.once('connect', () => {
        clearTimeout(timer)
        socket.off('error', onError)
        socket.pause()
        resolve(new TcpSocket(socket))
      })
    }),
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const at = `${host === '' ? '0.0.0.0' : host}:${port}`
  if (error.code === 'EADDRINUSE') {
    return new Error(`${at} is taken: stop what listens there or choose another port`, {
      cause: error,
    })
  }
  return new Error(`cannot listen on ${at}: ${error.message}`, { cause: error })
}

class TcpSocket implements Socket {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  readonly #socket: net.Socket

  constructor(socket: net.Socket) {
    this.#socket = socket
    this.remoteAddress = socket.remoteAddress ?? ''
    this.remotePort = socket.remotePort ?? 0
    this.localAddress = socket.localAddress ?? ''
    this.localPort = socket.localPort ?? 0
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS)
    // Without a listener an error before `setHandlers` would end the process.
    socket.on('error', () => {})
  }

  setHandlers(handlers: SocketHandlers): void {
    let failure: Error | undefined
    const socket = this.#socket
    socket.on('data', (chunk: Buffer) => handlers.onData(chunk))
    socket.on('drain', () => handlers.onDrain?.())
    socket.on('error', (error) => {
      failure = error
    })
    // The peer that ends its side is done with us, and Node then ends ours.
    socket.on('close', () => handlers.onClose(failure))
    if (socket.destroyed) handlers.onClose(failure)
    else socket.resume()
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (chunks.length === 1) {
      socket.write(chunks[0]!)
    } else {
      socket.cork()
      for (const chunk of chunks) socket.write(chunk)
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
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

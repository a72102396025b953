/** Loopback sockets and real time, for tests that must cross a real socket. */

import net from 'node:net'
import type { Clock, Listener, Socket, SocketHandlers, Transport } from '../../src/base/ports.ts'

export const localClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

export const localTransport: Transport = {
  listen: (host, port, onSocket) =>
    new Promise<Listener>((resolve, reject) => {
      const server = net.createServer((socket) => onSocket(wrap(socket)))
      server.once('error', reject)
      server.listen(port, host, () => {
        const address = server.address() as net.AddressInfo
        resolve({
          port: address.port,
          close: () => new Promise((closed) => server.close(() => closed())),
        })
      })
    }),
  connect: (host, port, timeoutMs) =>
    new Promise<Socket>((resolve, reject) => {
      const socket = net.connect({ host, port, timeout: timeoutMs })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        socket.setTimeout(0)
        resolve(wrap(socket))
      })
    }),
}

function wrap(socket: net.Socket): Socket {
  socket.setNoDelay(true)
  socket.pause()
  return {
    remoteAddress: socket.remoteAddress ?? '',
    remotePort: socket.remotePort ?? 0,
    localAddress: socket.localAddress ?? '',
    localPort: socket.localPort ?? 0,
    setHandlers: (handlers: SocketHandlers) => {
      let failure: Error | undefined
      socket.on('data', (chunk) => handlers.onData(chunk))
      socket.on('drain', () => handlers.onDrain?.())
      socket.on('error', (error) => {
        failure = error
      })
      socket.on('close', () => handlers.onClose(failure))
      socket.resume()
    },
    write: (chunks) => {
      socket.cork()
      for (const chunk of chunks) socket.write(chunk)
      socket.uncork()
      return !socket.writableNeedDrain
    },
    queuedBytes: () => socket.writableLength,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => socket.end(),
    destroy: () => socket.destroy(),
  }
}

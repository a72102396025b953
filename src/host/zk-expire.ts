/**
 * Ends a ZooKeeper session behind its owner's back: a second connection takes it over and closes it,
 * both in one packet, since the owner reconnects at once and would take it back. What the owner sees is
 * an expired session.
 */
import type { Socket, Transport } from '../base/ports.ts'
import { formatServer, parseConnectString } from '../zk/connect-string.ts'
import {
  encodeConnectRequest,
  encodeRequest,
  OP_CODES,
  type SessionCredentials,
} from './zk-wire.ts'

const CONNECT_TIMEOUT_MS = 2_000
const ANSWER_TIMEOUT_MS = 5_000

/** Rejects when no server could be told. */
export async function endSession(
  transport: Transport,
  connect: string,
  session: SessionCredentials,
  sessionTimeoutMs: number,
): Promise<void> {
  const packets = [
    encodeConnectRequest(session, 0n, sessionTimeoutMs),
    encodeRequest(1, OP_CODES.CLOSE_SESSION, null),
  ]
  const failures: string[] = []
  for (const server of parseConnectString(connect).servers) {
    try {
      const socket = await transport.connect(server.host, server.port, CONNECT_TIMEOUT_MS)
      await untilClosed(socket, packets)
      return
    } catch (error) {
      failures.push(`${formatServer(server)}: ${(error as Error).message}`)
    }
  }
  throw new Error(`no ZooKeeper server could be told: ${failures.join('; ')}`)
}

/** The server closes the connection once the session is closed. */
function untilClosed(socket: Socket, packets: readonly Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let hasAnswered = false
    const timer = setTimeout(() => socket.destroy(), ANSWER_TIMEOUT_MS)
    socket.setHandlers({
      onData: () => {
        hasAnswered = true
      },
      onClose: () => {
        clearTimeout(timer)
        if (hasAnswered) resolve()
        else reject(new Error('no answer'))
      },
    })
    socket.write(packets)
  })
}

/** How a tool gets its client: `main.ts` gives one over real sockets, a test one over fakes. */

import { readFileSync } from 'node:fs'
import { parseProperties } from '../base/properties.ts'
import { ClusterClient } from '../client/cluster-client.ts'
import type { ConnectBroker } from '../client/connections.ts'
import { systemClock } from '../host/clock.ts'
import { systemTransport } from '../host/tcp.ts'
import { ClientChannel } from '../network/client-channel.ts'

export interface ClusterSettings {
  /** `host:port,host:port`. */
  readonly bootstrap: string
  readonly clientId: string
  /** A Java properties file with more settings of the client. */
  readonly configFile?: string | undefined
  /** In place of what the file says, and of 60 s: for a call with all its retries; 0 for none. */
  readonly callTimeoutMs?: number
}

export type OpenCluster = (settings: ClusterSettings) => ClusterClient

const DEFAULT_REQUEST_TIMEOUT_MS = 30_000
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000

export const openSystemCluster: OpenCluster = (settings) => {
  const { bootstrap, clientId, configFile, callTimeoutMs } = settings
  const properties = configFile === undefined ? new Map() : readProperties(configFile)
  const milliseconds = (key: string, fallback: number) => Number(properties.get(key) ?? fallback)
  const connect = connectOverTcp({
    clientId: properties.get('client.id') ?? clientId,
    connectTimeoutMs: milliseconds(
      'socket.connection.setup.timeout.ms',
      DEFAULT_CONNECT_TIMEOUT_MS,
    ),
    requestTimeoutMs: milliseconds('request.timeout.ms', DEFAULT_REQUEST_TIMEOUT_MS),
  })
  return new ClusterClient(connect, systemClock, {
    bootstrap,
    callTimeoutMs: callTimeoutMs ?? milliseconds('default.api.timeout.ms', 60_000),
    retryBackoffMs: milliseconds('retry.backoff.ms', 100),
  })
}

export function connectOverTcp(options: {
  readonly clientId: string
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
}): ConnectBroker {
  return (address) =>
    ClientChannel.connect(systemTransport, systemClock, {
      ...options,
      host: address.host,
      port: address.port,
    })
}

export function readProperties(file: string): Map<string, string> {
  return parseProperties(readFileSync(file, 'utf8'))
}

/**
 * Faults that a broker does to itself: `POST /faults` of its HTTP endpoint, which is found where the
 * broker registered it (`jmx_port` in `/brokers/ids/N`).
 */
import type { Clock } from '../base/ports.ts'
import { decodeBrokerRegistration } from '../zk/broker-znodes.ts'
import type { ZkOperations } from '../zk/zk-client.ts'
import { isZkError } from '../zk/zk-client.ts'
import { brokerPath } from '../zk/znode-paths.ts'

export interface FaultEndpoint {
  readonly host: string
  readonly port: number
}

export interface OwnFault {
  readonly kind: 'kill' | 'terminate' | 'pause' | 'stall' | 'expire-session' | 'disk-full'
  /** Of `pause`, `stall` and `disk-full`. */
  readonly forMs?: number
  /** Of `disk-full`; absent: all. */
  readonly logDir?: string
}

const ANSWER_TIMEOUT_MS = 10_000

/** Reading waits for a ZooKeeper that is away; a fault that strikes when it is back is none of anybody's. */
const ZOOKEEPER_TIMEOUT_MS = 2_000

/** Rejects with the reason when the broker is not there or has no endpoint, or nobody can tell. */
export async function findFaultEndpoint(
  zk: Pick<ZkOperations, 'get'>,
  clock: Clock,
  brokerId: number,
): Promise<FaultEndpoint> {
  const { data } = await inTime(clock, zk.get(brokerPath(brokerId))).catch((error: unknown) => {
    if (isZkError(error, 'NO_NODE')) throw new Error(`broker ${brokerId} is not registered`)
    throw error
  })
  const decoded = decodeBrokerRegistration(data)
  if (decoded.kind === 'error') throw new Error(`broker ${brokerId}: ${decoded.message}`)
  const { endpoints, jmxPort } = decoded.value
  if (jmxPort <= 0) {
    throw new Error(`broker ${brokerId} has no HTTP endpoint (set samsa.http.listener)`)
  }
  return { host: endpoints[0]?.host || '127.0.0.1', port: jmxPort }
}

async function inTime<T>(clock: Clock, reading: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const cancel = clock.after(ZOOKEEPER_TIMEOUT_MS, () =>
    late.reject(new Error('ZooKeeper does not answer')),
  )
  try {
    return await Promise.race([reading, late.promise])
  } finally {
    cancel()
  }
}

/** Rejects with what the broker says when it refuses. */
export async function postFault(endpoint: FaultEndpoint, fault: OwnFault): Promise<void> {
  await ask(endpoint, 'POST', fault)
}

/** Ends what does not end at once. Resolves with the log directories that have failed. */
export async function endFaults(endpoint: FaultEndpoint): Promise<readonly string[]> {
  const text = await ask(endpoint, 'DELETE', null)
  const { offlineLogDirs } = JSON.parse(text) as { offlineLogDirs: string[] }
  return offlineLogDirs
}

async function ask(
  { host, port }: FaultEndpoint,
  method: string,
  fault: OwnFault | null,
): Promise<string> {
  const name = host.includes(':') ? `[${host}]` : host
  const url = `http://${name}:${port}/faults`
  const body =
    fault === null
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(fault) }
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
    const response = await fetch(url, { method, signal, ...body })
    const text = await response.text()
    if (response.ok) return text
    throw new Error(errorIn(text) ?? `status ${response.status}`)
  } catch (error) {
    const { message, cause } = error as Error
    throw new Error(`${url}: ${cause instanceof Error ? cause.message : message}`)
  }
}

function errorIn(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    return typeof error === 'string' ? error : null
  } catch {
    return null
  }
}

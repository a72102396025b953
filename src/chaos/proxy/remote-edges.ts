/**
 * The edges of a cluster whose proxies run elsewhere, in a `samsa proxy`: found by their names, driven
 * by its HTTP API. Commands of one edge go out in order; one that does not get through is sent again,
 * for a fault that was announced must happen, and above all end.
 */
import type { Clock, Logger } from '../../base/ports.ts'
import { SerialQueue } from '../../base/serial-queue.ts'
import type { ProxiedEdge } from '../cluster-target.ts'
import { type EdgePlace, edgeOf, oneEdge } from './edges.ts'

export interface RemoteEdgePorts {
  readonly clock: Clock
  readonly log: Logger
}

const TRIES = 40
const RETRY_PAUSE_MS = 500
const REQUEST_TIMEOUT_MS = 2_000

export interface RemoteEdges {
  readonly edges: readonly ProxiedEdge[]
  /** Resolves when what they were told so far has been done, or given up. */
  settled(): Promise<void>
}

/** `api`: `http://host:8474`. Rejects when it cannot be asked which proxies there are. */
export async function remoteEdges(ports: RemoteEdgePorts, api: string): Promise<RemoteEdges> {
  const response = await fetch(`${api}/proxies`, { signal: within() })
  if (!response.ok) throw new Error(`${api}/proxies answers with status ${response.status}`)
  const names = Object.keys((await response.json()) as object).sort()
  const byPlace = new Map<string, ProxiedEdge[]>()
  const queues: SerialQueue[] = []
  for (const name of names) {
    const place = placeOf(name)
    if (place === null) continue
    const key = `${place.kind} ${place.from} ${place.to}`
    const edges = byPlace.get(key) ?? []
    const queue = new SerialQueue()
    queues.push(queue)
    const proxy = `${api}/proxies/${encodeURIComponent(name)}`
    edges.push(remoteEdge({ ...ports, queue }, place, proxy))
    byPlace.set(key, edges)
  }
  return {
    edges: [...byPlace.values()].map(oneEdge),
    settled: async () => {
      await Promise.all(queues.map((queue) => queue.run(() => {})))
    },
  }
}

/** Null for a proxy that is none of ours. An ensemble's second server is `broker-1-to-zookeeper-2`. */
export function placeOf(name: string): EdgePlace | null {
  const match = /^(?:clients|broker-(\d+))-to-(?:zookeeper(?:-\d+)?|broker-(\d+))$/.exec(name)
  if (match === null) return null
  const [from, to] = [match[1], match[2]].map((id) => (id === undefined ? null : Number(id)))
  if (from === null && to === null) return null
  const kind = from === null ? 'client' : to === null ? 'zookeeper' : 'peer'
  return { kind, from: from!, to: to! }
}

function remoteEdge(
  { queue, ...ports }: RemoteEdgePorts & { readonly queue: SerialQueue },
  place: EdgePlace,
  proxy: string,
): ProxiedEdge {
  const toxics = `${proxy}/toxics`
  const send = (what: string, command: () => Promise<boolean>): void => {
    void queue.run(() => insist(ports, `${what} at ${proxy}`, command))
  }
  return edgeOf(place, {
    set: (name, type, stream, attributes) =>
      send(`adding ${name}`, async () => {
        const made = await call('POST', toxics, { name, type, stream, attributes })
        if (made !== 409) return made === 200
        return (await call('POST', `${toxics}/${name}`, { attributes })) === 200
      }),
    remove: (name) =>
      send(`removing ${name}`, async () => {
        const status = await call('DELETE', `${toxics}/${name}`)
        return status === 204 || status === 404
      }),
  })
}

/** Never rejects. */
async function insist(
  { clock, log }: RemoteEdgePorts,
  what: string,
  command: () => Promise<boolean>,
): Promise<void> {
  let cause: unknown = new Error('refused')
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      if (await command()) return
    } catch (error) {
      cause = error
    }
    await new Promise<void>((resolve) => clock.after(RETRY_PAUSE_MS, resolve))
  }
  log.error(`${what} failed`, cause)
}

async function call(method: string, url: string, body?: object): Promise<number> {
  const response = await fetch(url, {
    method,
    signal: within(),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  await response.arrayBuffer()
  return response.status
}

function within(): AbortSignal {
  return AbortSignal.timeout(REQUEST_TIMEOUT_MS)
}

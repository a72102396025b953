/**
 * Directed edges of a cluster on top of proxies: cut, slow, heal. All is done by toxics, so it shows
 * in the API. A cut is no reset and no end: what is under way gets lost, both peers find out by their
 * own timeouts, new connections hang. When it heals, connections that lost something are reset, the
 * others go on as if nothing had been.
 */
import type { EdgeKind, ProxiedEdge } from '../cluster-target.ts'
import type { TcpProxy } from './tcp-proxy.ts'
import type { Attributes, Direction, ToxicType } from './toxic.ts'

/** Who connects to whom; null: clients at `from`, ZooKeeper at `to`. */
export interface EdgePlace {
  readonly kind: EdgeKind
  readonly from: number | null
  readonly to: number | null
}

/** What an edge does to its proxy: where it is, in this process or behind HTTP, is all the same. */
export interface EdgeToxics {
  /** Adds the toxic or changes the one of this name. */
  set(name: string, type: ToxicType, stream: Direction, attributes: Attributes): void
  /** Nothing when there is none of this name. */
  remove(name: string): void
}

const STREAMS: readonly Direction[] = ['upstream', 'downstream']

export function edgeOf(place: EdgePlace, toxics: EdgeToxics): ProxiedEdge {
  return {
    ...place,
    proxy: edgeName(place),
    cut: () => {
      for (const stream of STREAMS) toxics.set(`edge_cut_${stream}`, 'cut', stream, {})
    },
    slow: (latency, jitter) => {
      for (const stream of STREAMS) {
        toxics.set(`edge_slow_${stream}`, 'latency', stream, { latency, jitter })
      }
    },
    heal: () => {
      // First the latency: what waits in it is delivered, or lost like the rest.
      for (const stream of STREAMS) toxics.remove(`edge_slow_${stream}`)
      for (const stream of STREAMS) toxics.remove(`edge_cut_${stream}`)
    },
  }
}

/** Several proxies that are one edge; named after the first. */
export function oneEdge(edges: readonly ProxiedEdge[]): ProxiedEdge {
  return {
    ...edges[0]!,
    cut: () => {
      for (const edge of edges) edge.cut()
    },
    slow: (latencyMs, jitterMs) => {
      for (const edge of edges) edge.slow(latencyMs, jitterMs)
    },
    heal: () => {
      for (const edge of edges) edge.heal()
    },
  }
}

/** `broker-1-to-broker-2`, `broker-1-to-zookeeper`, `clients-to-broker-1`. */
export function edgeName({ from, to }: EdgePlace): string {
  const source = from === null ? 'clients' : `broker-${from}`
  return `${source}-to-${to === null ? 'zookeeper' : `broker-${to}`}`
}

/** An edge whose proxy runs in this process. */
export function localEdge(place: EdgePlace, proxy: TcpProxy): ProxiedEdge {
  const has = (name: string): boolean => proxy.toxics.some((toxic) => toxic.name === name)
  return edgeOf(place, {
    set: (name, type, stream, attributes) => {
      if (has(name)) proxy.updateToxic(name, { attributes })
      else proxy.addToxic({ name, type, stream, attributes })
    },
    remove: (name) => {
      if (has(name)) proxy.removeToxic(name)
    },
  })
}

/**
 * Proxies for the edges of a cluster on one machine, one per directed edge, and the settings that make
 * the brokers use them. Always: each broker's way to ZooKeeper. On request: brokers to brokers, and
 * clients to brokers. For these a broker has two listeners: what clients are told is a proxy, what is
 * registered for brokers is the broker itself, so that a refusal there still proves that it is dead.
 */
import { formatConnectString, formatServer, parseConnectString } from '../../zk/connect-string.ts'
import type { ProxiedEdge } from '../cluster-target.ts'
import { type EdgePlace, edgeName, localEdge, oneEdge } from './edges.ts'
import type { ProxyServer } from './proxy-server.ts'

export interface EdgePlan {
  /** Of the proxies and the brokers. */
  readonly host: string
  /** `zookeeper.connect` without proxies. */
  readonly zookeeper: string
  readonly brokerIds: readonly number[]
  /** Without it only the way to ZooKeeper goes through proxies. */
  readonly brokers?: {
    /** Where clients find a broker: a proxy. */
    readonly portOf: (brokerId: number) => number
    /** Two ports that nobody else uses: where the broker listens for clients, and for brokers. */
    readonly innerPortsOf: (brokerId: number) => readonly [number, number]
  }
}

export interface ClusterEdges {
  readonly edges: readonly ProxiedEdge[]
  /** On top of the settings that the broker has without proxies. */
  settingsOf(brokerId: number): ReadonlyMap<string, string>
}

/** Rejects when a proxy cannot listen. The proxies end with the server. */
export async function startClusterEdges(
  server: ProxyServer,
  plan: EdgePlan,
): Promise<ClusterEdges> {
  const edges: ProxiedEdge[] = []
  const settings = new Map(plan.brokerIds.map((id) => [id, new Map<string, string>()]))
  for (const id of plan.brokerIds) {
    const { edge, connect } = await zooKeeperEdge(server, plan, id)
    edges.push(edge)
    settings.get(id)!.set('zookeeper.connect', connect)
  }
  if (plan.brokers !== undefined) {
    for (const to of plan.brokerIds) edges.push(await clientEdge(server, plan, to))
    for (const from of plan.brokerIds) {
      const { peers, text } = await peerEdges(server, plan, from)
      edges.push(...peers)
      for (const [key, value] of listenerSettings(plan, from)) settings.get(from)!.set(key, value)
      if (text !== '') settings.get(from)!.set('samsa.peer.addresses', text)
    }
  }
  return { edges, settingsOf: (id) => settings.get(id) ?? new Map() }
}

/** An ensemble has a proxy for each server; they are cut as one. */
async function zooKeeperEdge(server: ProxyServer, { host, zookeeper }: EdgePlan, from: number) {
  const place: EdgePlace = { kind: 'zookeeper', from, to: null }
  const { servers, chroot } = parseConnectString(zookeeper)
  const proxies = []
  for (const [index, upstream] of servers.entries()) {
    const name = index === 0 ? edgeName(place) : `${edgeName(place)}-${index + 1}`
    const listen = `${host}:0`
    proxies.push(await server.proxies.create({ name, listen, upstream: formatServer(upstream) }))
  }
  const proxied = proxies.map(({ listen }) => parseConnectString(listen).servers[0]!)
  return {
    edge: oneEdge(proxies.map((proxy) => localEdge(place, proxy))),
    connect: formatConnectString({ servers: proxied, chroot }),
  }
}

async function clientEdge(server: ProxyServer, plan: EdgePlan, to: number): Promise<ProxiedEdge> {
  const place: EdgePlace = { kind: 'client', from: null, to }
  const [inner] = plan.brokers!.innerPortsOf(to)
  const proxy = await server.proxies.create({
    name: edgeName(place),
    listen: `${plan.host}:${plan.brokers!.portOf(to)}`,
    upstream: `${plan.host}:${inner}`,
  })
  return localEdge(place, proxy)
}

async function peerEdges(
  server: ProxyServer,
  { host, brokerIds, brokers }: EdgePlan,
  from: number,
) {
  const peers: ProxiedEdge[] = []
  const addresses: string[] = []
  for (const to of brokerIds) {
    if (to === from) continue
    const place: EdgePlace = { kind: 'peer', from, to }
    const [, inner] = brokers!.innerPortsOf(to)
    const proxy = await server.proxies.create({
      name: edgeName(place),
      listen: `${host}:0`,
      upstream: `${host}:${inner}`,
    })
    peers.push(localEdge(place, proxy))
    addresses.push(`${to}=${proxy.listen}`)
  }
  return { peers, text: addresses.join(',') }
}

function listenerSettings({ host, brokers }: EdgePlan, id: number): [string, string][] {
  const [clientPort, peerPort] = brokers!.innerPortsOf(id)
  const inner = `INTERNAL://${host}:${peerPort}`
  return [
    ['listeners', `PLAINTEXT://${host}:${clientPort},${inner}`],
    ['advertised.listeners', `PLAINTEXT://${host}:${brokers!.portOf(id)},${inner}`],
    ['inter.broker.listener.name', 'INTERNAL'],
    ['listener.security.protocol.map', 'PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT'],
  ]
}

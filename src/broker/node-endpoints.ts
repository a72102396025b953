/** Addresses of brokers as a client on `listener` reaches them, for answers that name a leader. */
import { type ClusterImage, endpointOf } from '../cluster/image.ts'

export function nodeEndpoints(image: ClusterImage, brokerIds: Iterable<number>, listener: string) {
  const nodes: { nodeId: number; host: string; port: number; rack: string | null }[] = []
  for (const nodeId of brokerIds) {
    const broker = image.brokers.get(nodeId)
    const endpoint = broker && endpointOf(broker, listener)
    if (endpoint === undefined) continue
    nodes.push({ nodeId, host: endpoint.host, port: endpoint.port, rack: broker?.rack ?? null })
  }
  return nodes
}

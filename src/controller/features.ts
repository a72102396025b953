/**
 * `/feature`: the finalized features of the cluster. In ZooKeeper mode 3.9 supports none, so the
 * node says "enabled, none"; what is found there is kept, and brokers are held against it.
 */

import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import { decodeFeatures, encodeFeatures, type Features, featurePath } from '../zk/znodes.ts'
import type { Broker } from './controller-context.ts'

/** Creates or corrects the node (unfenced, as Kafka does) and returns the finalized levels. */
export async function prepareFeatures(zk: ZkOperations): Promise<Features['levels']> {
  for (;;) {
    try {
      const { data } = await zk.get(featurePath)
      const decoded = decodeFeatures(data)
      if (decoded.kind === 'error') throw new Error(`${featurePath}: ${decoded.message}`)
      const found = decoded.value
      const levels: Features['levels'] = found.enabled ? found.levels : new Map()
      if (found.enabled && found.version === 2) return levels
      await zk.set(featurePath, encodeFeatures({ version: 2, enabled: true, levels }), -1)
      return levels
    } catch (error) {
      if (!isZkError(error, 'NO_NODE')) throw error
    }
    const none = encodeFeatures({ version: 2, enabled: true, levels: new Map() })
    try {
      await zk.create(featurePath, none, 'persistent')
      return new Map()
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS')) throw error
    }
  }
}

export function supportsFeatures({ features }: Broker, levels: Features['levels']): boolean {
  return [...levels].every(([name, level]) => {
    const range = features.get(name)
    return range !== undefined && range.min <= level && level <= range.max
  })
}

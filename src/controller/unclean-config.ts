/**
 * Which topics allow a leader from outside the ISR: the topic's override over the broker's value.
 */

import type { Logger } from '../base/ports.ts'
import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import { configEntityPath, decodeConfig, topicEntity } from '../zk/znodes.ts'
import { pipelined } from './pipelined.ts'

const KEY = 'unclean.leader.election.enable'

/** A topic whose configuration cannot be read allows nothing. */
export async function findUncleanTopics(
  zk: ZkOperations,
  topics: readonly string[],
  brokerDefault: boolean,
  log: Logger,
): Promise<Set<string>> {
  const allowed = await pipelined(topics, async (topic) => {
    const path = configEntityPath(topicEntity(topic))
    try {
      const { data } = await zk.get(path)
      const decoded = decodeConfig(data)
      if (decoded.kind === 'ok') return isTrue(decoded.value.get(KEY), brokerDefault)
      log.error(`${path}: ${decoded.message}; no unclean election for ${topic}`)
      return false
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return brokerDefault
      throw error
    }
  })
  return new Set(topics.filter((_, at) => allowed[at]))
}

function isTrue(value: string | undefined, absent: boolean): boolean {
  return value === undefined ? absent : value.trim().toLowerCase() === 'true'
}

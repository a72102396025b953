/**
 * Blocks of producer ids, handed out one after another by compare-and-set on one znode (KIP-730).
 * A lost reply loses a block, never gives one out twice.
 */

import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import { decodeProducerIdBlock, encodeProducerIdBlock, producerIdBlockPath } from '../zk/znodes.ts'

const BLOCK_SIZE = 1000
/** Kafka's ids are 64 bits wide; beyond 2^53 ours would no longer be exact. */
const LAST_ID = Number.MAX_SAFE_INTEGER

export interface AllocatedBlock {
  readonly start: number
  readonly length: number
}

/** The next block, recorded as given to `brokerId`. */
export async function allocateProducerIdBlock(
  zk: ZkOperations,
  brokerId: number,
): Promise<AllocatedBlock> {
  for (;;) {
    const { data, stat } = await zk.get(producerIdBlockPath)
    const stored = decodeProducerIdBlock(data)
    if (stored.kind === 'error') throw new Error(`${producerIdBlockPath}: ${stored.message}`)
    const start = stored.value === null ? 0 : stored.value.end + 1
    const end = start + BLOCK_SIZE - 1
    if (end > LAST_ID) throw new Error(`producer ids are used up at ${start}`)
    try {
      const next = encodeProducerIdBlock({ brokerId, start, end })
      await zk.set(producerIdBlockPath, next, stat.version)
      return { start, length: BLOCK_SIZE }
    } catch (error) {
      if (!isZkError(error, 'BAD_VERSION')) throw error
    }
  }
}

/**
 * Every write of a controller carries a check on the version of `/controller_epoch`, taken when the
 * election was won. The check operation's own result decides: when it says BAD_VERSION another
 * controller reigns, whatever the other operations say (control-plane behaviour of Kafka 3.9,
 * `KafkaZkClient.retryRequestsUntilConnected` with its fence).
 */

import { assert } from '../base/assert.ts'
import {
  isZkError,
  ZkError,
  type ZkErrorName,
  type ZkMultiResult,
  type ZkOp,
  type ZkOperations,
  type ZkOpResult,
  type ZkStat,
} from '../zk/zk-client.ts'
import { controllerEpochPath } from '../zk/znodes.ts'
import { chunksOf, pipelined } from './pipelined.ts'

/** We are no longer the controller: the one who hears it resigns, and touches nothing any more. */
export class ControllerMovedError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ControllerMovedError'
  }
}

const ANY_VERSION = -1
const DELETES_PER_MULTI = 200

/**
 * What became of the operations behind the check. `errors` as in `ZkMultiResult`, check removed.
 */
export type FencedResult =
  | { readonly kind: 'ok'; readonly results: readonly ZkOpResult[] }
  | { readonly kind: 'failed'; readonly errors: readonly (ZkErrorName | null)[] }

export class EpochFence {
  readonly #zk: ZkOperations
  readonly #epochZkVersion: number

  constructor(zk: ZkOperations, epochZkVersion: number) {
    this.#zk = zk
    this.#epochZkVersion = epochZkVersion
  }

  async multi(ops: readonly ZkOp[]): Promise<FencedResult> {
    for (const op of ops) {
      if (op.kind === 'create') continue
      assert(op.version >= ANY_VERSION, `a fenced write of ${op.path} has version ${op.version}`)
    }
    const path = controllerEpochPath
    const check: ZkOp = { kind: 'check', path, version: this.#epochZkVersion }
    return this.#afterCheck(await this.#zk.multi([check, ...ops]))
  }

  #afterCheck(result: ZkMultiResult): FencedResult {
    if (result.kind === 'ok') return { kind: 'ok', results: result.results.slice(1) }
    const [checkError, ...errors] = result.errors
    if (checkError === 'BAD_VERSION') {
      throw new ControllerMovedError(
        `the version of ${controllerEpochPath} is no longer ${this.#epochZkVersion}`,
      )
    }
    if (checkError != null) throw new ZkError(checkError, controllerEpochPath)
    return { kind: 'failed', errors }
  }

  /** Any version. Throws the operation's error. */
  async set(path: string, data: Buffer): Promise<ZkStat> {
    const result = await this.multi([{ kind: 'set', path, data, version: ANY_VERSION }])
    if (result.kind === 'failed') throw new ZkError(firstError(result.errors), path)
    const [done] = result.results
    assert(done?.kind === 'set', 'a set answers with a stat')
    return done.stat
  }

  /** No error when the node is gone already. */
  async delete(path: string): Promise<void> {
    const result = await this.multi([{ kind: 'delete', path, version: ANY_VERSION }])
    if (result.kind === 'ok') return
    const error = firstError(result.errors)
    if (error !== 'NO_NODE') throw new ZkError(error, path)
  }

  async deleteAll(paths: readonly string[]): Promise<void> {
    await pipelined(chunksOf(paths, DELETES_PER_MULTI), async (chunk) => {
      const ops = chunk.map((path): ZkOp => ({ kind: 'delete', path, version: ANY_VERSION }))
      const result = await this.multi(ops)
      // One of them is gone already: then each for itself, in order (children before parents).
      if (result.kind === 'failed') for (const path of chunk) await this.delete(path)
    })
  }

  /** A node that appears meanwhile makes one more round necessary. No error when it is gone. */
  async deleteRecursive(path: string): Promise<void> {
    for (;;) {
      const tree = await this.#tree(path)
      try {
        for (const chunk of chunksOf(tree.reverse(), DELETES_PER_MULTI)) await this.deleteAll(chunk)
        return
      } catch (error) {
        if (!isZkError(error, 'NOT_EMPTY')) throw error
      }
    }
  }

  /** The node and all below it, parents before children. */
  async #tree(root: string): Promise<string[]> {
    const found = [root]
    for (let level = [root]; level.length > 0; ) {
      const below = await pipelined(level, (path) => this.#childPaths(path))
      level = below.flat()
      found.push(...level)
    }
    return found
  }

  async #childPaths(path: string): Promise<string[]> {
    try {
      const { children } = await this.#zk.children(path)
      return children.sort().map((name) => `${path}/${name}`)
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return []
      throw error
    }
  }
}

/** The reason why a multi failed: the first entry that is one. */
export function firstError(errors: readonly (ZkErrorName | null)[]): ZkErrorName {
  return errors.find((error) => error !== null) ?? 'SYSTEM_ERROR'
}

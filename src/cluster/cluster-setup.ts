/** What a broker finds or makes in ZooKeeper before it registers: paths, cluster id, broker id. */
import type { Random } from '../base/ports.ts'
import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import {
  brokerSequencePath,
  clusterIdOf,
  clusterIdPath,
  decodeClusterId,
  encodeClusterId,
  parentPath,
  persistentPaths,
} from '../zk/znodes.ts'

/** A session on the whole tree or below a chroot. */
export interface SetupSession extends ZkOperations {
  start(timeoutMs: number): Promise<void>
  close(): Promise<void>
}

/**
 * Makes the chroot of `host:port,host:port/chroot`, in a session of its own that sees the whole tree.
 * Nothing to do without one.
 */
export async function createChroot(
  connect: string,
  timeoutMs: number,
  session: (connect: string) => SetupSession,
): Promise<void> {
  const at = connect.indexOf('/')
  if (at < 0 || at === connect.length - 1) return
  const whole = session(connect.slice(0, at))
  try {
    await whole.start(timeoutMs)
    await createPath(whole, connect.slice(at))
  } finally {
    await whole.close()
  }
}

/** Makes what is missing; parents too. */
export async function createPersistentPaths(zk: ZkOperations): Promise<void> {
  await Promise.all(persistentPaths.map((path) => createPath(zk, path)))
}

/** The id of the cluster; the first broker ever makes it. Rejects when the znode is garbage. */
export async function readOrCreateClusterId(zk: ZkOperations, random: Random): Promise<string> {
  for (;;) {
    try {
      const decoded = decodeClusterId((await zk.get(clusterIdPath)).data)
      if (decoded.kind === 'ok') return decoded.value
      throw new Error(`${clusterIdPath} holds no cluster id: ${decoded.message}`)
    } catch (error) {
      if (!isZkError(error, 'NO_NODE')) throw error
    }
    // Whoever is faster wins; everybody reads.
    await createPath(zk, clusterIdPath, encodeClusterId(clusterIdOf(random.bytes(16))))
  }
}

/** `broker.id.generation.enable`: one more than any before, above `reserved.broker.max.id`. */
export async function generateBrokerId(zk: ZkOperations, reservedMaxId: number): Promise<number> {
  for (;;) {
    try {
      const { version } = await zk.set(brokerSequencePath, Buffer.alloc(0), -1)
      return reservedMaxId + version
    } catch (error) {
      if (!isZkError(error, 'NO_NODE')) throw error
    }
    await createPath(zk, brokerSequencePath)
  }
}

/** With its parents; no error when it is there. */
export async function createPath(
  zk: ZkOperations,
  path: string,
  data: Buffer | null = null,
): Promise<void> {
  try {
    await zk.create(path, data, 'persistent')
  } catch (error) {
    if (isZkError(error, 'NODE_EXISTS')) return
    // Not even the root is there: a chroot that nobody made.
    if (!isZkError(error, 'NO_NODE') || parentPath(path) === '/') throw error
    await createPath(zk, parentPath(path), null)
    await createPath(zk, path, data)
  }
}

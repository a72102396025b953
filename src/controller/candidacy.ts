/**
 * How a broker becomes the controller: whoever first creates `/controller` and raises
 * `/controller_epoch`, both in one multi. The version of `/controller_epoch` after that write
 * fences everything the new controller writes.
 */

import { isZkError, type ZkOperations, type ZkWatcher } from '../zk/zk-client.ts'
import {
  controllerEpochPath,
  controllerPath,
  decodeController,
  decodeControllerEpoch,
  encodeController,
  encodeControllerEpoch,
} from '../zk/znodes.ts'
import { ControllerMovedError } from './epoch-fence.ts'

export const NO_CONTROLLER = -1

export interface Mandate {
  readonly epoch: number
  /** Version of `/controller_epoch` that every write of this reign checks. */
  readonly epochZkVersion: number
}

/** Broker id in `/controller`, -1 when there is none. */
export async function readActiveController(zk: ZkOperations): Promise<number> {
  try {
    const { data } = await zk.get(controllerPath)
    const decoded = decodeController(data)
    if (decoded.kind === 'error') throw new Error(`${controllerPath}: ${decoded.message}`)
    return decoded.value.brokerId
  } catch (error) {
    if (isZkError(error, 'NO_NODE')) return NO_CONTROLLER
    throw error
  }
}

/** Like `readActiveController`, and hears of the next creation, deletion or change. */
export async function watchActiveController(
  zk: ZkOperations,
  watcher: ZkWatcher | undefined,
): Promise<number> {
  const stat = await zk.exists(controllerPath, watcher)
  return stat === null ? NO_CONTROLLER : readActiveController(zk)
}

/** Stands for election. Throws `ControllerMovedError` when another broker was faster. */
export async function winElection(
  zk: ZkOperations,
  brokerId: number,
  wallMs: number,
): Promise<Mandate> {
  const current = await readOrCreateEpoch(zk)
  const epoch = current.epoch + 1
  const result = await zk.multi([
    {
      kind: 'create',
      path: controllerPath,
      data: encodeController(brokerId, wallMs),
      mode: 'ephemeral',
    },
    {
      kind: 'set',
      path: controllerEpochPath,
      data: encodeControllerEpoch(epoch),
      version: current.version,
    },
  ])
  if (result.kind === 'ok') {
    const [, done] = result.results
    const version = done?.kind === 'set' ? done.stat.version : current.version + 1
    return { epoch, epochZkVersion: version }
  }
  return recogniseOwnWrite(zk, brokerId, epoch)
}

/** The reply of our own multi may have been lost: then the node is ours and the epoch is right. */
async function recogniseOwnWrite(
  zk: ZkOperations,
  brokerId: number,
  epoch: number,
): Promise<Mandate> {
  const winner = await readActiveController(zk)
  if (winner === brokerId) {
    const stored = await readEpoch(zk)
    if (stored?.epoch === epoch) return { epoch, epochZkVersion: stored.version }
  }
  throw new ControllerMovedError(
    winner === NO_CONTROLLER
      ? 'the controller elected meanwhile has resigned already; another election follows'
      : `broker ${winner} was elected controller`,
  )
}

interface StoredEpoch {
  readonly epoch: number
  readonly version: number
}

async function readOrCreateEpoch(zk: ZkOperations): Promise<StoredEpoch> {
  for (;;) {
    const stored = await readEpoch(zk)
    if (stored !== null) return stored
    try {
      await zk.create(controllerEpochPath, encodeControllerEpoch(0), 'persistent')
      return { epoch: 0, version: 0 }
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS')) throw error
    }
  }
}

async function readEpoch(zk: ZkOperations): Promise<StoredEpoch | null> {
  try {
    const { data, stat } = await zk.get(controllerEpochPath)
    const decoded = decodeControllerEpoch(data)
    if (decoded.kind === 'error') throw new Error(`${controllerEpochPath}: ${decoded.message}`)
    return { epoch: decoded.value, version: stat.version }
  } catch (error) {
    if (isZkError(error, 'NO_NODE')) return null
    throw error
  }
}

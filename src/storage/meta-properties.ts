/**
 * `meta.properties` of a log directory: which broker of which cluster it belongs to. A directory of
 * another one is refused, so that no data ends up in the wrong cluster.
 */
import { type Disk, DiskError } from '../base/ports.ts'
import { parseProperties } from '../base/properties.ts'
import { writeFileAtomically } from './checkpoints.ts'

export interface Identity {
  readonly clusterId: string
  /** -1: whatever is stored. */
  readonly brokerId: number
}

/** The log directories belong to another broker or cluster. */
export class IdentityError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'IdentityError'
  }
}

/** Gets the directories whose disk fails; the others are looked at all the same. */
export type FailedDirs = Map<string, DiskError>

/** The stored broker id; null when no directory has one. Throws `IdentityError`. */
export function checkMetaProperties(
  disk: Disk,
  directories: readonly string[],
  expected: Identity,
  failed: FailedDirs,
): number | null {
  let stored: number | null = null
  inEach(directories, failed, (directory) => {
    const path = pathIn(directory)
    if (!disk.exists(path)) return
    const properties = parseProperties(disk.readFile(path).toString())
    const version = properties.get('version')
    if (version !== '0') {
      throw new IdentityError(`${path}: version ${version} is not that of a ZooKeeper-mode broker`)
    }
    const clusterId = properties.get('cluster.id')
    if (clusterId !== undefined && clusterId !== expected.clusterId) {
      throw new IdentityError(
        `The Cluster ID ${expected.clusterId} doesn't match stored clusterId ${clusterId} in ` +
          `${path}. The broker is trying to join the wrong cluster. Configured ` +
          'zookeeper.connect may be wrong, or ZooKeeper lost its data.',
      )
    }
    const brokerId = Number(properties.get('broker.id'))
    if (!Number.isInteger(brokerId)) throw new IdentityError(`${path}: broker.id is missing`)
    const wanted: number = expected.brokerId >= 0 ? expected.brokerId : (stored ?? brokerId)
    if (brokerId !== wanted) {
      throw new IdentityError(
        `Configured broker.id ${wanted} doesn't match stored broker.id ${brokerId} in ${path}. ` +
          'If you moved your data, make sure your configured broker.id matches. If you intend to ' +
          `create a new broker, you should remove all data in your data directories.`,
      )
    }
    stored = brokerId
  })
  return stored
}

/** Where it is missing. */
export function writeMetaProperties(
  disk: Disk,
  directories: readonly string[],
  { clusterId, brokerId }: Identity,
  failed: FailedDirs,
): void {
  inEach(directories, failed, (directory) => {
    disk.makeDirectory(directory)
    if (disk.exists(pathIn(directory))) return
    const text = `#\nbroker.id=${brokerId}\ncluster.id=${clusterId}\nversion=0\n`
    writeFileAtomically(disk, pathIn(directory), text)
  })
}

function inEach(
  directories: readonly string[],
  failed: FailedDirs,
  action: (directory: string) => void,
): void {
  for (const directory of directories) {
    try {
      action(directory)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      failed.set(directory, error)
    }
  }
}

function pathIn(directory: string): string {
  return `${directory}/meta.properties`
}

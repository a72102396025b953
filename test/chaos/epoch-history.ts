/**
 * What an outside observer saw of the znodes that carry epochs, and what must hold of it. Pure. A watch
 * tells once, so that versions in between may be missed: that is noted, and no mistake.
 */
import {
  controllerEpochPath,
  controllerPath,
  decodeController,
  decodeControllerEpoch,
  decodePartitionState,
} from '../../src/zk/znodes.ts'

/** A znode as it was read. */
export interface Sighting {
  readonly atMs: number
  readonly path: string
  /** Null: it was gone; the numbers are 0 then. */
  readonly data: string | null
  readonly version: number
  readonly czxid: bigint
  readonly mzxid: bigint
}

export interface HistoryVerdict {
  readonly violations: readonly string[]
  readonly notes: readonly string[]
  /** The highest that was seen. */
  readonly controllerEpoch: number
}

export function checkHistory(sightings: readonly Sighting[]): HistoryVerdict {
  const violations: string[] = []
  const notes: string[] = []
  const byPath = new Map<string, Sighting[]>()
  for (const sighting of sightings) {
    if (sighting.data === null) continue
    const list = byPath.get(sighting.path)
    if (list === undefined) byPath.set(sighting.path, [sighting])
    else list.push(sighting)
  }
  for (const [path, list] of byPath) {
    const changes = distinct(list)
    checkVersions(path, changes, violations, notes)
    if (path.endsWith('/state')) checkStates(path, changes, violations)
  }
  const epochs = distinct(byPath.get(controllerEpochPath) ?? [])
  const controllers = distinct(byPath.get(controllerPath) ?? [])
  const controllerEpoch = checkEpochs(epochs, violations)
  checkControllers(controllers, epochs, violations, notes)
  return { violations, notes, controllerEpoch }
}

/** The same state read twice, as after a reconnect, is one sighting. */
function distinct(list: readonly Sighting[]): Sighting[] {
  return list.filter(({ mzxid }, at) => at === 0 || mzxid !== list[at - 1]!.mzxid)
}

function checkVersions(
  path: string,
  changes: readonly Sighting[],
  violations: string[],
  notes: string[],
): void {
  for (const [before, after] of pairs(changes)) {
    if (after.mzxid <= before.mzxid) {
      violations.push(`${path}: mzxid went from ${before.mzxid} back to ${after.mzxid}`)
    }
    if (after.czxid !== before.czxid) continue // Deleted and created again.
    const step = after.version - before.version
    if (step < 1) violations.push(`${path}: version ${before.version}, then ${after.version}`)
    if (step > 1) notes.push(`${path}: ${step - 1} versions before ${after.version} were not seen`)
  }
}

function checkStates(path: string, changes: readonly Sighting[], violations: string[]): void {
  const states = changes.flatMap(({ data }) => {
    const decoded = decodePartitionState(Buffer.from(data!))
    if (decoded.kind === 'ok') return [decoded.value]
    violations.push(`${path}: ${decoded.message}`)
    return []
  })
  for (const { leader, isr, leaderEpoch } of states) {
    if (leader !== -1 && !isr.includes(leader)) {
      violations.push(`${path}: leader ${leader} of epoch ${leaderEpoch} is not in isr ${isr}`)
    }
  }
  for (const [before, after] of pairs(states)) {
    const change = `${path}: leader ${before.leader} of epoch ${before.leaderEpoch}`
    if (after.leaderEpoch < before.leaderEpoch) {
      violations.push(`${change}, then back to epoch ${after.leaderEpoch}`)
    }
    if (after.leader !== before.leader && after.leaderEpoch === before.leaderEpoch) {
      violations.push(`${change}, then leader ${after.leader} of the same epoch`)
    }
    if (after.controllerEpoch < before.controllerEpoch) {
      violations.push(
        `${path}: written by controller epoch ${before.controllerEpoch}, then ${after.controllerEpoch}`,
      )
    }
  }
}

function checkEpochs(epochs: readonly Sighting[], violations: string[]): number {
  const values = epochs.map((sighting) => epochIn(sighting, violations))
  for (const [before, after] of pairs(values)) {
    if (after <= before) violations.push(`controller epoch ${before}, then ${after}`)
  }
  return Math.max(0, ...values)
}

/** A controller writes both znodes in one transaction: they have one zxid. */
function checkControllers(
  controllers: readonly Sighting[],
  epochs: readonly Sighting[],
  violations: string[],
  notes: string[],
): void {
  let highest = -1
  for (const { czxid, data } of controllers) {
    const decoded = decodeController(Buffer.from(data!))
    if (decoded.kind === 'error') {
      violations.push(`${controllerPath}: ${decoded.message}`)
      continue
    }
    const { brokerId } = decoded.value
    const own = epochs.find(({ mzxid }) => mzxid === czxid)
    if (own === undefined) {
      // Seen by the next epoch at the latest; the first may be older than the observer.
      notes.push(`the epoch of controller ${brokerId} (zxid ${czxid}) was not seen`)
      continue
    }
    const epoch = epochIn(own, [])
    if (epoch <= highest) {
      violations.push(`controller ${brokerId} came with epoch ${epoch}, one before had ${highest}`)
    }
    highest = Math.max(highest, epoch)
  }
}

function epochIn({ data }: Sighting, violations: string[]): number {
  const decoded = decodeControllerEpoch(Buffer.from(data!))
  if (decoded.kind === 'ok') return decoded.value
  violations.push(`${controllerEpochPath}: ${decoded.message}`)
  return -1
}

function pairs<T>(list: readonly T[]): [T, T][] {
  return list.slice(1).map((after, at) => [list[at]!, after])
}

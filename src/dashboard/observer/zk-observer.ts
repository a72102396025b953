/**
 * Tells everything that happens to the znodes of a cluster, through a ZooKeeper session of its own:
 * first the tree as it is (`found`), then every change. An outage is told as a link that is down; a
 * session that expired is followed by a new one and by what changed in between. So is one that could
 * not be taken up again for long: a ZooKeeper that lost its data refuses those who have seen more
 * than it has.
 */
import type { Clock, Logger } from '../../base/ports.ts'
import type { ZkClient, ZkClientState } from '../../zk/zk-client.ts'
import { ZkSession } from '../../zk/zk-session.ts'
import type { UnnumberedEvent, ZnodeEvent } from '../history/events.ts'
import type { TreeChange } from './change-order.ts'
import { TreeFollower } from './tree-follower.ts'
import { WallTime } from './wall-time.ts'
import { ZnodeWriters } from './znode-writer.ts'

export interface ZkObserverPorts {
  readonly clock: Clock
  /** Makes a client that starts to connect at once. */
  readonly connect: () => ZkClient
  readonly logger: Logger
  /** When ZooKeeper has not answered by then, the link is told to be down. Default 2 s. */
  readonly firstAnswerMs?: number
  /** After being away for so long a new session is begun. Default 30 s. */
  readonly abandonMs?: number
}

/** Reads under way at a time. */
const MAX_IN_FLIGHT = 200
/** Waits for a ZooKeeper that is not there yet. */
const FOREVER_MS = 0x7fff_ffff
const FIRST_ANSWER_MS = 2_000
const ABANDON_MS = 30_000

export class ZkObserver {
  readonly #ports: ZkObserverPorts
  readonly #emit: (event: UnnumberedEvent) => void
  readonly #time: WallTime
  #session: ZkSession | null = null
  readonly #tree: TreeFollower
  readonly #writers = new ZnodeWriters()
  readonly #firstTree = Promise.withResolvers<void>()
  #cancelAbandon: () => void = () => {}
  #isUp: boolean | null = null
  #isStopped = false

  constructor(ports: ZkObserverPorts, emit: (event: UnnumberedEvent) => void) {
    this.#ports = ports
    this.#emit = emit
    const { clock } = ports
    this.#time = new WallTime(clock)
    this.#tree = new TreeFollower(clock, this.#time, (change) => this.#tell(change))
  }

  get znodeCount(): number {
    return this.#tree.znodeCount
  }

  /** Null before ZooKeeper answered, or failed to in time. */
  get isZooKeeperUp(): boolean | null {
    return this.#isUp
  }

  /**
   * Resolves when the tree has been told, however long that takes; also when stopped before.
   * Rejects only when no client can be made.
   */
  async start(): Promise<void> {
    const { clock, firstAnswerMs = FIRST_ANSWER_MS } = this.#ports
    const cancel = clock.after(firstAnswerMs, () => {
      if (this.#isUp === null) this.#become(false)
    })
    this.#begin()
    await this.#firstTree.promise.finally(cancel)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#firstTree.resolve()
    this.#cancelAbandon()
    this.#tree.stop()
    await this.#session?.close()
  }

  #begin(): void {
    const { clock, connect, logger } = this.#ports
    const session: ZkSession = new ZkSession(
      { connect, clock, logger },
      {
        maxInFlight: MAX_IN_FLIGHT,
        onState: (state) => {
          if (session === this.#session) this.#onState(state)
        },
      },
    )
    this.#session = session
    session.onNewSession(() => this.#load(session))
    session.start(FOREVER_MS).then(
      () => this.#load(session),
      (error: Error) => {
        if (session === this.#session) this.#firstTree.reject(error)
      },
    )
  }

  async #load(session: ZkSession): Promise<void> {
    if (session !== this.#session || this.#isStopped) return
    if (await this.#tree.load(session)) this.#firstTree.resolve()
  }

  #abandon(): void {
    const old = this.#session
    this.#begin()
    void old?.close()
    this.#abandonLater()
  }

  #abandonLater(): void {
    const { clock, abandonMs = ABANDON_MS } = this.#ports
    this.#cancelAbandon = clock.after(abandonMs, () => this.#abandon())
  }

  #onState(state: ZkClientState): void {
    if (state === 'connected') this.#become(true)
    else if (state !== 'connecting' && this.#isUp === true) this.#become(false)
  }

  #become(isUp: boolean): void {
    if (this.#isUp === isUp || this.#isStopped) return
    this.#isUp = isUp
    this.#cancelAbandon()
    if (!isUp) this.#abandonLater()
    this.#emit({ kind: 'link', atMs: this.#time.now(), to: { kind: 'zookeeper' }, isUp })
  }

  #tell({ kind, path, before, after, atMs }: TreeChange): void {
    const { stat } = (after ?? before)!
    const event: Omit<ZnodeEvent, 'seq' | 'writer'> = {
      kind: 'znode',
      atMs,
      path,
      change: kind,
      data: after?.text ?? null,
      before: before?.text ?? null,
      version: stat.version,
      czxid: String(stat.czxid),
      mzxid: String(stat.mzxid),
      ephemeralOwner: `0x${BigInt.asUintN(64, stat.ephemeralOwner).toString(16)}`,
    }
    this.#emit({ ...event, writer: this.#writers.writerOf(event) })
  }
}

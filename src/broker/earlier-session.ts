/**
 * A broker that was killed leaves its ZooKeeper session behind, and with it its registration, and
 * perhaps `/controller`, until the session times out. What proves that the session is ours is kept in a
 * log directory, so that the next life, which holds the lock of that directory, can end it at once.
 * Kafka does not start then.
 */
import type { Disk, Logger } from '../base/ports.ts'
import { writeFileRenamed } from '../storage/checkpoints.ts'

export interface SessionProof {
  readonly id: bigint
  readonly password: Buffer
}

/** The ZooKeeper sessions of this process. */
export interface ZooKeeperSessions {
  /** Null before the first. */
  current(): SessionProof | null
  /** Ends any session. Rejects when no server could be told. */
  end(proof: SessionProof): Promise<void>
}

export interface EarlierSessionPorts {
  readonly disk: Disk
  readonly sessions: ZooKeeperSessions
  readonly logger: Logger
}

const FILE = '.zookeeper-session'

export class EarlierSession {
  readonly #ports: EarlierSessionPorts
  readonly #path: string
  readonly #earlier: SessionProof | null

  /** `logDir` is locked by this process. */
  constructor(ports: EarlierSessionPorts, logDir: string) {
    this.#ports = ports
    this.#path = `${logDir}/${FILE}`
    this.#earlier = this.#read()
  }

  /** Puts down the session of now, for the next life. */
  remember(): void {
    const { disk, sessions, logger } = this.#ports
    const proof = sessions.current()
    if (proof === null) return
    const text = `${proof.id.toString(16)} ${proof.password.toString('hex')}\n`
    try {
      writeFileRenamed(disk, this.#path, text, false)
    } catch (error) {
      logger.warn('The ZooKeeper session could not be put down for the next start', error)
    }
  }

  /** True when `owner` was our earlier session and has ended. */
  async end(owner: bigint): Promise<boolean> {
    const { sessions, logger } = this.#ports
    if (this.#earlier?.id !== owner) return false
    try {
      await sessions.end(this.#earlier)
      logger.info(`Ended session 0x${owner.toString(16)} of an earlier life of this broker`)
      return true
    } catch (error) {
      logger.warn(`Session 0x${owner.toString(16)} of an earlier life could not be ended`, error)
      return false
    }
  }

  /** Null also for what is no such file, or cannot be read: the session then times out. */
  #read(): SessionProof | null {
    const { disk, logger } = this.#ports
    let text = ''
    try {
      if (disk.exists(this.#path)) text = disk.readFile(this.#path).toString('latin1')
    } catch (error) {
      logger.warn('The ZooKeeper session of an earlier life cannot be read', error)
    }
    const [, id, password] = /^([\da-f]{1,16}) ([\da-f]{2,64})\n$/.exec(text) ?? []
    if (id === undefined || password === undefined) return null
    return { id: BigInt(`0x${id}`), password: Buffer.from(password, 'hex') }
  }
}

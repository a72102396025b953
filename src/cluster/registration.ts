/**
 * The life of `/brokers/ids/N`. The znode is made and filled in one multi, so its czxid, the broker
 * epoch (KIP-380), is known from the very answer. A node that is there already is ours when our
 * session owns it (the reply was lost), a leftover of an earlier session of this process (removed,
 * KAFKA-7165), or another's: the session of a process that died just now, which is waited for, or a
 * living broker with the same id. Kafka gives up at once in both of the last cases.
 *
 * The own znode stays watched: when it vanishes while the session lives, or the foreign one that
 * kept us out does, `onMissing` asks for a new registration.
 */
import type { Clock, Logger } from '../base/ports.ts'
import { isZkError, ZkError, type ZkOperations, type ZkStat } from '../zk/zk-client.ts'
import {
  type BrokerRegistration,
  brokerIdsPath,
  brokerPath,
  decodeBrokerRegistration,
  encodeBrokerRegistration,
  formatEndpoint,
  type RegisteredEndpoint,
} from '../zk/znodes.ts'

/** The session to which registrations belong. */
export interface RegistrationSession extends ZkOperations {
  readonly sessionId: bigint
  readonly sessionTimeoutMs: number
}

export interface RegistrationPorts {
  readonly zk: RegistrationSession
  readonly clock: Clock
  readonly logger: Logger
  /** Ends the session `owner` if it is that of an earlier life of this broker; true when it did. */
  readonly endEarlierSession?: (owner: bigint) => Promise<boolean>
}

/** This broker cannot be part of the cluster as it is configured. */
export class RegistrationError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RegistrationError'
  }
}

export interface OwnRegistration extends Pick<BrokerRegistration, 'endpoints' | 'rack'> {
  /** Where the broker tells observers about itself; absent: nowhere. */
  readonly jmxPort?: number
}

/** Beyond the session timeout, for the server to notice and tell. */
const GRACE_MS = 2_000
/** As Kafka without JMX. */
const NO_PORT = -1

export class Registration {
  readonly #ports: RegistrationPorts
  readonly #brokerId: number
  #own: OwnRegistration
  #brokerEpoch = -1
  /** Sessions in which this process registered before. */
  readonly #ownSessions = new Set<bigint>()
  /** 0n while there is no registration of ours. */
  #registeredIn = 0n
  /** Of the watch that is in force; events of earlier ones are void. */
  #watchToken: object | null = null
  #onMissing: () => void = () => {}

  constructor(ports: RegistrationPorts, brokerId: number, own: OwnRegistration) {
    this.#ports = ports
    this.#brokerId = brokerId
    this.#own = own
  }

  /** czxid of the registration; -1 before the first. */
  get brokerEpoch(): number {
    return this.#brokerEpoch
  }

  /** False from the end of the session, or of the znode, until the next registration. */
  get isRegistered(): boolean {
    return this.#registeredIn !== 0n && this.#registeredIn === this.#ports.zk.sessionId
  }

  /** Told when there is no registration of ours although our session lives: register again. */
  onMissing(listener: () => void): void {
    this.#onMissing = listener
  }

  /** Rejects with `RegistrationError` when another broker has one of our addresses. */
  async checkEndpoints(): Promise<void> {
    const { zk } = this.#ports
    const own = new Set(this.#own.endpoints.map(address))
    const { children } = await zk.children(brokerIdsPath)
    const others = children.filter((id) => id !== String(this.#brokerId))
    await Promise.all(
      others.map(async (id) => {
        const clash = (await this.#endpointsOf(id)).find((endpoint) => own.has(address(endpoint)))
        if (clash === undefined) return
        throw new RegistrationError(
          `Configured end points ${formatEndpoint(clash)} in advertised listeners are already ` +
            `registered by broker ${id}`,
        )
      }),
    )
  }

  /**
   * Registers in the current session; resolves with the broker epoch. Waits for a znode that
   * another session owns until that session must have ended, then rejects with `RegistrationError`.
   */
  async register(): Promise<number> {
    const { clock, logger, zk } = this.#ports
    const path = brokerPath(this.#brokerId)
    const deadlineMs = clock.monotonicMs() + zk.sessionTimeoutMs + GRACE_MS
    for (let told = false; ; told = true) {
      const { epoch, owner } = await this.#tryRegister(path)
      if (epoch !== null) {
        this.#brokerEpoch = epoch
        this.#registeredIn = zk.sessionId
        this.#logSuccess(epoch)
        this.#watch(path)
        return epoch
      }
      if (!told && (await this.#ports.endEarlierSession?.(owner)) === true) continue
      const leftMs = deadlineMs - clock.monotonicMs()
      if (leftMs <= 0) {
        this.#watch(path)
        throw new RegistrationError(
          `Broker id ${this.#brokerId} is already registered by another broker that is alive: ` +
            'give this one another broker.id, or stop the other',
        )
      }
      if (!told) logger.info(`Waiting for the earlier session of broker ${this.#brokerId} to end`)
      await this.#untilChanged(path, leftMs)
    }
  }

  /** No `onMissing` any more: the end of the registration is now wanted. */
  stop(): void {
    this.#watchToken = null
    this.#onMissing = () => {}
  }

  /** New endpoints at run time: the znode changes, the broker epoch does not. */
  async update(own: OwnRegistration): Promise<void> {
    this.#own = { ...this.#own, ...own }
    await this.#ports.zk.set(brokerPath(this.#brokerId), this.#encoded(), -1)
  }

  /** `epoch` is null while another session, `owner`, owns the znode. */
  async #tryRegister(path: string): Promise<{ epoch: number | null; owner: bigint }> {
    const { zk } = this.#ports
    for (;;) {
      const session = zk.sessionId
      const result = await zk.multi([
        { kind: 'create', path, data: null, mode: 'ephemeral' },
        { kind: 'set', path, data: this.#encoded(), version: 0 },
      ])
      if (result.kind === 'ok') {
        const [, set] = result.results
        if (set?.kind !== 'set') throw new ZkError('SYSTEM_ERROR', path)
        this.#ownSessions.add(session)
        return { epoch: Number(set.stat.czxid), owner: session }
      }
      const [createError] = result.errors
      if (createError !== 'NODE_EXISTS') throw new ZkError(createError ?? 'SYSTEM_ERROR', path)
      const stat = await zk.exists(path)
      if (stat === null) continue
      if (stat.ephemeralOwner === session) {
        this.#ownSessions.add(session)
        return { epoch: Number(stat.czxid), owner: session }
      }
      const owner = stat.ephemeralOwner
      if (!this.#ownSessions.has(owner)) return { epoch: null, owner }
      await this.#deleteLeftover(path)
    }
  }

  async #deleteLeftover(path: string): Promise<void> {
    try {
      await this.#ports.zk.delete(path, -1)
    } catch (error) {
      if (!isZkError(error, 'NO_NODE')) throw error
    }
  }

  #untilChanged(path: string, timeoutMs: number): Promise<void> {
    const { clock, zk } = this.#ports
    return new Promise((resolve, reject) => {
      const cancel = clock.after(timeoutMs, resolve)
      const done = () => {
        cancel()
        resolve()
      }
      zk.exists(path, done).then(
        (stat) => {
          if (stat === null) done()
        },
        (error) => {
          cancel()
          reject(error)
        },
      )
    })
  }

  /** Looks at the znode at every change of it for as long as the session is the same. */
  #watch(path: string): void {
    const { zk } = this.#ports
    const session = zk.sessionId
    const token = {}
    const isVoid = () => this.#watchToken !== token || zk.sessionId !== session
    const look = async (): Promise<void> => {
      if (isVoid()) return
      try {
        const stat = await zk.exists(path, () => void look())
        if (isVoid() || !this.#isMissing(stat, session)) return
        this.#watchToken = null
        this.#registeredIn = 0n
        this.#onMissing()
      } catch (error) {
        // The session ended: whoever registers in the next one watches again.
        if (!isZkError(error)) throw error
      }
    }
    this.#watchToken = token
    void look()
  }

  /** A foreign znode is waited for. Our own of another czxid is one whose epoch we do not know. */
  #isMissing(stat: ZkStat | null, session: bigint): boolean {
    if (stat === null) return true
    return stat.ephemeralOwner === session && Number(stat.czxid) !== this.#brokerEpoch
  }

  async #endpointsOf(id: string): Promise<readonly RegisteredEndpoint[]> {
    try {
      const { data } = await this.#ports.zk.get(`${brokerIdsPath}/${id}`)
      const decoded = decodeBrokerRegistration(data)
      return decoded.kind === 'ok' ? decoded.value.endpoints : []
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return []
      throw error
    }
  }

  #encoded(): Buffer {
    return encodeBrokerRegistration({
      endpoints: this.#own.endpoints,
      rack: this.#own.rack,
      jmxPort: this.#own.jmxPort ?? NO_PORT,
      timestampMs: this.#ports.clock.wallMs(),
      features: new Map(),
    })
  }

  #logSuccess(epoch: number): void {
    const addresses = this.#own.endpoints.map(formatEndpoint).join(',')
    this.#ports.logger.info(
      `Registered broker ${this.#brokerId} at path ${brokerPath(this.#brokerId)} with addresses: ` +
        `${addresses}, czxid (broker epoch): ${epoch}`,
    )
  }
}

function address({ host, port }: RegisteredEndpoint): string {
  return `${host}:${port}`
}

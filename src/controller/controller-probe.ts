/**
 * Keeps a connection to the broker that is controller. When it breaks and that broker's host
 * refuses the next one, the controller is proven dead, long before its ZooKeeper session ends. Any
 * broker may then remove its `/controller` and its registration, in one multi that checks that no
 * election took place meanwhile. A wrong suspicion is harmless: the suspect registers anew and
 * stands for election like everybody, and the epochs fence what it did before. (Ours; Kafka waits
 * for the session.)
 */

import type { Clock, Logger } from '../base/ports.ts'
import { isZkError, type ZkOp, type ZkOperations, type ZkStat } from '../zk/zk-client.ts'
import {
  brokerPath,
  controllerEpochPath,
  controllerPath,
  decodeBrokerRegistration,
  decodeController,
} from '../zk/znodes.ts'
import { type ChannelFactory, type ControlChannel, isRefusal } from './broker-channels.ts'

const RETRY_PAUSE_MS = 100

export interface ControllerProbePorts {
  readonly brokerId: number
  readonly zk: ZkOperations
  readonly clock: Clock
  readonly connect: ChannelFactory
  /** Listener at which the controller is tried. */
  readonly listener: () => string
  readonly log: Logger
}

/** The controller of one epoch, as ZooKeeper showed it when we looked. */
interface Suspect {
  readonly brokerId: number
  readonly host: string
  readonly port: number
  /** czxids: another life of the broker, or another reign, has others. */
  readonly registration: bigint
  readonly reign: bigint
  readonly epochZkVersion: number
}

export class ControllerProbe {
  readonly #ports: ControllerProbePorts
  /** Called outside of any queue; `remove` is to follow from inside of one. */
  readonly #onRefused: (remove: () => Promise<void>) => void
  #connection: KeptConnection | null = null

  constructor(ports: ControllerProbePorts, onRefused: (remove: () => Promise<void>) => void) {
    this.#ports = ports
    this.#onRefused = onRefused
  }

  /** Watches this broker from now on, and no other; -1 and our own id are nobody to watch. */
  async watch(controllerId: number): Promise<void> {
    this.stop()
    if (controllerId < 0 || controllerId === this.#ports.brokerId) return
    const suspect = await this.#look(controllerId)
    if (suspect === null) return
    const connection = new KeptConnection(this.#ports, suspect, () =>
      this.#onRefused(() => this.#remove(suspect)),
    )
    this.#connection = connection
    void connection.run()
  }

  stop(): void {
    this.#connection?.stop()
    this.#connection = null
  }

  /** Null when it is no ZooKeeper-mode controller, or gone already. */
  async #look(brokerId: number): Promise<Suspect | null> {
    const { zk, listener } = this.#ports
    // The epoch first: if an election comes between, its version is too old to remove anything.
    const [epochStat, controller, registration] = await Promise.all([
      zk.exists(controllerEpochPath),
      read(zk, controllerPath),
      read(zk, brokerPath(brokerId)),
    ])
    if (epochStat === null || controller === null || registration === null) return null
    const named = decodeController(controller.data)
    if (named.kind === 'error' || named.value.brokerId !== brokerId) return null
    if (named.value.kraftControllerEpoch > 0) return null
    const decoded = decodeBrokerRegistration(registration.data)
    if (decoded.kind === 'error') return null
    const endpoint = decoded.value.endpoints.find((each) => each.listener === listener())
    if (endpoint === undefined) return null
    return {
      brokerId,
      host: endpoint.host,
      port: endpoint.port,
      registration: registration.stat.czxid,
      reign: controller.stat.czxid,
      epochZkVersion: epochStat.version,
    }
  }

  async #remove(suspect: Suspect): Promise<void> {
    const { zk, log, listener } = this.#ports
    const { brokerId, epochZkVersion, host, port } = suspect
    const ops: ZkOp[] = [{ kind: 'check', path: controllerEpochPath, version: epochZkVersion }]
    const controller = await zk.exists(controllerPath)
    if (controller?.czxid !== suspect.reign) return
    ops.push({ kind: 'delete', path: controllerPath, version: controller.version })
    const found = await read(zk, brokerPath(brokerId))
    const now =
      found?.stat.czxid === suspect.registration ? decodeBrokerRegistration(found.data) : null
    if (found !== null && now?.kind === 'ok') {
      const endpoint = now.value.endpoints.find((each) => each.listener === listener())
      // It has moved: it refuses where it is no more.
      if (endpoint?.host !== host || endpoint.port !== port) return this.watch(brokerId)
      ops.push({ kind: 'delete', path: brokerPath(brokerId), version: found.stat.version })
    }
    log.info(
      `Controller ${brokerId} refuses connections at ${host}:${port}: removing ` +
        `${controllerPath} and its registration`,
    )
    await zk.multi(ops)
  }
}

/** Connects again whenever the connection breaks; tells when that is refused. */
class KeptConnection {
  readonly #ports: ControllerProbePorts
  readonly #suspect: Suspect
  readonly #onRefused: () => void
  #channel: ControlChannel | null = null
  #wasConnected = false
  #isStopped = false
  #wake: () => void = () => {}

  constructor(ports: ControllerProbePorts, suspect: Suspect, onRefused: () => void) {
    this.#ports = ports
    this.#suspect = suspect
    this.#onRefused = onRefused
  }

  async run(): Promise<void> {
    const { clock, connect } = this.#ports
    while (!this.#isStopped) {
      try {
        this.#channel = await connect(this.#suspect)
        this.#wasConnected = true
        const connectedAtMs = clock.monotonicMs()
        if (!this.#isStopped) await untilClosed(this.#channel)
        if (clock.monotonicMs() - connectedAtMs < RETRY_PAUSE_MS) await this.#pause()
      } catch (error) {
        if (this.#wasConnected && !this.#isStopped && isRefusal(error)) {
          this.#onRefused()
          return
        }
        await this.#pause()
      }
    }
    this.#channel?.close()
  }

  stop(): void {
    this.#isStopped = true
    this.#channel?.close()
    this.#wake()
  }

  #pause(): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#ports.clock.after(RETRY_PAUSE_MS, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}

function untilClosed(channel: ControlChannel): Promise<void> {
  return new Promise((resolve) => channel.onClose(resolve))
}

async function read(
  zk: ZkOperations,
  path: string,
): Promise<{ data: Buffer | null; stat: ZkStat } | null> {
  try {
    return await zk.get(path)
  } catch (error) {
    if (isZkError(error, 'NO_NODE')) return null
    throw error
  }
}

/** Watches the znodes from outside: epochs of controllers and leaders may only grow. */
import type { ZkClient } from '../../src/zk/zk-client.ts'
import {
  controllerEpochPath,
  decodePartitionState,
  partitionStatePath,
} from '../../src/zk/znodes.ts'

export class EpochObserver {
  readonly violations: string[] = []
  readonly #zk: ZkClient
  readonly #seen = new Map<string, { epoch: number; leader: number }>()
  controllerEpoch = 0

  constructor(zk: ZkClient) {
    this.#zk = zk
  }

  start(topic: string, partitions: number): void {
    void this.#follow(controllerEpochPath, (data) => {
      const epoch = Number(data.toString())
      if (epoch < this.controllerEpoch) this.violations.push(`controller epoch back to ${epoch}`)
      this.controllerEpoch = epoch
    })
    for (let partition = 0; partition < partitions; partition++) {
      const path = partitionStatePath(topic, partition)
      void this.#follow(path, (data) => this.#onState(path, data))
    }
  }

  #onState(path: string, data: Buffer): void {
    const decoded = decodePartitionState(data)
    if (decoded.kind === 'error') {
      this.violations.push(`${path}: ${decoded.message}`)
      return
    }
    const { leader, leaderEpoch, isr } = decoded.value
    const before = this.#seen.get(path)
    if (before !== undefined && leaderEpoch < before.epoch) {
      this.violations.push(`${path}: leader epoch back to ${leaderEpoch}`)
    }
    if (before !== undefined && leader !== before.leader && leaderEpoch === before.epoch) {
      this.violations.push(`${path}: two leaders in epoch ${leaderEpoch}`)
    }
    if (leader !== -1 && !isr.includes(leader)) this.violations.push(`${path}: leader not in isr`)
    this.#seen.set(path, { epoch: leaderEpoch, leader })
  }

  /** Reads now and after every change; goes on when ZooKeeper was away. */
  async #follow(path: string, onData: (data: Buffer) => void): Promise<void> {
    try {
      const { data } = await this.#zk.get(path, () => void this.#follow(path, onData))
      onData(data ?? Buffer.alloc(0))
    } catch {
      if (['closed', 'expired', 'auth-failed'].includes(this.#zk.state)) return
      setTimeout(() => void this.#follow(path, onData), 200)
    }
  }
}

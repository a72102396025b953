/**
 * I7 and I6 at the brokers: who has heard of a controller obeys no older one, and who has followed in
 * a leader epoch never follows in an older one.
 */

import type { ControlTaken, FollowerFetch } from '../request-tap.ts'
import type { SimProcess } from '../sim-process.ts'
import { type Checker, Violation } from './checker.ts'

export class KnownEpochs implements Checker {
  /** Of the last controller that a broker obeyed in this life. */
  readonly #controllers = new WeakMap<SimProcess, number>()
  readonly #followed = new WeakMap<SimProcess, Map<string, number>>()

  onControlTaken({ name, broker, controllerId, controllerEpoch }: ControlTaken): void {
    const known = this.#controllers.get(broker) ?? 0
    if (controllerEpoch < known) {
      throw new Violation(
        'I7',
        `${broker.host} takes ${name} of controller ${controllerId}, epoch ${controllerEpoch}, ` +
          `after epoch ${known}`,
      )
    }
    this.#controllers.set(broker, controllerEpoch)
  }

  onFollowerFetch({ follower, topic, partition, leaderEpoch }: FollowerFetch): void {
    let epochs = this.#followed.get(follower)
    if (epochs === undefined) {
      epochs = new Map()
      this.#followed.set(follower, epochs)
    }
    const key = `${topic}-${partition}`
    const known = epochs.get(key) ?? -1
    if (leaderEpoch < known) {
      const what = `${follower.host} follows ${key} in leader epoch ${leaderEpoch}`
      throw new Violation('I6', `${what} after ${known}`)
    }
    epochs.set(key, leaderEpoch)
  }
}

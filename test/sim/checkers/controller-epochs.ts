/**
 * I7: controller epochs only grow, and in each one broker's writes succeed: a partition state is
 * written by the session that won the election of the epoch in force, and says so.
 */

import type { ZnodeChange } from '../history.ts'
import { type Checker, Violation } from './checker.ts'
import { parseState, partitionOfStatePath } from './partition-state.ts'

export class ControllerEpochs implements Checker {
  #epoch = 0
  /** The session that raised it. */
  #holder = 0n

  onZnodeChange({ path, data, kind, zxid, sessionId }: ZnodeChange): void {
    if (path === '/controller_epoch' && data !== null) {
      const epoch = Number(String(data))
      if (kind === 'changed' && epoch !== this.#epoch + 1) {
        throw new Violation('I7', `controller epoch ${epoch} after ${this.#epoch} at zxid ${zxid}`)
      }
      this.#epoch = epoch
      this.#holder = sessionId
      return
    }
    if (kind === 'deleted' || partitionOfStatePath(path) === null) return
    const { controllerEpoch } = parseState(data)
    const at = `${path} at zxid ${zxid}`
    if (controllerEpoch !== this.#epoch) {
      throw new Violation('I7', `${at}: of controller epoch ${controllerEpoch} in ${this.#epoch}`)
    }
    if (sessionId !== this.#holder) {
      throw new Violation('I7', `${at}: not by the controller of epoch ${controllerEpoch}`)
    }
  }
}

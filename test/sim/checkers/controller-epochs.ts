/** I7: controller epochs only grow, and in each one broker's writes succeed. */

import type { ZnodeChange } from '../history.ts'
import { type Checker, Violation } from './checker.ts'
import { parseState, partitionOfStatePath } from './partition-state.ts'

export class ControllerEpochs implements Checker {
  #epoch = 0
  /** Of the newest write of a partition state. */
  #lastWritten = 0
  readonly #writers = new Map<number, bigint>()

  onZnodeChange({ path, data, kind, zxid, sessionId }: ZnodeChange): void {
    if (path === '/controller_epoch' && data !== null) {
      const epoch = Number(String(data))
      if (kind === 'changed' && epoch !== this.#epoch + 1) {
        throw new Violation('I7', `controller epoch ${epoch} after ${this.#epoch} at zxid ${zxid}`)
      }
      this.#epoch = epoch
      return
    }
    if (kind === 'deleted' || partitionOfStatePath(path) === null) return
    const { controllerEpoch } = parseState(data)
    const at = `${path} at zxid ${zxid}`
    if (controllerEpoch < this.#lastWritten) {
      throw new Violation('I7', `${at}: epoch ${controllerEpoch} after ${this.#lastWritten}`)
    }
    this.#lastWritten = controllerEpoch
    const writer = this.#writers.get(controllerEpoch)
    if (writer !== undefined && writer !== sessionId) {
      throw new Violation('I7', `${at}: a second writer in controller epoch ${controllerEpoch}`)
    }
    this.#writers.set(controllerEpoch, sessionId)
  }
}

/**
 * The way of a log to its disk: an error takes its directory offline and is told as KAFKA_STORAGE_ERROR.
 * Once the log is closed, for that or another reason, nothing goes this way any more.
 */
import { DiskError } from '../base/ports.ts'
import { StorageError, StorageErrorCode } from './storage-error.ts'

export class DiskGuard {
  readonly #directory: string
  readonly #onDiskError: (error: DiskError) => void
  #isClosed = false

  constructor(directory: string, onDiskError: (error: DiskError) => void) {
    this.#directory = directory
    this.#onDiskError = onDiskError
  }

  run<T>(action: () => T): T {
    this.#checkOpen()
    try {
      return action()
    } catch (error) {
      throw this.#told(error)
    }
  }

  /** `isOurs` is asked when it has failed: what was removed meanwhile is no failure of the disk. */
  async runAsync<T>(action: () => Promise<T>, isOurs: () => boolean): Promise<T> {
    this.#checkOpen()
    try {
      return await action()
    } catch (error) {
      throw isOurs() ? this.#told(error) : error
    }
  }

  close(): void {
    this.#isClosed = true
  }

  #checkOpen(): void {
    if (this.#isClosed) throw storageFailure(`${this.#directory} is closed`)
  }

  #told(error: unknown): unknown {
    if (!(error instanceof DiskError)) return error
    this.#onDiskError(error)
    return storageFailure(error.message, error)
  }
}

function storageFailure(message: string, cause?: unknown): StorageError {
  return new StorageError(StorageErrorCode.KAFKA_STORAGE_ERROR, message, cause)
}

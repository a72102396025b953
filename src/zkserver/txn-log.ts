/** One log file: records one after another. A torn or damaged end is cut off when it is opened. */

import type { Disk, DiskFile } from '../base/ports.ts'
import type { Txn } from './txn.ts'
import { decodeRecord, encodeRecord } from './txn-codec.ts'

export class TxnLog {
  /** What was in it when it was opened. */
  recovered: readonly Txn[] = []
  /** Bytes beyond the last good record when it was opened. */
  readonly tornBytes: number
  readonly #file: DiskFile
  #bytes: number

  private constructor(file: DiskFile, bytes: number, tornBytes: number) {
    this.#file = file
    this.#bytes = bytes
    this.tornBytes = tornBytes
  }

  static create(disk: Disk, path: string): TxnLog {
    const file = disk.open(path, 'write')
    disk.syncDirectory(path.slice(0, path.lastIndexOf('/')))
    return new TxnLog(file, 0, 0)
  }

  static open(disk: Disk, path: string): TxnLog {
    const content = disk.readFile(path)
    const recovered: Txn[] = []
    let at = 0
    for (let next = decodeRecord(content, at); next !== null; next = decodeRecord(content, at)) {
      recovered.push(next.txn)
      at += next.bytes
    }
    const log = new TxnLog(disk.open(path, 'write'), at, content.length - at)
    log.recovered = recovered
    return log
  }

  get path(): string {
    return this.#file.path
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Cuts the torn end; what was recovered is let go. Synced before anybody is told of it: the
   * process that wrote the end may have died before it could, and the device may yet lose it.
   */
  forAppend(): TxnLog {
    if (this.tornBytes > 0) this.#file.truncate(this.#bytes)
    this.#file.sync()
    this.recovered = []
    return this
  }

  write(txns: readonly Txn[]): void {
    const records = txns.map(encodeRecord)
    this.#file.write(records, this.#bytes)
    for (const record of records) this.#bytes += record.length
  }

  sync(): Promise<void> {
    return this.#file.syncAsync()
  }

  close(): void {
    this.#file.close()
  }
}

/** The log file of a server in this process. What is said after its end is dropped: it may be gone. */
import fs from 'node:fs'
import { Writable } from 'node:stream'

export interface LogFile {
  readonly stream: NodeJS.WritableStream
  close(): void
}

export function openLogFile(file: string): LogFile {
  const descriptor = fs.openSync(file, 'a')
  let isOpen = true
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      if (isOpen) fs.writeSync(descriptor, line)
      done()
    },
  })
  return {
    stream,
    close() {
      if (isOpen) fs.closeSync(descriptor)
      isOpen = false
    },
  }
}

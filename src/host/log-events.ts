/**
 * The log lines of this process for observers: the newest from a ring, then every line as it is
 * written. Who reads too slowly loses lines and is told how many; nobody holds up the broker.
 */
import type { LogLine } from './logging.ts'

const RING_LINES = 200
/** What may wait for a reader before its lines are dropped. */
const BACKLOG_BYTES_MAX = 256 * 1024

/** Where the lines go: an HTTP response. */
export interface LineSink {
  /** Bytes written and not yet taken. */
  readonly writableLength: number
  write(text: string): boolean
}

interface Reader {
  readonly sink: LineSink
  dropped: number
}

export class LogEvents {
  readonly #ring: LogLine[] = []
  readonly #readers = new Set<Reader>()

  get readerCount(): number {
    return this.#readers.size
  }

  add(line: LogLine): void {
    this.#ring.push(line)
    if (this.#ring.length > RING_LINES) this.#ring.shift()
    if (this.#readers.size === 0) return
    const text = format(line)
    for (const reader of this.#readers) send(reader, text)
  }

  /** The ring, then what comes. `onDrain` is to be called when the sink has room again. */
  follow(sink: LineSink): { onDrain(): void; stop(): void } {
    const reader: Reader = { sink, dropped: 0 }
    sink.write(this.#ring.map(format).join(''))
    this.#readers.add(reader)
    return {
      onDrain: () => tellDropped(reader),
      stop: () => this.#readers.delete(reader),
    }
  }
}

function send(reader: Reader, text: string): void {
  if (reader.sink.writableLength > BACKLOG_BYTES_MAX) {
    reader.dropped += 1
    return
  }
  tellDropped(reader)
  reader.sink.write(text)
}

function tellDropped(reader: Reader): void {
  if (reader.dropped === 0) return
  const { dropped } = reader
  reader.dropped = 0
  reader.sink.write(`{"dropped":${dropped}}\n`)
}

function format({ atMs, level, logger, message }: LogLine): string {
  return `${JSON.stringify({ atMs, level: level.toUpperCase(), logger, message })}\n`
}

/**
 * One broker's event stream, at the first of its hosts that answers: connected for as long as we look, tried again with growing pauses. The
 * link is up while the stream is open and the broker answers: a process that stands still keeps its
 * connections, so it is asked for a sign of life every second.
 */
import http from 'node:http'
import type { Clock } from '../../base/ports.ts'
import {
  LineSplitter,
  parseStreamedLine,
  SeenLines,
  type StreamedLine,
  warning,
} from './log-lines.ts'

export interface StreamAddress {
  readonly host: string
  readonly port: number
}

export interface StreamEvents {
  onLine(line: StreamedLine): void
  onLink(isUp: boolean): void
}

export interface StreamOptions {
  readonly wallMs: () => number
  /** 0: a broker is not asked for signs of life. */
  readonly probeEveryMs: number
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 3_000
const CONNECT_TIMEOUT_MS = 3_000
/** An open stream that lived so long begins with short pauses again. */
const STABLE_MS = 1_000
/** A sign of life is late after so many times the pause between two. */
const PROBES_UNTIL_SILENT = 1.5
const LINES_PER_SECOND = 2_000
const SECOND_MS = 1_000

export class BrokerStream {
  readonly #clock: Clock
  readonly #options: StreamOptions
  readonly #events: StreamEvents
  readonly #seen = new SeenLines()
  #addresses: readonly StreamAddress[]
  /** Which of them is tried, and which answered last. */
  #addressAt = 0
  #answeredAt = 0
  #request: http.ClientRequest | null = null
  #probe: http.ClientRequest | null = null
  #cancelWait: () => void = () => {}
  #cancelProbe: () => void = () => {}
  #pauseMs = FIRST_PAUSE_MS
  #isOpen = false
  #isSilent = false
  #told: boolean | null = null
  #isStopped = false
  #secondBegan = Number.NEGATIVE_INFINITY
  #linesInSecond = 0

  /** `addresses`: at least one. */
  constructor(
    clock: Clock,
    addresses: readonly StreamAddress[],
    options: StreamOptions,
    events: StreamEvents,
  ) {
    this.#clock = clock
    this.#addresses = addresses
    this.#options = options
    this.#events = events
    this.#connect()
  }

  /** A broker that registers again is tried at once, also at the same place. */
  moveTo(addresses: readonly StreamAddress[]): void {
    const isSame = JSON.stringify(addresses) === JSON.stringify(this.#addresses)
    this.#addresses = addresses
    if (!isSame) this.#answeredAt = 0
    this.#pauseMs = FIRST_PAUSE_MS
    if (isSame && this.#isOpen) return
    this.#abort()
    this.#addressAt = this.#answeredAt
    this.#connect()
  }

  stop(): void {
    this.#isStopped = true
    this.#abort()
  }

  #abort(): void {
    this.#cancelWait()
    this.#cancelProbe()
    this.#probe?.destroy()
    const request = this.#request
    this.#request = null
    request?.destroy()
    if (this.#isOpen) this.#onBroken()
  }

  #connect(): void {
    if (this.#isStopped) return
    const request = this.#get('/events', (response) => this.#onAnswer(request, response))
    this.#request = request
    const cancelTimeout = this.#clock.after(CONNECT_TIMEOUT_MS, () => {
      if (!this.#isOpen || this.#request !== request) request.destroy()
    })
    request.on('response', cancelTimeout)
    request.on('close', () => {
      cancelTimeout()
      if (this.#request === request) this.#onClosed()
    })
  }

  #get(path: string, onAnswer: (response: http.IncomingMessage) => void): http.ClientRequest {
    const { host, port } = this.#addresses[this.#addressAt]!
    const request = http.get({ host, port, path, agent: false, maxHeaderSize: 8_192 }, onAnswer)
    // What went wrong is told by `close`, which follows.
    request.on('error', () => {})
    return request
  }

  #onAnswer(request: http.ClientRequest, response: http.IncomingMessage): void {
    response.on('error', () => {})
    if (response.statusCode !== 200 || this.#request !== request) {
      request.destroy()
      return
    }
    const splitter = new LineSplitter()
    const openedMs = this.#clock.monotonicMs()
    this.#isOpen = true
    this.#isSilent = false
    this.#answeredAt = this.#addressAt
    this.#seen.onConnected()
    this.#tellLink()
    this.#probeLater()
    response.on('data', (chunk: Buffer) => {
      if (this.#request !== request) return
      for (const text of splitter.push(chunk)) this.#onLine(text)
    })
    response.on('close', () => {
      if (this.#clock.monotonicMs() - openedMs >= STABLE_MS) this.#pauseMs = FIRST_PAUSE_MS
      request.destroy()
      if (this.#request === request) this.#onClosed()
    })
  }

  #onClosed(): void {
    this.#request = null
    if (!this.#isOpen) this.#addressAt = (this.#addressAt + 1) % this.#addresses.length
    this.#onBroken()
    this.#cancelWait = this.#clock.after(this.#pauseMs, () => this.#connect())
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2)
  }

  #onBroken(): void {
    this.#isOpen = false
    this.#cancelProbe()
    this.#probe?.destroy()
    this.#tellLink()
  }

  #tellLink(): void {
    const isUp = this.#isOpen && !this.#isSilent
    if (isUp === this.#told || this.#isStopped) return
    this.#told = isUp
    this.#events.onLink(isUp)
  }

  #probeLater(): void {
    this.#cancelProbe()
    const { probeEveryMs } = this.#options
    if (probeEveryMs > 0) this.#cancelProbe = this.#clock.after(probeEveryMs, () => this.#ask())
  }

  /** Unanswered, it goes on waiting: the answer is the sign that the broker moves again. */
  #ask(): void {
    const probe = this.#get('/healthz', (response) => {
      response.on('error', () => {})
      response.resume()
      this.#setSilent(false)
    })
    this.#probe = probe
    const timeoutMs = this.#options.probeEveryMs * PROBES_UNTIL_SILENT
    const cancelTimeout = this.#clock.after(timeoutMs, () => this.#setSilent(true))
    probe.on('response', cancelTimeout)
    probe.on('close', () => {
      cancelTimeout()
      if (this.#probe !== probe) return
      this.#probe = null
      if (this.#isOpen) this.#probeLater()
    })
    this.#cancelProbe = cancelTimeout
  }

  #setSilent(isSilent: boolean): void {
    this.#isSilent = isSilent
    this.#tellLink()
  }

  #onLine(text: string): void {
    const wallMs = this.#options.wallMs()
    const line = parseStreamedLine(text, wallMs)
    if (line === null || !this.#seen.isNew(line, text)) return
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#secondBegan >= SECOND_MS) {
      const left = this.#linesInSecond - LINES_PER_SECOND
      this.#secondBegan = nowMs
      this.#linesInSecond = 0
      if (left > 0) this.#events.onLine(warning(wallMs, `${left} lines were left out: too many`))
    }
    this.#linesInSecond += 1
    if (this.#linesInSecond <= LINES_PER_SECOND) this.#events.onLine(line)
  }
}

/** Where `samsa watch` gets its events: a dashboard, ZooKeeper and the brokers themselves, a file. */
import fs from 'node:fs/promises'
import { WebSocket } from 'ws'
import type { ClusterEvent } from '../dashboard/history/events.ts'
import { importHistory } from '../dashboard/history/history-store.ts'
import { Observer } from '../dashboard/observer/observer.ts'
import { openObserverClient } from '../dashboard/observer/observer-client.ts'
import { systemClock } from '../host/clock.ts'
import { PlainError, UsageError } from './tool-command.ts'

export interface WatchSink {
  onEvents(events: readonly ClusterEvent[]): void
  /** What was before has been told; from here on it is live. */
  onLive(): void
  /** Another history begins, or the same one anew. */
  onReset(): void
  /** For people, not part of the history. */
  onNotice(text: string): void
}

export interface WatchSource {
  stop(): Promise<void>
}

const RETRY_MS = 1_000
/** The window of a dashboard's history in one message. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024

export async function readHistoryFile(file: string): Promise<ClusterEvent[]> {
  let text: string
  try {
    text = await fs.readFile(file, 'utf8')
  } catch (error) {
    throw new PlainError(`${file} cannot be read: ${(error as Error).message}`)
  }
  try {
    return importHistory(text)
  } catch (error) {
    throw new PlainError(`${file}, ${(error as Error).message}`)
  }
}

export async function observeZooKeeper(
  zookeeper: string,
  prefer: 'native' | 'js',
  sink: WatchSink,
): Promise<WatchSource> {
  const options = { zookeeper, prefer }
  const client = await openObserverClient(systemClock, options).catch((error: Error) => {
    throw new UsageError(error.message)
  })
  const { reason } = client
  const through = client.kind === 'native' ? 'the native client' : `node-zookeeper-client`
  const why = reason === null ? '' : ` (${reason})`
  sink.onNotice(`observing ZooKeeper at ${zookeeper} through ${through}${why}`)
  const observer = new Observer({ clock: systemClock, client })
  observer.onEvent((event) => sink.onEvents([event]))
  void observer.start().then(
    () => sink.onLive(),
    (error: Error) => sink.onNotice(`ZooKeeper cannot be observed: ${error.message}`),
  )
  return observer
}

type Message =
  | {
      readonly kind: 'history'
      readonly historyId?: string
      readonly nextSeq?: number
      readonly events: readonly ClusterEvent[]
    }
  | { readonly kind: 'live' }
  | ClusterEvent

/** Comes back by itself; rejects when the first attempt fails. */
export async function followDashboard(url: string, sink: WatchSink): Promise<WatchSource> {
  const follower = new DashboardFollower(url, sink)
  await follower.open()
  return follower
}

class DashboardFollower implements WatchSource {
  readonly #url: string
  readonly #sink: WatchSink
  #socket: WebSocket | null = null
  #historyId: string | null = null
  #nextSeq = 0
  #cancelRetry: () => void = () => {}
  #wasOpen = false
  #isRetrying = false
  #isStopped = false

  constructor(url: string, sink: WatchSink) {
    this.#url = url
    this.#sink = sink
  }

  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.#target(), { maxPayload: FRAME_BYTES_MAX })
      this.#socket = socket
      let failure = new Error('it hung up')
      socket.on('error', (error) => {
        failure = error
      })
      socket.on('message', (data) => {
        const message = parseMessage(String(data))
        if (message !== null) this.#receive(message)
      })
      socket.on('open', () => {
        this.#wasOpen = true
        resolve()
      })
      socket.on('close', () => {
        reject(failure)
        this.#onClose()
      })
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelRetry()
    this.#socket?.terminate()
  }

  #target(): URL {
    const target = new URL('/ws', this.#url)
    target.search = new URL(this.#url).search
    target.protocol = target.protocol === 'https:' ? 'wss:' : 'ws:'
    if (this.#historyId !== null) {
      target.searchParams.set('history', this.#historyId)
      target.searchParams.set('after', String(this.#nextSeq - 1))
    }
    return target
  }

  #receive(message: Message): void {
    if (message.kind === 'live') this.#sink.onLive()
    else if (message.kind === 'history') {
      const { historyId, nextSeq = 0, events } = message
      if (
        historyId !== undefined &&
        !(historyId === this.#historyId && nextSeq === this.#nextSeq)
      ) {
        this.#historyId = historyId
        this.#sink.onReset()
      }
      this.#accept(events)
    } else this.#accept([message])
  }

  #accept(events: readonly ClusterEvent[]): void {
    const last = events.at(-1)
    if (last === undefined) return
    this.#nextSeq = last.seq + 1
    this.#sink.onEvents(events)
  }

  #onClose(): void {
    // Before the first connection the caller is told instead.
    if (!this.#wasOpen || this.#isStopped) return
    if (!this.#isRetrying) this.#sink.onNotice(`${this.#url} hung up, trying again`)
    this.#isRetrying = true
    this.#cancelRetry = systemClock.after(RETRY_MS, () => {
      this.open().then(
        () => {
          this.#isRetrying = false
        },
        // Its close has seen to the next attempt.
        () => {},
      )
    })
  }
}

/** Null: what answers there is no dashboard of ours. */
function parseMessage(text: string): Message | null {
  try {
    const message = JSON.parse(text) as Message | null
    return typeof message?.kind === 'string' ? message : null
  } catch {
    return null
  }
}

/** The page: events in, one moment of them shown, drawn at most once per frame. */
import { parseEventLines } from '../history/event-lines.ts'
import { ChaosView } from './chaos-view.ts'
import { Connection, type ConnectionState } from './connection.ts'
import { byId, setShown, setText } from './dom.ts'
import { EventStore } from './event-store.ts'
import { FailoverView } from './failover-view.ts'
import { FeedView } from './feed-view.ts'
import { HeaderView } from './header-view.ts'
import { MatrixView } from './matrix-view.ts'
import { Playback } from './playback.ts'
import { RecordedRuns } from './recorded-runs.ts'
import { RecordsView } from './records-view.ts'
import { ServerApi } from './server-api.ts'
import { Shortcuts } from './shortcuts.ts'
import type { Page, Selection, Shown, View } from './shown.ts'
import { nextTheme, restoreTheme } from './theme.ts'
import { TopologyView } from './topology-view.ts'
import { TransportView } from './transport-view.ts'
import { VerifierView } from './verifier-view.ts'
import { ZnodeView } from './znode-view.ts'

/** Time goes on without events: lanes move, countdowns count. */
const TICK_MS = 250
/** What is possible changes with brokers that come and go. */
const REFRESH_MS = 10_000

class Main implements Page {
  readonly #store = new EventStore()
  readonly #playback = new Playback(this.#store)
  readonly #api = new ServerApi()
  readonly #connection: Connection
  readonly #runs: RecordedRuns
  readonly #header = new HeaderView()
  readonly #transport: TransportView
  readonly #feed: FeedView
  readonly #views: readonly View[]
  #selection: Selection = { brokerId: null, partition: null, znode: null, failover: null }
  #state: ConnectionState = { kind: 'connecting' }
  /** By how much our clock is ahead of the server's. */
  #skewMs = 0
  #frame = 0
  #file: string | null = null
  #faultsSeen = 0

  constructor() {
    this.#transport = new TransportView(this, this.#playback)
    this.#feed = new FeedView(this)
    this.#views = [
      this.#header,
      this.#transport,
      new TopologyView(this),
      new FailoverView(this),
      new VerifierView(this, this.#api),
      new ChaosView(this, this.#api),
      new MatrixView(this),
      this.#feed,
      new ZnodeView(this),
      new RecordsView(this.#api),
    ]
    this.#connection = new Connection({
      onState: (state) => this.#onState(state),
      onReset: () => this.#reset(),
      onLive: (serverMs) => {
        this.#skewMs = Date.now() - serverMs
      },
      onEvents: (events) => {
        if (this.#store.append(events)) this.#playback.relocate()
        this.invalidate()
      },
    })
    this.#runs = new RecordedRuns(this.#store, {
      onText: (name, text) => this.#openRun(name, text),
      onProblem: (text) => this.notice(text),
    })
    this.#listen()
  }

  start(): void {
    this.#connection.connect()
    setInterval(() => {
      if (!document.hidden && this.#playback.mode === 'live') this.invalidate()
    }, TICK_MS)
    setInterval(() => void this.#refresh(), REFRESH_MS)
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) return
      this.#connection.retryNow()
      this.invalidate()
    })
    window.addEventListener('online', () => this.#connection.retryNow())
  }

  get selection(): Selection {
    return this.#selection
  }

  select(change: Partial<Selection>): void {
    this.#selection = { ...this.#selection, ...change }
    this.invalidate()
  }

  seek(cursor: number): void {
    this.#playback.seekTo(cursor)
    this.invalidate()
  }

  seekToTime(atMs: number): void {
    this.#playback.seekToTime(atMs)
    this.invalidate()
  }

  invalidate(): void {
    if (this.#frame !== 0) return
    this.#frame = requestAnimationFrame((nowMs) => {
      this.#frame = 0
      this.#draw(nowMs)
    })
  }

  say(text: string): void {
    byId('says').textContent = text
  }

  notice(text: string): void {
    setText(byId('notice-text'), text)
    setShown(byId('notice'), true)
  }

  #draw(nowMs: number): void {
    if (this.#playback.advance(nowMs) && !this.#isRecorded()) this.#playback.goLive()
    const shown = this.#shown()
    for (const view of this.#views) view.render(shown)
    if (this.#playback.mode === 'playing') this.invalidate()
    if (this.#store.faults.length !== this.#faultsSeen) {
      this.#faultsSeen = this.#store.faults.length
      void this.#refresh()
    }
  }

  #shown(): Shown {
    const { mode, cursor } = this.#playback
    return {
      store: this.#store,
      cursor,
      atMs: this.#momentMs(),
      mode,
      isRecorded: this.#isRecorded(),
      isConnected: this.#state.kind === 'live' || this.#state.kind === 'loading',
      cluster: this.#store.clusterAt(cursor),
      selection: this.#selection,
    }
  }

  /** Live, it is now by the observer's clock, as long as the observer is heard. */
  #momentMs(): number {
    const { mode, atMs } = this.#playback
    if (mode !== 'live' || this.#state.kind !== 'live' || this.#isRecorded()) return atMs
    return Math.max(atMs, Date.now() - this.#skewMs)
  }

  /** A file is shown, by this page or by the server: its time stands still. */
  #isRecorded(): boolean {
    return this.#file !== null || this.#api.health?.isRecorded === true
  }

  #onState(state: ConnectionState): void {
    const was = this.#state.kind
    this.#state = state
    this.#header.setConnection(state)
    if (state.kind === 'live' && was !== 'live') void this.#refresh()
    this.invalidate()
  }

  #reset(): void {
    this.#store.clear()
    this.#playback.goLive()
    this.#selection = { ...this.#selection, failover: null }
    this.invalidate()
  }

  async #refresh(): Promise<void> {
    if (this.#state.kind !== 'live') return
    try {
      await this.#api.refresh()
    } catch {
      // The connection tells that the server is gone.
      return
    }
    setText(byId('source'), this.#api.health?.source ?? '')
    if (this.#isRecorded() && this.#playback.mode === 'live') this.#playback.hold()
    this.invalidate()
  }

  #openRun(name: string, text: string): void {
    const { events, problems } = parseEventLines(text)
    if (events.length === 0) {
      this.notice(`${name} holds no events: ${problems[0] ?? 'it is empty'}`)
      return
    }
    this.#connection.close()
    this.#file = name
    this.#reset()
    this.#store.append(events, events.length)
    this.#playback.seekTo(events.length)
    setText(byId('source'), name)
    this.say(`${name} is shown`)
    if (problems.length > 0) {
      this.notice(`Some lines of ${name} are no events: ${problems.join('; ')}`)
    }
    setShown(byId('back-to-cluster'), true)
  }

  #backToCluster(): void {
    this.#file = null
    this.#reset()
    setText(byId('source'), this.#api.health?.source ?? '')
    setShown(byId('back-to-cluster'), false)
    this.#connection.connect()
  }

  #listen(): void {
    byId('theme').addEventListener('click', () => this.#switchTheme())
    byId('notice-close').addEventListener('click', () => setShown(byId('notice'), false))
    byId('open').addEventListener('click', () => this.#runs.choose())
    byId('export').addEventListener('click', () => this.#runs.save())
    byId('back-to-cluster').addEventListener('click', () => this.#backToCluster())
    new Shortcuts([
      { key: ' ', name: 'Space', what: 'hold, play', run: () => this.#transport.toggle() },
      { key: ',', name: ',', what: 'one event back', run: () => this.#transport.step(-1) },
      { key: '.', name: '.', what: 'one event on', run: () => this.#transport.step(1) },
      { key: '[', name: '[', what: 'fault before', run: () => this.#transport.stepFault(-1) },
      { key: ']', name: ']', what: 'fault after', run: () => this.#transport.stepFault(1) },
      { key: 'l', name: 'L', what: 'live: go to now', run: () => this.#transport.goLive() },
      { key: '/', name: '/', what: 'search the events', run: () => this.#feed.focusText() },
      { key: 'c', name: 'C', what: 'copy the events', run: () => void this.#feed.copy() },
      { key: 'e', name: 'E', what: 'export this run', run: () => this.#runs.save() },
      { key: 'o', name: 'O', what: 'open a recorded run', run: () => this.#runs.choose() },
      { key: 't', name: 'T', what: 'light, dark, as the system', run: () => this.#switchTheme() },
      {
        key: 'Escape',
        name: 'Esc',
        what: 'show all brokers and partitions again',
        run: () => this.#showAll(),
      },
    ])
  }

  #showAll(): void {
    setShown(byId('notice'), false)
    if (document.activeElement instanceof HTMLInputElement) document.activeElement.blur()
    this.select({ brokerId: null, partition: null })
  }

  #switchTheme(): void {
    this.say(`Theme: ${nextTheme()}`)
    this.invalidate()
  }
}

restoreTheme()
new Main().start()

/** What happened, line by line: the brokers' own log lines to the letter, and what was seen besides. */
import type { ClusterEvent } from '../history/events.ts'
import { copyText } from './clipboard.ts'
import { byId, find, h, setAttribute, setAttributes, setClass, setShown, setText } from './dom.ts'
import { brokerOf, lineOf, wordsOf } from './event-words.ts'
import { FeedFilter, type FeedQuery } from './feed-filter.ts'
import { clockTime, plural } from './format.ts'
import type { Page, Shown, View } from './shown.ts'
import { VirtualRows } from './virtual-rows.ts'

/** More than anyone pastes anywhere. */
const COPIED_MAX = 20_000
const ROW_HEIGHT = 20

export class FeedView implements View {
  readonly #page: Page
  readonly #filter = new FeedFilter()
  readonly #rows: VirtualRows<HTMLElement>
  readonly #scroller = byId('feed-scroller')
  readonly #text = find(document, '#feed-text', HTMLInputElement)
  readonly #partition = find(document, '#feed-partition', HTMLInputElement)
  readonly #broker = find(document, '#feed-broker', HTMLSelectElement)
  readonly #kinds: HTMLInputElement[]
  #query: FeedQuery
  #shown: Shown | null = null
  #places: readonly number[] = []
  #follows = true
  /** Of the line that is shown in full; `ClusterEvent.seq`. */
  #chosen: number | null = null
  #brokerIds = ''

  constructor(page: Page) {
    this.#page = page
    this.#kinds = [...document.querySelectorAll<HTMLInputElement>('#feed [data-kind]')]
    this.#query = this.#readQuery()
    this.#rows = new VirtualRows(this.#scroller, byId('feed-rows'), {
      rowHeight: ROW_HEIGHT,
      make: () => this.#makeRow(),
      update: (row, index) => this.#updateRow(row, index),
    })
    // Said aloud, it would never end.
    const log = { role: 'log', 'aria-live': 'off', 'aria-label': 'Events', tabindex: 0 }
    setAttributes(this.#scroller, log)
    const changed = (): void => {
      this.#query = this.#readQuery()
      this.#follows = true
      page.invalidate()
    }
    this.#text.addEventListener('input', changed)
    this.#partition.addEventListener('input', () => {
      page.select({ partition: this.#partition.value.trim() || null })
    })
    this.#broker.addEventListener('change', () => {
      page.select({ brokerId: this.#broker.value === '' ? null : Number(this.#broker.value) })
    })
    for (const kind of this.#kinds) kind.addEventListener('change', changed)
    this.#scroller.addEventListener('scroll', () => {
      this.#follows = this.#rows.isAtEnd
    })
    byId('feed-seek').addEventListener('click', () => {
      page.seekToTime(Number(byId('feed-line').dataset.atMs))
    })
    byId('feed-copy').addEventListener('click', () => void this.copy())
    this.#scroller.addEventListener('keydown', (event) => {
      if (event.key === 'End') this.#follows = true
    })
  }

  render(shown: Shown): void {
    const { selection, store, cursor } = shown
    this.#shown = shown
    this.#showBrokers(shown)
    const brokerId = selection.brokerId
    const partition = selection.partition ?? ''
    if (brokerId !== this.#query.brokerId || partition !== this.#query.partition) {
      this.#broker.value = brokerId === null ? '' : String(brokerId)
      if (this.#partition.value.trim() !== partition) this.#partition.value = partition
      this.#query = this.#readQuery()
      this.#follows = true
    }
    const found = this.#filter.places(store.events, store.generation, this.#query, cursor)
    this.#places = found.places
    this.#rows.show(found.count)
    if (this.#follows) this.#rows.scrollToEnd()
    const ofAll = found.count === cursor ? '' : ` of ${plural(cursor, 'event')}`
    this.#showLine()
    setText(byId('feed-note'), `${plural(found.count, 'line')}${ofAll}${this.#narrowed()}`)
  }

  focusText(): void {
    this.#text.focus()
    this.#text.select()
  }

  async copy(): Promise<void> {
    const { events } = this.#shown!.store
    const shown = this.#places.slice(Math.max(0, this.#rows.count - COPIED_MAX), this.#rows.count)
    const lines = shown.map((place) => `${lineOf(events[place]!)}\n`)
    const isCopied = await copyText(lines.join(''))
    const words = isCopied
      ? `${plural(lines.length, 'line')} copied`
      : 'The browser did not allow it'
    setText(byId('feed-note'), words)
    this.#page.say(words)
  }

  #narrowed(): string {
    const { brokerId, partition } = this.#query
    const parts = [
      ...(brokerId === null ? [] : [`broker ${brokerId}`]),
      ...(partition === '' ? [] : [partition]),
    ]
    return parts.length === 0 ? '' : `, only ${parts.join(', ')} (Esc shows all)`
  }

  #readQuery(): FeedQuery {
    const kinds = this.#kinds.filter(({ checked }) => checked).map(({ dataset }) => dataset.kind)
    return {
      // Written so in the page.
      kinds: new Set(kinds as ClusterEvent['kind'][]),
      text: this.#text.value,
      brokerId: this.#broker.value === '' ? null : Number(this.#broker.value),
      partition: this.#partition.value.trim(),
    }
  }

  #showBrokers({ cluster }: Shown): void {
    const ids = cluster.brokers.map(({ id }) => id)
    if (ids.join() === this.#brokerIds) return
    this.#brokerIds = ids.join()
    const { value } = this.#broker
    const options = ids.map((id) => h('option', { value: id }, `Broker ${id}`))
    this.#broker.replaceChildren(h('option', { value: '' }, 'All brokers'), ...options)
    this.#broker.value = value
  }

  #makeRow(): HTMLElement {
    const parts = ['who', 'level', 'words', 'logger'].map((name) => h('span', { class: name }))
    const row = h('div', { class: 'feed-row', title: 'Show the whole line' }, h('time'), ...parts)
    row.addEventListener('click', () => {
      const seq = Number(row.dataset.seq)
      this.#chosen = this.#chosen === seq ? null : seq
      this.#page.invalidate()
    })
    return row
  }

  /** A line is often wider than its place. */
  #showLine(): void {
    const line = byId('feed-line')
    const { events } = this.#shown!.store
    const event = events[(this.#chosen ?? 0) - (events[0]?.seq ?? 0)]
    const isShown = event !== undefined && event.seq === this.#chosen
    setShown(line, isShown)
    if (!isShown) return
    setText(line.firstElementChild!, lineOf(event))
    setAttribute(line, 'data-at-ms', event.atMs)
  }

  #updateRow(row: HTMLElement, index: number): void {
    const event = this.#shown!.store.events[this.#places[index]!]
    if (event === undefined) return
    const [time, who, level, words, logger] = row.children
    setAttribute(row, 'data-kind', event.kind)
    setAttribute(row, 'data-seq', event.seq)
    setClass(row, event.seq === this.#chosen ? 'feed-row open' : 'feed-row')
    setText(time!, clockTime(event.atMs))
    const brokerId = brokerOf(event)
    setText(who!, brokerId === null ? 'ZK' : `B${brokerId}`)
    const isLine = event.kind === 'broker-log'
    setAttribute(row, 'data-level', isLine ? event.level : '')
    setText(level!, isLine ? event.level.padEnd(5) : event.kind.padEnd(5))
    setText(words!, wordsOf(event))
    setText(logger!, isLine ? `(${event.logger})` : '')
  }
}

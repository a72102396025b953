/** Failovers with their phases: a bar each on one line of time, and how long clients could not write. */
import type { Failover } from '../history/failovers.ts'
import { byId, ElementList, find, h, setAttribute, setClass, setShown, setText } from './dom.ts'
import {
  type Axis,
  axisOf,
  type PhaseRow,
  rowsOf,
  shareOf,
  takeoverAxisOf,
  takeoverMs,
} from './failover-rows.ts'
import { clockTime, duration, plural } from './format.ts'
import { SHOWN_GAP_MS } from './lane-spans.ts'
import { epochClass } from './palette.ts'
import type { Page, Shown, View } from './shown.ts'

/** When the waiting takes more of the line, the rest can be seen on its own. */
const ZOOM_FROM_SHARE = 0.5
export class FailoverView implements View {
  readonly #page: Page
  readonly #list: ElementList<Failover>
  readonly #phases: ElementList<PhaseRow, HTMLTableRowElement>
  readonly #summary = h('div', { class: 'failover-summary' })
  readonly #table = h('table', { class: 'phases' })
  #shown: Shown | null = null
  #chosen: Failover | null = null
  #axis: Axis = { startMs: 0, properMs: 1, endMs: 1, breakAt: null }
  readonly #ticks = h('div', { class: 'ticks' }, h('span'), h('span'), h('span'))
  #isZoomed = false
  readonly #zoom = h('button', {
    type: 'button',
    title: 'From the moment at which the registration was gone',
  })

  constructor(page: Page) {
    this.#page = page
    const list = byId('failover-list')
    this.#list = new ElementList(
      list,
      ({ id }) => id,
      (failover) => this.#makeItem(failover),
      (item, failover) => this.#updateItem(item, failover),
    )
    const body = h('tbody')
    this.#table.append(
      h('caption', { class: 'visually-hidden' }, 'Phases of the chosen failover'),
      h(
        'colgroup',
        {},
        h('col', { class: 'name' }),
        h('col'),
        h('col', { class: 'ms' }),
        h('col', { class: 'ms' }),
      ),
      h(
        'thead',
        { class: 'dim' },
        h(
          'tr',
          {},
          h('td'),
          h('td', {}, this.#ticks),
          h('th', { scope: 'col' }, 'took'),
          h('th', { scope: 'col' }, 'done at'),
        ),
      ),
      body,
    )
    this.#phases = new ElementList(
      body,
      ({ key }) => key,
      (row) => this.#makeRow(row),
      (element, row) => this.#updateRow(element, row),
    )
    this.#summary.append(
      h('span', {}, h('strong'), h('span')),
      h('span', {}, h('strong'), h('span')),
      h('span'),
      h('span', { class: 'dim' }),
      this.#zoom,
    )
    this.#zoom.addEventListener('click', () => {
      this.#isZoomed = !this.#isZoomed
      page.invalidate()
    })
    byId('failover-detail').append(this.#summary, this.#table)
    list.addEventListener('keydown', (event) => this.#onKey(event))
  }

  render(shown: Shown): void {
    this.#shown = shown
    const happened = this.#happened(shown).reverse()
    const { selection } = shown
    const chosen = happened.find(({ id }) => id === selection.failover) ?? happened[0] ?? null
    this.#chosen = chosen
    this.#list.show(happened.slice(0, 50))
    setText(
      byId('failover-count'),
      happened.length === 0 ? '' : plural(happened.length, 'failover'),
    )
    setShown(byId('failovers-empty'), chosen === null)
    setShown(byId('failover-list'), chosen !== null)
    setShown(byId('failover-detail'), chosen !== null)
    if (chosen !== null) this.#showChosen(chosen, shown)
  }

  #happened({ store, atMs }: Shown): Failover[] {
    return store.failovers.filter(({ startMs }) => startMs <= atMs)
  }

  #showChosen(failover: Failover, { atMs, store }: Shown): void {
    const untilMs = atMs - failover.startMs
    const rows = rowsOf(failover, untilMs, (ms) => store.lanes.epochAt(failover.startMs + ms))
    const whole = axisOf(failover, untilMs)
    const goneMs = takeoverMs(failover)
    const canZoom =
      goneMs !== null && goneMs <= untilMs && goneMs > whole.properMs * ZOOM_FROM_SHARE
    setShown(this.#zoom, canZoom)
    setAttribute(this.#zoom, 'aria-pressed', String(this.#isZoomed))
    setText(this.#zoom, this.#isZoomed ? 'Whole failover' : 'Only the takeover')
    this.#axis = canZoom && this.#isZoomed ? takeoverAxisOf(whole, goneMs) : whole
    this.#showTicks()
    const [written, read, title, when] = this.#summary.children
    showGap(written!, failover.unavailableMs, 'without an acknowledged write', 'no client wrote')
    showGap(read!, failover.unreadableMs, 'without an answered fetch')
    const failed = failover.failure === null ? '' : ` (${failover.failure})`
    setText(title!, `${failover.title}${failed}`)
    setText(when!, `at ${clockTime(failover.startMs)}${failover.isOver ? '' : ', going on'}`)
    this.#phases.show(rows)
  }

  /** The fault or the left end, the break, the end. */
  #showTicks(): void {
    const { startMs, properMs, endMs, breakAt } = this.#axis
    setAttribute(this.#table, 'data-broken', breakAt === null ? null : 'on')
    if (breakAt !== null) this.#table.style.setProperty('--break', percent(breakAt))
    const leftMs = Math.max(0, startMs)
    const [left, middle, right] = this.#ticks.children as unknown as HTMLElement[]
    setText(left!, leftMs === 0 ? '0' : `+${duration(leftMs)}`)
    left!.style.left = percent(shareOf(this.#axis, leftMs))
    setText(middle!, breakAt === null ? '' : `+${duration(properMs)}`)
    setText(right!, `+${duration(endMs)}`)
  }

  #makeItem({ id }: Failover): HTMLElement {
    const item = h('div', { class: 'failover-item', role: 'option', id }, h('span'), h('small'))
    item.addEventListener('click', () => this.#page.select({ failover: id }))
    return item
  }

  #updateItem(item: HTMLElement, failover: Failover): void {
    const isChosen = failover.id === this.#chosen?.id
    setAttribute(item, 'aria-selected', String(isChosen))
    if (isChosen) setAttribute(byId('failover-list'), 'aria-activedescendant', failover.id)
    setText(item.querySelector('span')!, failover.title)
    const { unavailableMs, unreadableMs } = failover
    const times = [
      unavailableMs === null ? [] : `writes ${duration(unavailableMs)}`,
      unreadableMs === null ? [] : `reads ${duration(unreadableMs)}`,
    ].flat()
    const gaps = times.length === 0 ? '' : ` · without ${times.join(', ')}`
    setText(item.querySelector('small')!, `${clockTime(failover.startMs)}${gaps}`)
  }

  #makeRow({ kind }: PhaseRow): HTMLTableRowElement {
    const bar = h('div', { class: `bar ${kind}` })
    const row = h(
      'tr',
      { title: 'Show the cluster at the end of this phase', tabindex: 0 },
      h('th', { scope: 'row' }, h('span'), h('small')),
      h('td', { class: 'bar-cell' }, h('div', { class: 'track' }, bar)),
      h('td', { class: 'ms' }),
      h('td', { class: 'ms dim' }),
    )
    row.addEventListener('keydown', ({ key }) => {
      if (key === 'Enter') row.click()
    })
    row.addEventListener('click', () => {
      const endMs = Number(row.dataset.endMs)
      if (this.#chosen !== null && !Number.isNaN(endMs)) {
        this.#page.seekToTime(this.#chosen.startMs + Math.max(0, endMs))
      }
    })
    return row
  }

  #updateRow(element: HTMLTableRowElement, row: PhaseRow): void {
    const { name, text, startMs, endMs, kind, epoch } = row
    const [head, barCell, took, at] = element.children
    setText(head!.children[0]!, name)
    setText(head!.children[1]!, text)
    setAttribute(head!, 'title', text)
    const isMissing = endMs === null || startMs === null
    setClass(element, isMissing ? 'missing' : '')
    setAttribute(element, 'data-end-ms', endMs)
    const bar = find(barCell!, '.bar', HTMLElement)
    // An everyday pause between two writes shall not look like a disaster.
    const isEveryday = kind === 'gap' && !isMissing && endMs - startMs < SHOWN_GAP_MS
    setShown(bar, !isMissing && !isEveryday)
    if (isMissing) {
      setText(took!, '–')
      setText(at!, '')
      return
    }
    const share = (ms: number): number => shareOf(this.#axis, ms)
    if (kind === 'phase') {
      setClass(bar, `bar ${epochClass(epoch)}`)
      setAttribute(bar, 'title', epoch === null ? null : `in controller epoch ${epoch}`)
    }
    const isBefore = startMs < this.#axis.startMs
    setAttribute(bar, 'data-before', isBefore ? 'on' : null)
    bar.style.left = percent(share(startMs))
    bar.style.width = percent(share(endMs) - share(startMs))
    setText(took!, kind === 'fault' ? '' : duration(endMs - startMs))
    setText(at!, kind !== 'phase' ? '' : `+${duration(Math.max(0, endMs))}`)
    setAttribute(at!, 'title', 'done so long after the fault')
  }

  #onKey(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step === undefined || this.#shown === null) return
    event.preventDefault()
    event.stopPropagation()
    const all = this.#happened(this.#shown).reverse()
    const chosen = this.#page.selection.failover ?? this.#chosen?.id
    const at = all.findIndex(({ id }) => id === chosen)
    const next = all[Math.min(all.length - 1, Math.max(0, at + step))]
    if (next !== undefined) this.#page.select({ failover: next.id })
  }
}

/** Of a line with room at its end for the thinnest bar. */
function percent(share: number): string {
  return `${(share * 99).toFixed(2)}%`
}

function showGap(element: Element, gapMs: number | null, what: string, otherwise = ''): void {
  const [time, text] = element.children
  setShown(element as HTMLElement, gapMs !== null || otherwise !== '')
  setText(time!, gapMs === null ? otherwise : duration(gapMs))
  setText(text!, gapMs === null ? '' : ` ${what}`)
}

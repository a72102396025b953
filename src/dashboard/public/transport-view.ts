/** Time: hold, step, play, go back, go to now. */
import { byId, ElementList, find, h, setAttribute, setClass, setShown, setText } from './dom.ts'
import { clockTime, duration } from './format.ts'
import { epochClass } from './palette.ts'
import type { Playback } from './playback.ts'
import type { Page, Shown, View } from './shown.ts'

interface Mark {
  readonly atMs: number
  readonly epoch: number | null
  readonly text: string
}

/** Marks nearer to each other than this share of the line are one. */
const MARKS_APART = 0.004

export class TransportView implements View {
  readonly #page: Page
  readonly #playback: Playback
  readonly #scrub = find(document, '#scrub', HTMLInputElement)
  readonly #pause = find(document, '#pause', HTMLButtonElement)
  readonly #live = find(document, '#live', HTMLButtonElement)
  readonly #speed = find(document, '#speed', HTMLSelectElement)
  readonly #marks: ElementList<Mark>
  #marksOf = ''
  #shown: Shown | null = null

  constructor(page: Page, playback: Playback) {
    this.#page = page
    this.#playback = playback
    this.#marks = new ElementList(
      byId('marks'),
      ({ atMs, epoch }) => `${atMs} ${epoch}`,
      () => h('i'),
      (element, mark) => this.#updateMark(element, mark),
    )
    this.#pause.addEventListener('click', () => this.toggle())
    this.#live.addEventListener('click', () => this.goLive())
    byId('back').addEventListener('click', () => this.step(-1))
    byId('forward').addEventListener('click', () => this.step(1))
    this.#speed.addEventListener('change', () => {
      playback.setSpeed(Number(this.#speed.value))
      page.invalidate()
    })
    this.#scrub.addEventListener('input', () => page.seekToTime(this.#momentOfScrub()))
  }

  /** Hold; from where it is held, play. */
  toggle(): void {
    if (this.#playback.mode === 'held') this.#playback.play(performance.now())
    else this.#playback.hold()
    this.#page.invalidate()
  }

  goLive(): void {
    if (this.#shown?.isRecorded === true) {
      this.#playback.seekTo(this.#shown.store.events.length)
    } else this.#playback.goLive()
    this.#page.invalidate()
  }

  step(events: number): void {
    this.#playback.step(events)
    this.#page.invalidate()
  }

  /** To the fault before or after the shown moment. */
  stepFault(direction: 1 | -1): void {
    const { store } = this.#shown!
    const { cursor } = this.#playback
    const places = store.faults.map((place) => place + 1)
    const place =
      direction > 0
        ? places.find((each) => each > cursor)
        : places.findLast((each) => each < cursor)
    if (place !== undefined) this.#page.seek(place)
  }

  render(shown: Shown): void {
    this.#shown = shown
    const { mode, store, atMs, isRecorded, cursor } = shown
    const length = Math.max(1, store.endMs - store.startMs)
    if (document.activeElement !== this.#scrub || mode !== 'held') {
      const share = mode === 'live' ? 1 : (atMs - store.startMs) / length
      this.#scrub.value = String(Math.round(share * 100_000) / 100)
    }
    const moment = store.events.length === 0 ? '' : clockTime(atMs)
    const behindMs = Math.max(0, store.endMs - atMs)
    const end = isRecorded ? 'end' : 'now'
    const behind = mode === 'live' || behindMs === 0 ? end : `−${duration(behindMs)}`
    setAttribute(this.#scrub, 'aria-valuetext', `${moment}, ${behind}`)
    setText(byId('moment'), `${moment}\n${behind} · ${cursor}/${store.events.length}`)
    setText(this.#pause, mode === 'held' ? 'Play' : 'Pause')
    setAttribute(this.#pause, 'aria-pressed', mode === 'held' ? 'true' : 'false')
    setClass(this.#live, mode === 'live' ? 'on' : '')
    setText(this.#live, isRecorded ? 'End' : 'Live')
    setShown(this.#speed.parentElement!, true)
    this.#showMarks(shown)
  }

  #momentOfScrub(): number {
    const { startMs, endMs } = this.#shown!.store
    return startMs + (Number(this.#scrub.value) / 1000) * (endMs - startMs)
  }

  #showMarks({ store }: Shown): void {
    // While it is live the line grows with each event; twice a second is often enough.
    const key = `${store.generation} ${store.startMs} ${Math.floor(store.endMs / 500)}`
    if (key === this.#marksOf) return
    this.#marksOf = key
    const marks: Mark[] = []
    for (const lane of store.lanes.lanes.values()) {
      for (const { startMs, epoch } of lane.controller) {
        marks.push({ atMs: startMs, epoch: epoch ?? -1, text: `controller epoch ${epoch}` })
      }
    }
    for (const place of store.faults) {
      const event = store.events[place]
      if (event?.kind !== 'fault') continue
      marks.push({ atMs: event.atMs, epoch: null, text: event.fault })
    }
    marks.sort((a, b) => a.atMs - b.atMs)
    this.#marks.show(this.#apart(marks, store.endMs - store.startMs))
  }

  #apart(marks: readonly Mark[], lengthMs: number): Mark[] {
    const shown: Mark[] = []
    for (const mark of marks) {
      const before = shown.findLast((each) => (each.epoch === null) === (mark.epoch === null))
      if (before !== undefined && mark.atMs - before.atMs < lengthMs * MARKS_APART) continue
      shown.push(mark)
    }
    return shown
  }

  #updateMark(element: HTMLElement, { atMs, epoch, text }: Mark): void {
    const { startMs, endMs } = this.#shown!.store
    const share = (atMs - startMs) / Math.max(1, endMs - startMs)
    element.style.left = `${(share * 100).toFixed(3)}%`
    setClass(element, epoch === null ? 'fault' : `epoch ${epochClass(epoch)}`)
    setAttribute(element, 'title', `${text}, ${clockTime(atMs)}`)
  }
}

/**
 * A lane for each broker: what it is now, what it leads by leader epoch, and what it was over the last
 * time. A colour is an epoch; hatched is what a broker still believes while ZooKeeper says otherwise.
 */

import type { FaultKind } from '../history/events.ts'
import type { ShownBroker } from './cluster-at.ts'
import { byId, ElementList, find, h, setAttribute, setClass, setShown, setText } from './dom.ts'
import { age, duration, plural } from './format.ts'
import { type ControllerSpan, type Lane, type Span, spanAt } from './lane-spans.ts'
import { epochClass } from './palette.ts'
import type { Page, Shown, View } from './shown.ts'
import { Strip, type StripSpan } from './strip.ts'

interface LaneRow {
  readonly key: string
  readonly broker: ShownBroker | null
}

interface LaneParts {
  readonly strip: Strip
  readonly segments: ElementList<Segment>
}

interface Segment {
  readonly epoch: number
  readonly count: number
  readonly isBelief: boolean
}

const NOTHING_LED: Segment = { epoch: -1, count: 0, isBelief: false }
const NO_LANE: Lane = { registered: [], controller: [], faults: [], heard: [], believes: [] }

export class TopologyView implements View {
  readonly #page: Page
  readonly #window = find(document, '#window', HTMLSelectElement)
  readonly #lanes: ElementList<LaneRow>
  readonly #parts = new WeakMap<HTMLElement, LaneParts>()
  #shown: Shown | null = null

  constructor(page: Page) {
    this.#page = page
    this.#window.addEventListener('change', () => page.invalidate())
    this.#lanes = new ElementList(
      byId('lanes'),
      ({ key }) => key,
      (row) => this.#make(row),
      (element, row) => this.#update(element, row),
    )
  }

  get #windowMs(): number {
    return Number(this.#window.value)
  }

  render(shown: Shown): void {
    this.#shown = shown
    const { brokers } = shown.cluster
    setShown(byId('topology-empty'), shown.cursor === 0)
    const rows: LaneRow[] = brokers.map((broker) => ({ key: `${broker.id}`, broker }))
    if (shown.cursor > 0) rows.push({ key: 'zookeeper', broker: null })
    if (shown.store.lanes.clients.writing.length > 0) rows.push({ key: 'clients', broker: null })
    this.#lanes.show(rows)
    this.#showAxis(shown)
  }

  #showAxis({ cursor }: Shown): void {
    const axis = byId('lane-axis')
    setShown(axis, cursor > 0)
    if (axis.childElementCount === 0) axis.append(h('span'), h('span'), h('span'))
    const [start, middle, end] = axis.children
    setText(start!, `−${age(this.#windowMs)}`)
    setText(middle!, `−${age(this.#windowMs / 2)}`)
    setText(end!, this.#shown?.mode === 'live' ? 'now' : 'shown moment')
  }

  #make({ key, broker }: LaneRow): HTMLElement {
    const strip = h('div', { class: broker === null ? 'strip' : 'strip of-broker', role: 'img' })
    const leads = h('div', { class: 'leads' })
    const name =
      broker === null
        ? h('strong', {}, key === 'zookeeper' ? 'ZooKeeper' : 'Clients')
        : h('button', { type: 'button', title: 'Only this broker in the events' })
    name.addEventListener('click', () => {
      if (broker !== null) this.#page.select({ brokerId: broker.id })
    })
    const badge = h('span', { class: 'badge' })
    const state = h('div', { class: 'lane-state' })
    const lane = h(
      'div',
      { class: 'lane', 'data-lane': key },
      h('div', { class: 'lane-name' }, name, badge),
      broker === null ? h('div', { class: 'lane-state' }) : leads,
      state,
      strip,
    )
    if (broker === null) {
      // One line is enough for what leads nothing.
      lane.replaceChildren(h('div', { class: 'lane-name' }, name), strip)
    }
    this.#parts.set(lane, {
      strip: new Strip(strip, (atMs) => this.#page.seekToTime(atMs)),
      segments: new ElementList(
        leads,
        ({ epoch, isBelief }) => `${epoch}${isBelief}`,
        () => h('span'),
        updateSegment,
      ),
    })
    return lane
  }

  #update(element: HTMLElement, { key, broker }: LaneRow): void {
    const shown = this.#shown!
    const { strip, segments } = this.#parts.get(element)!
    if (broker === null) {
      const spans = key === 'zookeeper' ? zookeeperSpans(shown) : clientSpans(shown)
      strip.show(spans, shown.atMs - this.#windowMs, shown.atMs)
      return
    }
    const lane = shown.store.lanes.lanes.get(broker.id) ?? NO_LANE
    const standing = standingOf(broker, lane, shown)
    setAttribute(element, 'data-state', standing.state)
    setText(find(element, '.lane-name button', HTMLButtonElement), `Broker ${broker.id}`)
    showBadge(find(element, '.badge', HTMLElement), standing.badge)
    const state = find(element, '.lane-state', HTMLElement)
    setText(state, standing.words)
    setAttribute(state, 'title', `${standing.words}\n${broker.address}, session ${broker.session}`)
    const led = segmentsOf(broker, standing.state === 'zombie', shown)
    segments.show(led.length > 0 ? led : [NOTHING_LED])
    strip.show(brokerSpans(lane, shown), shown.atMs - this.#windowMs, shown.atMs)
    strip.label(
      `Broker ${broker.id}: ${standing.words}, leads ${plural(broker.leads, 'partition')}`,
    )
  }
}

interface Badge {
  readonly text: string
  readonly epoch: number | null
  readonly isBelief: boolean
}

/** Once it is no longer heard. */
const ENDS_PROCESS: ReadonlySet<FaultKind> = new Set(['kill', 'terminate', 'restart', 'disk-full'])

interface Standing {
  /** `left`: the process is gone, and ZooKeeper does not know it yet. */
  readonly state: 'registered' | 'left' | 'gone' | 'zombie'
  readonly badge: Badge | null
  readonly words: string
}

function standingOf(broker: ShownBroker, lane: Lane, shown: Shown): Standing {
  const { cluster, atMs } = shown
  const fault = spanAt(lane.faults, atMs)
  const isStopped = fault !== null && ENDS_PROCESS.has(fault.fault)
  const isHeard = spanAt(lane.heard, atMs) !== null
  const isZombie = !broker.isRegistered && !isStopped && (isHeard || fault?.fault === 'pause')
  const belief = spanAt(lane.believes, atMs)
  const since = broker.sinceMs === null ? '' : ` for ${age(atMs - broker.sinceMs)}`
  const under = fault === null ? '' : ` · ${fault.fault}`
  const isLeft = broker.isRegistered && isStopped && !isHeard
  const words = isLeft
    ? `gone, still registered${under}`
    : broker.isRegistered
      ? `${broker.address}${isHeard ? '' : ' · log not heard'}${under}`
      : isZombie
        ? `unregistered${since}, yet running${under}`
        : `gone${since}${under}`
  const state = isLeft ? 'left' : broker.isRegistered ? 'registered' : isZombie ? 'zombie' : 'gone'
  return { state, words, badge: badgeOf(broker, belief, cluster.controllerId, shown) }
}

function badgeOf(
  broker: ShownBroker,
  belief: ControllerSpan | null,
  controllerId: number | null,
  { cluster }: Shown,
): Badge | null {
  if (broker.id === controllerId) {
    const epoch = cluster.controllerEpoch
    return { text: `controller · ${epoch ?? '?'}`, epoch, isBelief: false }
  }
  if (belief === null || belief.epoch === null) return null
  return { text: `believes: controller · ${belief.epoch}`, epoch: belief.epoch, isBelief: true }
}

function showBadge(element: HTMLElement, badge: Badge | null): void {
  setShown(element, badge !== null)
  if (badge === null) return
  setText(element, badge.text)
  setClass(element, `badge ${epochClass(badge.epoch)}${badge.isBelief ? ' believes' : ''}`)
}

/** What it leads; of a zombie what it led when its registration went. */
function segmentsOf(broker: ShownBroker, isZombie: boolean, { store, cursor }: Shown): Segment[] {
  const now = broker.leadsByEpoch.map(([epoch, count]) => ({ epoch, count, isBelief: false }))
  if (!isZombie) return now
  const gone = store.znodes.lastEvent(`/brokers/ids/${broker.id}`, cursor)
  if (gone === null) return now
  const then = store.ledBefore(gone, broker.id)
  return [...now, ...then.map(([epoch, count]) => ({ epoch, count, isBelief: true }))]
}

function updateSegment(element: HTMLElement, { epoch, count, isBelief }: Segment): void {
  if (count === 0) {
    setClass(element, 'none')
    setText(element, 'leads no partition')
    return
  }
  setClass(element, `segment ${epochClass(epoch)}${isBelief ? ' believes' : ''}`)
  element.style.flexGrow = String(count)
  const words = `${isBelief ? 'believes it leads' : 'leads'} ${plural(count, 'partition')} in leader epoch ${epoch}`
  setAttribute(element, 'title', words)
  setText(element, `${count} in epoch ${epoch}`)
}

function brokerSpans(lane: Lane, { atMs, store }: Shown): StripSpan[] {
  const until = (span: Span): number => Math.min(span.endMs ?? atMs, atMs)
  const spans: StripSpan[] = []
  // Nobody looked then.
  const nothingKnown = { kind: 'unknown', startMs: 0, endMs: store.startMs, text: '' }
  spans.push(nothingKnown)
  for (const span of lane.registered) {
    spans.push({ kind: 'registered', startMs: span.startMs, endMs: until(span), text: '' })
  }
  for (const span of lane.controller) {
    const text = `epoch ${span.epoch ?? '?'}`
    const kind = `reign ${epochClass(span.epoch)}`
    spans.push({ kind, startMs: span.startMs, endMs: until(span), text })
    const belief = lane.believes.find((each) => each.epoch === span.epoch)
    if (belief === undefined || span.endMs === null) continue
    const endMs = until(belief)
    if (endMs <= span.endMs) continue
    const kindOfBelief = `reign belief believes ${epochClass(span.epoch)}`
    const words = `believes: epoch ${span.epoch}`
    spans.push({ kind: kindOfBelief, startMs: span.endMs, endMs, text: words })
  }
  for (const fault of lane.faults) {
    const text = `${fault.fault}${fault.hasFailed ? ' failed' : ''}`
    spans.push({ kind: 'fault', startMs: fault.startMs, endMs: until(fault), text })
  }
  return spans.filter(({ startMs }) => startMs <= atMs)
}

function zookeeperSpans({ store, atMs }: Shown): StripSpan[] {
  const { heard, faults } = store.lanes.zookeeper
  const until = (span: Span): number => Math.min(span.endMs ?? atMs, atMs)
  return [
    ...heard.map((span) => ({
      kind: 'registered',
      startMs: span.startMs,
      endMs: until(span),
      text: '',
    })),
    ...faults.map((span) => ({
      kind: 'fault',
      startMs: span.startMs,
      endMs: until(span),
      text: span.fault,
    })),
  ].filter(({ startMs }) => startMs <= atMs)
}

function clientSpans({ store, atMs }: Shown): StripSpan[] {
  const { writing, gaps } = store.lanes.clients
  const until = (span: Span): number => Math.min(span.endMs ?? atMs, atMs)
  return [
    ...writing.map((span) => ({
      kind: 'writing',
      startMs: span.startMs,
      endMs: until(span),
      text: '',
    })),
    ...gaps.map((span) => ({
      kind: 'gap',
      startMs: span.startMs,
      endMs: until(span),
      text: duration(until(span) - span.startMs),
    })),
  ].filter(({ startMs }) => startMs <= atMs)
}

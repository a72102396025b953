/** One znode: what it holds, its numbers, who wrote it, and how it came to be so. */
import type { ZnodeEvent } from '../history/events.ts'
import { h } from './dom.ts'
import type { EventStore } from './event-store.ts'
import { diffOf, writerWords } from './event-words.ts'
import { clockTime } from './format.ts'
import type { Page } from './shown.ts'

const CHANGES_MAX = 50

export function znodeDetail(
  path: string,
  store: EventStore,
  cursor: number,
  page: Page,
): HTMLElement[] {
  const event = store.znodes.lastEvent(path, cursor)
  const title = h('strong', { class: 'mono' }, path)
  if (event === null) return [title, h('p', { class: 'hint' }, 'Only a parent of others.')]
  const isGone = event.change === 'deleted'
  const data = isGone ? event.before : event.data
  const writer = event.writer === null && event.change === 'found' ? 'before this history' : null
  const stats: readonly (readonly [string, string])[] = [
    ['version', String(event.version)],
    ['ephemeralOwner', event.ephemeralOwner],
    ['czxid', hex(event.czxid)],
    ['mzxid', hex(event.mzxid)],
    ['written by', writer ?? writerWords(event.writer)],
    [isGone ? 'deleted' : 'changed', clockTime(event.atMs)],
  ]
  const list = h('dl', { class: 'znode-stat' })
  for (const [name, value] of stats) list.append(h('dt', {}, name), h('dd', {}, value))
  const changes = store.znodes.changesOf(path, cursor, CHANGES_MAX)
  return [
    h('p', {}, title, isGone ? ' is deleted; it held' : ''),
    h('pre', { tabindex: 0 }, pretty(data)),
    list,
    h('h3', {}, 'How it came to be so'),
    h(
      'ol',
      { class: 'znode-history', tabindex: 0 },
      ...changes.map((each) => changeItem(each, page)),
    ),
  ]
}

/** What changed, as removed and added text. */
export function diffElement(event: ZnodeEvent): HTMLElement {
  const diff = h('span', { class: 'diff' })
  if (event.change !== 'changed') {
    diff.append(h(event.change === 'deleted' ? 'del' : 'ins', {}, event.change))
    return diff
  }
  const changes = diffOf(event.before, event.data)
  if (changes.length === 0) diff.append('written again, the same')
  for (const { field, before, after } of changes) {
    if (field !== '') diff.append(`${field} `)
    if (before !== null) diff.append(h('del', {}, short(before)), ' ')
    if (after !== null) diff.append(h('ins', {}, short(after)), ' ')
  }
  return diff
}

export function changeWords(event: ZnodeEvent): string {
  const version = event.change === 'deleted' ? '' : `v${event.version} `
  return event.change === 'found' ? version : `${version}by ${writerWords(event.writer)}`
}

function changeItem(event: ZnodeEvent, page: Page): HTMLElement {
  const time = h('button', { type: 'button', title: 'Show this moment' }, clockTime(event.atMs))
  time.addEventListener('click', () => page.seekToTime(event.atMs))
  return h(
    'li',
    {},
    time,
    ' ',
    diffElement(event),
    h('span', { class: 'dim' }, ` ${changeWords(event)}`),
  )
}

function pretty(data: string | null): string {
  if (data === null) return '(no data)'
  try {
    const text = JSON.stringify(JSON.parse(data), null, 2)
    // Lists of replicas are read along a line.
    return text.replace(/\[\s+([^[\]{}]*?)\s+\]/g, (_, items: string) => {
      return `[${items.replace(/\s+/g, ' ')}]`
    })
  } catch {
    return data
  }
}

function short(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

function hex(decimal: string): string {
  return /^\d+$/.test(decimal) ? `0x${BigInt(decimal).toString(16)}` : decimal
}

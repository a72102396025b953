/**
 * Every znode at every moment: for each path the events that told of it. What a znode was at a moment is
 * the last of them before it, so that going back in time folds nothing again.
 */
import type { ClusterEvent, ZnodeEvent } from '../history/events.ts'

interface PathHistory {
  readonly path: string
  /** Places in the list of events, ascending. */
  readonly places: number[]
  /** Names of children that ever were. */
  readonly children: Set<string>
}

export class ZnodeIndex {
  readonly #events: readonly ClusterEvent[]
  readonly #byPath = new Map<string, PathHistory>()
  readonly #places: number[] = []

  /** `events` is the list that grows; each new one is told by `add`. */
  constructor(events: readonly ClusterEvent[]) {
    this.#events = events
    this.#byPath.set('/', { path: '/', places: [], children: new Set() })
  }

  add(event: ZnodeEvent, place: number): void {
    this.#historyOf(event.path).places.push(place)
    this.#places.push(place)
  }

  /** Places of all znode events, ascending. */
  get places(): readonly number[] {
    return this.#places
  }

  /** How many of the first `cursor` events told of znodes. */
  countBefore(cursor: number): number {
    return lowerBound(this.#places, cursor)
  }

  /** What was last heard of a path among the first `cursor` events, its deletion too. */
  lastEvent(path: string, cursor: number): ZnodeEvent | null {
    const places = this.#byPath.get(path)?.places
    if (places === undefined) return null
    const at = lowerBound(places, cursor) - 1
    return at < 0 ? null : (this.#events[places[at]!] as ZnodeEvent)
  }

  /** Null: it was not there. */
  znodeAt(path: string, cursor: number): ZnodeEvent | null {
    const event = this.lastEvent(path, cursor)
    return event === null || event.change === 'deleted' ? null : event
  }

  /** Names in the order of names, numbers by value. A parent is there when a child of it is. */
  childrenAt(path: string, cursor: number): string[] {
    const children = this.#byPath.get(path)?.children
    if (children === undefined) return []
    const prefix = path === '/' ? '/' : `${path}/`
    return [...children].filter((name) => this.existsAt(prefix + name, cursor)).sort(byName)
  }

  existsAt(path: string, cursor: number): boolean {
    const known = this.#byPath.get(path)
    if (known === undefined) return false
    const last = this.lastEvent(path, cursor)
    if (last !== null) return last.change !== 'deleted'
    const prefix = path === '/' ? '/' : `${path}/`
    for (const name of known.children) if (this.existsAt(prefix + name, cursor)) return true
    return false
  }

  /** Events of one path among the first `cursor`, newest first, at most `limit`. */
  changesOf(path: string, cursor: number, limit: number): ZnodeEvent[] {
    const places = this.#byPath.get(path)?.places ?? []
    const end = lowerBound(places, cursor)
    const shown = places.slice(Math.max(0, end - limit), end).reverse()
    return shown.map((place) => this.#events[place] as ZnodeEvent)
  }

  /** Events of all paths, newest first; without what was merely found. */
  latestChanges(cursor: number, limit: number): ZnodeEvent[] {
    const found: ZnodeEvent[] = []
    for (let at = lowerBound(this.#places, cursor) - 1; at >= 0 && found.length < limit; at--) {
      const event = this.#events[this.#places[at]!] as ZnodeEvent
      if (event.change !== 'found') found.push(event)
    }
    return found
  }

  #historyOf(path: string): PathHistory {
    const known = this.#byPath.get(path)
    if (known !== undefined) return known
    const made = { path, places: [], children: new Set<string>() }
    this.#byPath.set(path, made)
    if (path !== '/') {
      const cut = path.lastIndexOf('/')
      this.#historyOf(cut <= 0 ? '/' : path.slice(0, cut)).children.add(path.slice(cut + 1))
    }
    return made
  }
}

/** How many of the ascending numbers are below `limit`. */
export function lowerBound(numbers: readonly number[], limit: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (numbers[middle]! < limit) low = middle + 1
    else high = middle
  }
  return low
}

function byName(a: string, b: string): number {
  const difference = Number(a) - Number(b)
  if (!Number.isNaN(difference) && difference !== 0) return difference
  return a < b ? -1 : a > b ? 1 : 0
}

/** ZooKeeper's tree as it is at the shown moment, and every change with its difference and its writer. */
import type { ZnodeEvent } from '../history/events.ts'
import { byId, ElementList, h, setAttribute, setClass, setShown, setText } from './dom.ts'
import { clockTime } from './format.ts'
import type { Page, Shown, View } from './shown.ts'
import { VirtualRows } from './virtual-rows.ts'
import { changeWords, diffElement, znodeDetail } from './znode-detail.ts'
import { ancestorsOf, rowsOf, type ZnodeRow } from './znode-rows.ts'

const ROW_HEIGHT = 22
/** A znode that changed within this time says so. */
const FRESH_MS = 3_000
const CHANGES_MAX = 200
const OPEN_AT_FIRST = ['/', '/brokers', '/brokers/ids']

export class ZnodeView implements View {
  readonly #page: Page
  readonly #tree = byId('znode-tree')
  readonly #rows: VirtualRows<HTMLElement>
  readonly #changes: ElementList<ZnodeEvent>
  readonly #open = new Set(OPEN_AT_FIRST)
  #shown: Shown | null = null
  #list: readonly ZnodeRow[] = []
  #listOf: readonly unknown[] = []
  #opened = 0
  #selected: string | null = null
  #detailOf: readonly unknown[] = []
  #isTree = true
  #made = 0

  constructor(page: Page) {
    this.#page = page
    this.#rows = new VirtualRows(this.#tree, byId('znode-rows'), {
      rowHeight: ROW_HEIGHT,
      make: () => this.#makeRow(),
      update: (row, index) => this.#updateRow(row, index),
    })
    this.#changes = new ElementList(
      byId('znode-changes'),
      ({ seq }) => String(seq),
      (event) => this.#makeChange(event),
      () => {},
    )
    this.#tree.addEventListener('keydown', (event) => this.#onKey(event))
    const tabs = [byId('znode-tab-tree'), byId('znode-tab-changes')] as const
    tabs.forEach((tab, i) => {
      tab.addEventListener('click', () => this.#showTab(i === 0))
      tab.addEventListener('keydown', ({ key }) => {
        if (key !== 'ArrowLeft' && key !== 'ArrowRight') return
        this.#showTab(!this.#isTree)
        tabs[this.#isTree ? 0 : 1].focus()
      })
    })
  }

  render(shown: Shown): void {
    this.#shown = shown
    const { store, cursor, selection } = shown
    if (selection.znode !== this.#selected) {
      this.#selected = selection.znode
      if (selection.znode !== null) this.#reveal(selection.znode)
    }
    const znodes = store.znodes.countBefore(cursor)
    const inputs = [store.generation, znodes, this.#opened]
    if (inputs.some((input, i) => input !== this.#listOf[i])) {
      this.#listOf = inputs
      this.#list = rowsOf(store.znodes, cursor, this.#open)
    }
    if (this.#isTree) this.#rows.show(this.#list.length)
    else this.#changes.show(store.znodes.latestChanges(cursor, CHANGES_MAX))
    this.#showDetail(znodes)
  }

  #showTab(isTree: boolean): void {
    this.#isTree = isTree
    setShown(this.#tree, isTree)
    setShown(byId('znode-changes'), !isTree)
    const tabs = [byId('znode-tab-tree'), byId('znode-tab-changes')]
    tabs.forEach((tab, i) => {
      const isOn = (i === 0) === isTree
      setAttribute(tab, 'aria-selected', String(isOn))
      setAttribute(tab, 'tabindex', isOn ? 0 : -1)
    })
    this.#page.invalidate()
  }

  #showDetail(znodes: number): void {
    const { store, cursor, selection } = this.#shown!
    const inputs = [store.generation, znodes, selection.znode]
    if (inputs.every((input, i) => input === this.#detailOf[i])) return
    this.#detailOf = inputs
    const detail = byId('znode-detail')
    if (selection.znode === null) return
    detail.replaceChildren(...znodeDetail(selection.znode, store, cursor, this.#page))
  }

  #reveal(path: string): void {
    for (const each of ancestorsOf(path)) this.#open.add(each)
    this.#opened++
    const { store, cursor } = this.#shown!
    this.#list = rowsOf(store.znodes, cursor, this.#open)
    this.#listOf = []
    this.#rows.show(this.#list.length)
    const at = this.#list.findIndex((row) => row.path === path)
    if (at >= 0) this.#rows.scrollTo(at)
  }

  #toggle(path: string, isOpen = !this.#open.has(path)): void {
    if (isOpen) this.#open.add(path)
    else this.#open.delete(path)
    this.#opened++
    this.#page.invalidate()
  }

  #makeRow(): HTMLElement {
    const id = `znode-row-${this.#made++}`
    const row = h('div', { class: 'znode-row', role: 'treeitem', id })
    row.append(
      h('span', { class: 'twist' }),
      h('span', { class: 'name' }),
      h('span', { class: 'ephemeral', title: 'ephemeral: goes with its session' }, 'e'),
      h('span', { class: 'fresh' }, 'changed'),
      h('span', { class: 'preview' }),
    )
    row.addEventListener('click', (event) => {
      const path = row.dataset.path ?? '/'
      const onTwist = (event.target as Element).classList.contains('twist')
      if (onTwist || this.#selected === path) this.#toggle(path)
      else if (!this.#open.has(path)) this.#toggle(path, true)
      if (!onTwist) this.#page.select({ znode: path })
    })
    return row
  }

  #updateRow(row: HTMLElement, index: number): void {
    const { store, cursor, atMs, selection } = this.#shown!
    const each = this.#list[index]
    if (each === undefined) return
    const event = store.znodes.znodeAt(each.path, cursor)
    const [twist, name, ephemeral, fresh, preview] = row.children as unknown as HTMLElement[]
    setAttribute(row, 'data-path', each.path)
    setAttribute(row, 'aria-level', each.depth + 1)
    setAttribute(row, 'aria-expanded', each.children > 0 ? String(each.isOpen) : null)
    setAttribute(row, 'aria-selected', String(each.path === selection.znode))
    if (each.path === selection.znode) setAttribute(this.#tree, 'aria-activedescendant', row.id)
    row.style.paddingLeft = `${6 + each.depth * 14}px`
    setText(twist!, each.children === 0 ? '' : each.isOpen ? '▾' : '▸')
    setText(name!, each.name)
    setShown(ephemeral!, event !== null && event.ephemeralOwner !== '0x0')
    const isFresh = event !== null && event.change !== 'found' && atMs - event.atMs < FRESH_MS
    setShown(fresh!, isFresh)
    setText(fresh!, event?.change === 'created' ? 'new' : 'changed')
    const count = each.children > 0 ? `(${each.children}) ` : ''
    setText(preview!, `${count}${(event?.data ?? '').slice(0, 120)}`)
  }

  #makeChange(event: ZnodeEvent): HTMLElement {
    const item = h(
      'li',
      {},
      h('time', {}, clockTime(event.atMs)),
      ` ${event.path} `,
      diffElement(event),
      h('span', { class: 'dim' }, ` ${changeWords(event)}`),
    )
    item.addEventListener('click', () => this.#page.select({ znode: event.path }))
    setClass(item, 'change')
    return item
  }

  #onKey(event: KeyboardEvent): void {
    const selected = this.#page.selection.znode
    const at = this.#list.findIndex(({ path }) => path === selected)
    const row = this.#list[at]
    const go = (index: number): void => {
      const next = this.#list[Math.min(this.#list.length - 1, Math.max(0, index))]
      if (next === undefined) return
      this.#page.select({ znode: next.path })
      this.#rows.scrollTo(this.#list.indexOf(next))
    }
    switch (event.key) {
      case 'ArrowDown':
        go(at + 1)
        break
      case 'ArrowUp':
        go(at - 1)
        break
      case 'Home':
        go(0)
        break
      case 'End':
        go(this.#list.length - 1)
        break
      case 'ArrowRight':
        if (row !== undefined && row.children > 0 && !row.isOpen) this.#toggle(row.path, true)
        else go(at + 1)
        break
      case 'ArrowLeft':
        if (row?.isOpen === true) this.#toggle(row.path, false)
        else if (row !== undefined) {
          const parent = ancestorsOf(row.path).at(-1)
          go(this.#list.findIndex(({ path }) => path === parent))
        }
        break
      case 'Enter':
        if (row !== undefined) this.#toggle(row.path)
        break
      default:
        return
    }
    event.preventDefault()
    event.stopPropagation()
  }
}

/**
 * Partitions by brokers: who leads, who is in sync, who lags, who is gone. Only the rows in view exist;
 * the mosaic above shows all of them, one dot each, and leads to the row.
 */
import type { ShownCluster, ShownPartition } from './cluster-at.ts'
import { byId, find, h, setAttribute, setAttributes, setClass, setText } from './dom.ts'
import { Mosaic } from './mosaic.ts'
import { cellOf, flagsOf, hasProblem, isMild, nameOf } from './partition-cell.ts'
import type { Page, Shown, View } from './shown.ts'
import { VirtualRows } from './virtual-rows.ts'

const ROW_HEIGHT = 24

export class MatrixView implements View {
  readonly #page: Page
  readonly #scroller = byId('matrix-scroller')
  readonly #header = byId('matrix-header')
  readonly #filter = find(document, '#matrix-filter', HTMLInputElement)
  readonly #problems = find(document, '#matrix-problems', HTMLInputElement)
  readonly #rows: VirtualRows<HTMLElement>
  readonly #mosaic: Mosaic
  #shown: Shown | null = null
  #partitions: readonly ShownPartition[] = []
  #shownOf: readonly unknown[] = []
  #registered = new Set<number>()
  #made = 0

  constructor(page: Page) {
    this.#page = page
    this.#rows = new VirtualRows(this.#scroller, byId('matrix-rows'), {
      rowHeight: ROW_HEIGHT,
      make: () => this.#makeRow(),
      update: (row, index) => this.#updateRow(row, index),
    })
    this.#mosaic = new Mosaic(find(document, '#mosaic', HTMLCanvasElement), (index) => {
      this.#choose(index)
    })
    setAttributes(this.#scroller, {
      role: 'grid',
      tabindex: 0,
      'aria-label': 'Partitions by brokers',
    })
    setAttribute(this.#header, 'role', 'row')
    this.#filter.addEventListener('input', () => page.invalidate())
    this.#problems.addEventListener('change', () => page.invalidate())
    this.#scroller.addEventListener('keydown', (event) => this.#onKey(event))
  }

  render(shown: Shown): void {
    this.#shown = shown
    const { cluster, selection } = shown
    const inputs = [cluster, this.#filter.value, this.#problems.checked]
    if (inputs.some((input, i) => input !== this.#shownOf[i])) {
      this.#shownOf = inputs
      this.#registered = new Set(
        cluster.brokers.filter((each) => each.isRegistered).map(({ id }) => id),
      )
      this.#partitions = this.#wanted(cluster)
      this.#showHeader(cluster)
    }
    this.#rows.show(this.#partitions.length)
    setAttribute(this.#scroller, 'aria-rowcount', this.#partitions.length + 1)
    this.#mosaic.show(this.#partitions)
    setText(byId('matrix-detail'), this.#detailOf(selection.partition))
  }

  #wanted({ partitions }: ShownCluster): readonly ShownPartition[] {
    const text = this.#filter.value.trim().toLowerCase()
    const onlyProblems = this.#problems.checked
    if (text === '' && !onlyProblems) return partitions
    return partitions.filter(
      (each) => (!onlyProblems || hasProblem(each)) && nameOf(each).toLowerCase().includes(text),
    )
  }

  #showHeader({ brokers }: ShownCluster): void {
    const columns = `minmax(104px, 1fr) 40px repeat(${brokers.length}, minmax(36px, 58px)) minmax(150px, 210px)`
    const minWidth = 104 + 40 + 36 * brokers.length + 150 + 8
    this.#scroller.style.setProperty('--columns', columns)
    this.#scroller.style.setProperty('--min-width', `${minWidth}px`)
    this.#header.style.gridTemplateColumns = columns
    const heads = [
      h('span', { role: 'columnheader' }, 'Partition'),
      h('span', { role: 'columnheader', title: 'in sync, of all replicas' }, 'ISR'),
      ...brokers.map(({ id, leads, preferred, isRegistered }) =>
        h(
          'span',
          {
            role: 'columnheader',
            title: `broker ${id} leads ${leads}, is preferred leader of ${preferred}${isRegistered ? '' : ', is gone'}`,
          },
          h('b', {}, `${isRegistered ? '' : '✕ '}${id}`),
          h('br'),
          `${leads}`,
          h('br'),
          `/${preferred}`,
        ),
      ),
      h('span', { role: 'columnheader' }, 'Remarks'),
    ]
    this.#header.replaceChildren(...heads)
  }

  #makeRow(): HTMLElement {
    const row = h('div', { class: 'matrix-row', role: 'row', id: `matrix-row-${this.#made++}` })
    row.addEventListener('click', () => this.#choose(Number(row.dataset.index)))
    return row
  }

  #updateRow(row: HTMLElement, index: number): void {
    const { cluster, selection } = this.#shown!
    const each = this.#partitions[index]
    if (each === undefined) return
    row.style.gridTemplateColumns = 'var(--columns)'
    setAttribute(row, 'data-index', index)
    setAttribute(row, 'aria-rowindex', index + 2)
    const name = nameOf(each)
    const isSelected = name === selection.partition
    setAttribute(row, 'aria-selected', String(isSelected))
    if (isSelected) setAttribute(this.#scroller, 'aria-activedescendant', row.id)
    const wanted = cluster.brokers.length + 3
    while (row.childElementCount > wanted) row.lastElementChild!.remove()
    while (row.childElementCount < wanted) row.append(h('span', { role: 'gridcell' }))
    const cells = row.children
    setClass(cells[0]!, 'matrix-name')
    setText(cells[0]!, name)
    setAttribute(cells[0]!, 'title', name)
    setClass(cells[1]!, 'matrix-number')
    setText(cells[1]!, `${each.isr.length}/${each.replicas.length}`)
    cluster.brokers.forEach(({ id }, i) => {
      this.#updateCell(cells[i + 2]!, each, id)
    })
    const flags = cells[wanted - 1]!
    setClass(flags, isMild(each) ? 'matrix-flags mild' : 'matrix-flags')
    setText(flags, flagsOf(each))
    setAttribute(flags, 'title', flagsOf(each))
  }

  #updateCell(cell: Element, each: ShownPartition, brokerId: number): void {
    const { sign, kind, words } = cellOf(each, brokerId, this.#registered.has(brokerId))
    const preferred = each.replicas[0] === brokerId ? ' preferred' : ''
    setClass(cell, kind === '' ? '' : `cell ${kind}${preferred}`)
    setText(cell, sign)
    setAttribute(cell, 'title', words === '' ? null : `broker ${brokerId}: ${words}`)
  }

  #choose(index: number): void {
    const each = this.#partitions[index]
    if (each === undefined) return
    const name = nameOf(each)
    const isSame = this.#page.selection.partition === name
    this.#page.select(
      isSame
        ? { partition: null }
        : {
            partition: name,
            znode: `/brokers/topics/${each.topic}/partitions/${each.partition}/state`,
          },
    )
    this.#rows.scrollTo(index)
  }

  #onKey(event: KeyboardEvent): void {
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: this.#rows.pageRows,
      PageUp: -this.#rows.pageRows,
      Home: -this.#partitions.length,
      End: this.#partitions.length,
    }
    const step = steps[event.key]
    if (step === undefined || this.#partitions.length === 0) return
    event.preventDefault()
    event.stopPropagation()
    const selected = this.#page.selection.partition
    const at = this.#partitions.findIndex((each) => nameOf(each) === selected)
    const from = at < 0 ? (step > 0 ? -1 : 0) : at
    const next = Math.min(this.#partitions.length - 1, Math.max(0, from + step))
    if (next !== at) this.#choose(next)
  }

  #detailOf(selected: string | null): string {
    if (selected === null) return 'Choose a row to see only its events and its znode.'
    const each = this.#shown!.cluster.partitions.find((one) => nameOf(one) === selected)
    if (each === undefined) return `${selected} is not there.`
    const leader = each.leader < 0 ? 'no leader' : `leader ${each.leader}`
    const isr = `ISR ${each.isr.join(',')} of ${each.replicas.join(',')}`
    const epochs = `leader epoch ${each.leaderEpoch}, written in controller epoch ${each.controllerEpoch}`
    return `${selected}: ${leader}, ${isr}, ${epochs}, min.insync.replicas ${each.minIsr}.`
  }
}

/**
 * Rows of one height, of which only those in view exist. A hundred thousand cost as much as thirty.
 */

const OVERSCAN = 4

export class VirtualRows<E extends HTMLElement> {
  readonly #scroller: HTMLElement
  readonly #rows: HTMLElement
  readonly #rowHeight: number
  readonly #make: () => E
  readonly #update: (row: E, index: number) => void
  readonly #pool: E[] = []
  #count = 0

  constructor(
    scroller: HTMLElement,
    rows: HTMLElement,
    options: {
      readonly rowHeight: number
      readonly make: () => E
      readonly update: (row: E, index: number) => void
    },
  ) {
    this.#scroller = scroller
    this.#rows = rows
    this.#rowHeight = options.rowHeight
    this.#make = options.make
    this.#update = options.update
    scroller.addEventListener('scroll', () => this.#draw(), { passive: true })
    new ResizeObserver(() => this.#draw()).observe(scroller)
  }

  get count(): number {
    return this.#count
  }

  get isAtEnd(): boolean {
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller
    return scrollTop + clientHeight >= scrollHeight - this.#rowHeight
  }

  /** Rows that fit. */
  get pageRows(): number {
    return Math.max(1, Math.floor(this.#scroller.clientHeight / this.#rowHeight) - 1)
  }

  show(count: number): void {
    if (count !== this.#count) this.#rows.style.height = `${count * this.#rowHeight}px`
    this.#count = count
    this.#draw()
  }

  scrollToEnd(): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight
    this.#draw()
  }

  /** Moves no more than is needed for the row to be in view. */
  scrollTo(index: number): void {
    const top = this.#rows.offsetTop + index * this.#rowHeight
    const head = this.#rows.offsetTop
    const { scrollTop, clientHeight } = this.#scroller
    if (top < scrollTop + head) this.#scroller.scrollTop = top - head
    else if (top + this.#rowHeight > scrollTop + clientHeight) {
      this.#scroller.scrollTop = top + this.#rowHeight - clientHeight
    }
    this.#draw()
  }

  #draw(): void {
    const { scrollTop, clientHeight } = this.#scroller
    const start = Math.floor((scrollTop - this.#rows.offsetTop) / this.#rowHeight) - OVERSCAN
    const first = Math.max(0, Math.min(start, this.#count))
    const wanted = Math.ceil(clientHeight / this.#rowHeight) + 2 * OVERSCAN
    const shown = Math.min(wanted, this.#count - first)
    for (let i = 0; i < shown; i++) {
      const index = first + i
      // By its number a row stays the same element while the list moves under it.
      const row = this.#rowAt(index % wanted)
      row.hidden = false
      row.style.transform = `translateY(${index * this.#rowHeight}px)`
      this.#update(row, index)
    }
    this.#pool.forEach((row, slot) => {
      const offset = (((slot - first) % wanted) + wanted) % wanted
      if (slot >= wanted || offset >= shown) row.hidden = true
    })
  }

  #rowAt(slot: number): E {
    while (this.#pool.length <= slot) {
      const row = this.#make()
      row.hidden = true
      this.#pool.push(row)
      this.#rows.append(row)
    }
    return this.#pool[slot]!
  }
}

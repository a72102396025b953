/** Spans on a line of time. */
import { ElementList, h, setAttribute, setClass, setText } from './dom.ts'
import { clockTime, duration } from './format.ts'

export interface StripSpan {
  /** Classes of style.css. */
  readonly kind: string
  readonly startMs: number
  readonly endMs: number
  readonly text: string
}

/** Narrower spans say what they are only on request. */
const TEXT_FROM_SHARE = 0.1

export class Strip {
  readonly #element: HTMLElement
  readonly #list: ElementList<StripSpan>
  #fromMs = 0
  #toMs = 1

  constructor(element: HTMLElement, goTo: (atMs: number) => void) {
    this.#element = element
    element.addEventListener('click', ({ clientX }) => {
      const { left, width } = element.getBoundingClientRect()
      const share = (clientX - left) / Math.max(1, width)
      goTo(this.#fromMs + share * (this.#toMs - this.#fromMs))
    })
    this.#list = new ElementList(
      element,
      ({ kind, startMs }) => `${kind} ${startMs}`,
      () => h('span', {}, h('b')),
      (span, item) => this.#update(span, item),
    )
  }

  show(spans: readonly StripSpan[], fromMs: number, toMs: number): void {
    this.#fromMs = fromMs
    this.#toMs = toMs
    this.#list.show(spans.filter(({ startMs, endMs }) => endMs >= fromMs && startMs <= toMs))
  }

  label(text: string): void {
    setAttribute(this.#element, 'aria-label', text)
  }

  #update(element: HTMLElement, { kind, startMs, endMs, text }: StripSpan): void {
    const length = this.#toMs - this.#fromMs
    const start = Math.max(0, (startMs - this.#fromMs) / length)
    const share = Math.max(0, Math.min(1, (endMs - this.#fromMs) / length) - start)
    setClass(element, `span ${kind}`)
    element.style.left = `${(start * 100).toFixed(2)}%`
    element.style.width = `${(share * 100).toFixed(2)}%`
    setText(element.firstElementChild!, share >= TEXT_FROM_SHARE ? text : '')
    const what = text === '' ? kind : text
    setAttribute(
      element,
      'title',
      `${what}, from ${clockTime(startMs)}, ${duration(endMs - startMs)}`,
    )
  }
}

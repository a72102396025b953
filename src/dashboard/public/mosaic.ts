/** All partitions at a glance: a dot each, in the order of the rows, on a canvas. */

import type { ShownPartition } from './cluster-at.ts'
import { byId, setShown } from './dom.ts'

/** Below so many the rows themselves are a glance. */
const FROM_PARTITIONS = 60
const DOT = 9
const GAP = 2

export class Mosaic {
  readonly #canvas: HTMLCanvasElement
  #partitions: readonly ShownPartition[] = []
  #width = 0
  #theme = ''

  constructor(canvas: HTMLCanvasElement, choose: (index: number) => void) {
    this.#canvas = canvas
    canvas.addEventListener('click', ({ offsetX, offsetY }) => {
      const perRow = this.#perRow()
      const column = Math.min(perRow - 1, Math.floor(offsetX / (DOT + GAP)))
      choose(Math.floor(offsetY / (DOT + GAP)) * perRow + column)
    })
  }

  show(partitions: readonly ShownPartition[]): void {
    const width = this.#canvas.clientWidth
    const style = getComputedStyle(this.#canvas)
    const theme = style.getPropertyValue('--card')
    const isSame = partitions === this.#partitions && width === this.#width && theme === this.#theme
    if (isSame) return
    this.#partitions = partitions
    this.#width = width
    this.#theme = theme
    const isShown = partitions.length >= FROM_PARTITIONS
    setShown(byId('mosaic-legend'), isShown)
    const rows = isShown ? Math.ceil(partitions.length / this.#perRow()) : 0
    const height = rows * (DOT + GAP)
    const scale = devicePixelRatio
    this.#canvas.style.height = `${height}px`
    this.#canvas.width = Math.round(width * scale)
    this.#canvas.height = Math.round(height * scale)
    const context = this.#canvas.getContext('2d')
    if (context === null || !isShown) return
    context.scale(scale, scale)
    this.#draw(context, style)
  }

  #perRow(): number {
    return Math.max(1, Math.floor((this.#canvas.clientWidth + GAP) / (DOT + GAP)))
  }

  #draw(context: CanvasRenderingContext2D, style: CSSStyleDeclaration): void {
    const colour = (name: string): string => style.getPropertyValue(name).trim()
    const calm = colour('--epoch-none')
    const warn = colour('--warn')
    const bad = colour('--bad')
    const dim = colour('--dim')
    const perRow = this.#perRow()
    this.#partitions.forEach((each, index) => {
      const x = (index % perRow) * (DOT + GAP)
      const y = Math.floor(index / perRow) * (DOT + GAP)
      const isBad = each.isOffline || each.isUnderMinIsr
      context.fillStyle = isBad ? bad : each.isUnderReplicated ? warn : calm
      // The worse, the fuller: readable without colours.
      if (isBad) context.fillRect(x, y, DOT, DOT)
      else if (each.isUnderReplicated) {
        context.fillRect(x, y + DOT / 2, DOT, DOT / 2)
        context.strokeStyle = warn
        context.strokeRect(x + 0.5, y + 0.5, DOT - 1, DOT - 1)
      } else context.fillRect(x + 1, y + 1, DOT - 2, DOT - 2)
      if (each.isSkewed && !isBad) {
        context.fillStyle = dim
        context.fillRect(x + 3, y + 3, DOT - 6, DOT - 6)
      }
    })
  }
}

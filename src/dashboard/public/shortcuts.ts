/** Keys, and the page that lists them. */
import { byId, find, h } from './dom.ts'

export interface Shortcut {
  /** As `KeyboardEvent.key` has it. */
  readonly key: string
  /** As people call it. */
  readonly name: string
  readonly what: string
  readonly run: () => void
}

export const SECTIONS = [
  'topology',
  'failovers',
  'verifier',
  'chaos',
  'matrix',
  'feed',
  'znodes',
  'records',
] as const

const OTHERS: readonly (readonly [string, string])[] = [
  [
    '1 … 8',
    'go to a part of the page: brokers, failovers, verifier, chaos, partitions, events, ZooKeeper, messages',
  ],
  ['Arrows', 'move within partitions, znodes, failovers and time when they have the focus'],
]

export class Shortcuts {
  readonly #byKey = new Map<string, Shortcut>()
  readonly #dialog = find(document, '#help-dialog', HTMLDialogElement)

  constructor(shortcuts: readonly Shortcut[]) {
    const help = { key: '?', name: '?', what: 'these keys', run: () => this.#dialog.showModal() }
    for (const shortcut of [...shortcuts, help]) this.#byKey.set(shortcut.key, shortcut)
    SECTIONS.forEach((id, i) => {
      this.#byKey.set(String(i + 1), { key: '', name: '', what: '', run: () => goTo(id) })
    })
    const rows = [...shortcuts, help].map(({ name, what }) => [name, what] as const)
    byId('key-list').append(
      ...[...rows, ...OTHERS].map(([name, what]) =>
        h('tr', {}, h('td', {}, h('kbd', {}, name)), h('td', {}, what)),
      ),
    )
    byId('help').addEventListener('click', help.run)
    document.addEventListener('keydown', (event) => this.#onKey(event))
  }

  #onKey(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    if (this.#dialog.open) return
    const isTyping = isField(event.target)
    if (isTyping && event.key !== 'Escape') return
    // Buttons and boxes take the space bar for themselves.
    if (event.key === ' ' && takesSpace(event.target)) return
    const shortcut = this.#byKey.get(event.key.length === 1 ? event.key.toLowerCase() : event.key)
    if (shortcut === undefined) return
    event.preventDefault()
    shortcut.run()
  }
}

function goTo(id: string): void {
  const section = byId(id)
  section.focus({ preventScroll: true })
  section.scrollIntoView({ block: 'start' })
}

function takesSpace(target: EventTarget | null): boolean {
  return target instanceof HTMLButtonElement || target instanceof HTMLInputElement
}

function isField(target: EventTarget | null): boolean {
  if (target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement) return true
  const types = ['checkbox', 'radio', 'range', 'button']
  return target instanceof HTMLInputElement && !types.includes(target.type)
}

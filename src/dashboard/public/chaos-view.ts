/** Faults at the push of a button. Each ends by itself; what cannot be done says why. */
import { byId, ElementList, find, h, setAttribute, setShown, setText } from './dom.ts'
import type { FaultSpan } from './lane-spans.ts'
import { ApiError, type FaultOption, type ServerApi } from './server-api.ts'
import type { Page, Shown, View } from './shown.ts'

interface FaultWords {
  readonly name: string
  readonly note: string
}

const WORDS: Readonly<Record<string, FaultWords>> = {
  kill: { name: 'Kill', note: 'kill -9, started again' },
  terminate: { name: 'Terminate', note: 'SIGTERM, started again' },
  pause: { name: 'Pause', note: 'SIGSTOP, then SIGCONT' },
  restart: { name: 'Restart', note: 'SIGTERM and start' },
  'disk-full': { name: 'Fill disk', note: 'writes fail, started again' },
  'cut-zookeeper': { name: 'Cut from ZooKeeper', note: 'nothing passes' },
  'cut-peers': { name: 'Cut from peers', note: 'nothing passes' },
  'cut-clients': { name: 'Cut from clients', note: 'nothing passes' },
  slow: { name: 'Slow links', note: '100 ± 20 ms each way' },
  'expire-session': { name: 'Expire session', note: 'of the broker, at once' },
  'stop-zookeeper': { name: 'Stop ZooKeeper', note: 'started again' },
}

const ZOOKEEPER = 'zookeeper'

interface Target {
  readonly id: number
  readonly words: string
}

export class ChaosView implements View {
  readonly #page: Page
  readonly #api: ServerApi
  readonly #seconds = find(document, '#fault-seconds', HTMLInputElement)
  readonly #buttons: ElementList<FaultOption, HTMLButtonElement>
  readonly #targets: ElementList<Target, HTMLLabelElement>
  readonly #active: ElementList<FaultSpan, HTMLLIElement>
  #target: number | null = null
  #shown: Shown | null = null

  constructor(page: Page, api: ServerApi) {
    this.#page = page
    this.#api = api
    this.#buttons = new ElementList(
      byId('fault-buttons'),
      ({ kind }) => kind,
      (option) => this.#makeButton(option),
      (button, option) => this.#updateButton(button, option),
    )
    this.#targets = new ElementList(
      byId('fault-targets'),
      ({ id }) => String(id),
      (target) => this.#makeTarget(target),
      (label, target) => this.#updateTarget(label, target),
    )
    this.#active = new ElementList(
      byId('active-faults'),
      ({ id }) => id,
      (fault) => this.#makeActive(fault),
      (item, fault) => this.#updateActive(item, fault),
    )
    byId('token-form').addEventListener('submit', (event) => {
      event.preventDefault()
      const field = find(document, '#token', HTMLInputElement)
      api.useToken(field.value.trim())
      field.value = ''
      page.invalidate()
    })
  }

  render(shown: Shown): void {
    this.#shown = shown
    const { cluster } = shown
    const ids = cluster.brokers.map(({ id }) => id)
    if (this.#target === null || !ids.includes(this.#target)) this.#target = ids[0] ?? null
    this.#targets.show(
      cluster.brokers.map(({ id, isRegistered }) => ({
        id,
        words: `${id}${id === cluster.controllerId ? ' controller' : ''}${isRegistered ? '' : ' gone'}`,
      })),
    )
    this.#buttons.show(this.#options())
    setShown(byId('token-form'), this.#reason() === null && this.#api.lacksToken)
    const faults = this.#faultsUnderWay(shown)
    this.#active.show(faults)
    setText(byId('fault-reason'), this.#reason() ?? this.#commonReason())
  }

  /** Why none can be had now. */
  #reason(): string | null {
    const { isRecorded, mode, isConnected } = this.#shown!
    if (isRecorded) return 'A recorded run is shown: there is no cluster to hurt.'
    if (mode !== 'live') return 'The past is shown. Go to Live first.'
    return isConnected ? null : 'The server is not there.'
  }

  /** Said once below the buttons instead of on each. */
  #commonReason(): string {
    const reasons = new Set(this.#api.faultOptions.flatMap(({ reason }) => reason ?? []))
    const all = this.#api.faultOptions.every(({ reason }) => reason !== undefined)
    return all && reasons.size === 1 ? `Not possible: ${[...reasons][0]}.` : ''
  }

  #options(): readonly FaultOption[] {
    const known = this.#api.faultOptions
    return known.length > 0
      ? known
      : Object.keys(WORDS).map((kind) => ({ kind, targets: [], reason: '' }))
  }

  #faultsUnderWay({ store, atMs }: Shown): FaultSpan[] {
    const { lanes, zookeeper } = store.lanes
    const all = [...zookeeper.faults, ...[...lanes.values()].flatMap(({ faults }) => faults)]
    return all.filter(({ startMs, endMs }) => startMs <= atMs && (endMs === null || endMs > atMs))
  }

  #makeButton({ kind }: FaultOption): HTMLButtonElement {
    const words = WORDS[kind] ?? { name: kind, note: '' }
    const button = h(
      'button',
      { type: 'button', 'data-fault': kind },
      words.name,
      h('small', {}, words.note),
    )
    button.addEventListener('click', () => void this.#start(kind))
    return button
  }

  #updateButton(button: HTMLButtonElement, { kind, targets, reason }: FaultOption): void {
    const isOfZooKeeper = targets.includes(ZOOKEEPER)
    const fits = isOfZooKeeper || (this.#target !== null && targets.includes(this.#target))
    const why =
      this.#reason() ?? reason ?? (fits ? null : `not possible for broker ${this.#target}`)
    button.disabled = why !== null
    const words = WORDS[kind] ?? { name: kind, note: '' }
    const whom = isOfZooKeeper ? '' : ` broker ${this.#target}`
    setAttribute(button, 'title', why ?? `${words.name}${whom}: ${words.note}`)
    const isOwn = this.#reason() === null && this.#commonReason() === ''
    setText(button.querySelector('small')!, isOwn && reason ? reason : words.note)
  }

  #makeTarget({ id }: Target): HTMLLabelElement {
    const input = h('input', { type: 'radio', name: 'fault-target', value: id })
    input.addEventListener('change', () => {
      this.#target = id
      this.#page.invalidate()
    })
    return h('label', {}, input, h('span'))
  }

  #updateTarget(label: HTMLLabelElement, { id, words }: Target): void {
    setText(label.querySelector('span')!, `Broker ${words}`)
    label.querySelector('input')!.checked = id === this.#target
  }

  #makeActive(fault: FaultSpan): HTMLLIElement {
    const end = h('button', { type: 'button' }, 'End now')
    end.addEventListener('click', () => {
      end.disabled = true
      this.#api.delete(`/api/faults/${encodeURIComponent(fault.id)}`).catch((error: Error) => {
        end.disabled = false
        this.#page.notice(`The fault was not ended: ${error.message}`)
      })
    })
    return h('li', {}, h('span'), h('progress', { max: 1, value: 1 }), end)
  }

  #updateActive(item: HTMLLIElement, fault: FaultSpan): void {
    const { atMs } = this.#shown!
    const name = WORDS[fault.fault]?.name ?? fault.fault
    const whom = fault.brokerId === null ? '' : `, broker ${fault.brokerId}`
    const leftMs = fault.endsAtMs === null ? null : Math.max(0, fault.endsAtMs - atMs)
    const left = leftMs === null ? '' : `, ends in ${Math.ceil(leftMs / 1000)} s`
    setText(item.querySelector('span')!, `${name}${whom}${left}`)
    const length = (fault.endsAtMs ?? atMs) - fault.startMs
    item.querySelector('progress')!.value = length > 0 ? (leftMs ?? 0) / length : 0
    setShown(item.querySelector('button')!, this.#reason() === null)
  }

  async #start(kind: string): Promise<void> {
    const option = this.#api.faultOptions.find((each) => each.kind === kind)
    const target = option?.targets.includes(ZOOKEEPER) ? ZOOKEEPER : this.#target
    const seconds = Math.min(600, Math.max(1, Number(this.#seconds.value) || 10))
    try {
      await this.#api.post('/api/faults', { kind, target, forMs: seconds * 1000 })
      this.#page.say(`${WORDS[kind]?.name ?? kind}: started`)
    } catch (error) {
      const { message } = error as Error
      this.#page.notice(`${WORDS[kind]?.name ?? kind}: ${message}`)
      if (error instanceof ApiError && error.status === 401) this.#page.invalidate()
    }
  }
}

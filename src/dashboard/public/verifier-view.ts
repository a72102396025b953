/** What the verifier's clients were promised, and whether it was kept. */

import type { VerdictEvent } from '../history/events.ts'
import { byId, find, setAttribute, setText } from './dom.ts'
import { count, duration } from './format.ts'
import type { ServerApi } from './server-api.ts'
import type { Page, Shown, View } from './shown.ts'
import { lowerBound } from './znode-index.ts'

const NOTE = 'Writes unique values with acks=all and reads them back.'

export class VerifierView implements View {
  readonly #toggle = find(document, '#verifier-toggle', HTMLButtonElement)
  readonly #api: ServerApi
  #isBusy = false

  constructor(page: Page, api: ServerApi) {
    this.#api = api
    this.#toggle.addEventListener('click', () => {
      this.#isBusy = true
      page.invalidate()
      const wanted = this.#toggle.dataset.running !== 'true'
      void api
        .post('/api/verifier', { running: wanted })
        .catch((error: Error) => page.notice(`The verifier: ${error.message}`))
        .finally(() => {
          this.#isBusy = false
          page.invalidate()
        })
    })
  }

  render({ store, cursor, isRecorded, mode }: Shown): void {
    const at = lowerBound(store.verdicts, cursor) - 1
    const verdict = at < 0 ? null : (store.events[store.verdicts[at]!] as VerdictEvent)
    const show = (id: string, value: number | undefined): void => {
      setText(byId(id), value === undefined ? '–' : count(value))
    }
    show('count-acked', verdict?.acked)
    show('count-consumed', verdict?.consumed)
    for (const name of ['lost', 'duplicated', 'reordered'] as const) {
      show(`count-${name}`, verdict?.[name])
      const isBad = (verdict?.[name] ?? 0) > 0
      setAttribute(byId(`count-${name}`).parentElement!, 'data-bad', isBad ? 'on' : '')
    }
    const showTime = (id: string, ms: number | undefined): void => {
      setText(byId(id), ms === undefined ? '–' : duration(ms))
    }
    showTime('count-gap', verdict?.longestGapMs)
    showTime('count-read-gap', verdict?.longestReadGapMs)
    const isRunning = verdict?.isRunning ?? false
    setText(this.#toggle, isRunning ? 'Stop' : 'Start')
    setAttribute(this.#toggle, 'data-running', String(isRunning))
    const reason = isRecorded ? 'A recorded run is shown.' : this.#api.verifierReason
    const isPast = mode !== 'live'
    this.#toggle.disabled = this.#isBusy || reason !== null || isPast
    const failed = verdict !== null && verdict.failed > 0 ? ` ${count(verdict.failed)} failed.` : ''
    const state = isRunning ? 'Writing.' : NOTE
    setText(byId('verifier-note'), reason ?? `${state}${failed}`)
  }
}

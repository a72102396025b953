/** The cluster in one line, and how the page hears of it. */
import type { ConnectionState } from './connection.ts'
import { byId, setAttribute, setClass, setText } from './dom.ts'
import { count, plural } from './format.ts'
import { spanAt } from './lane-spans.ts'
import { epochClass } from './palette.ts'
import type { Shown, View } from './shown.ts'

export class HeaderView implements View {
  readonly #link = byId('link')
  readonly #linkText = byId('link-text')
  #connection: ConnectionState = { kind: 'connecting' }

  setConnection(state: ConnectionState): void {
    this.#connection = state
  }

  render(shown: Shown): void {
    this.#showLink(shown)
    const { cluster } = shown
    this.#showController(shown)
    const isHeard = spanAt(shown.store.lanes.zookeeper.heard, shown.atMs) !== null
    const isAway = shown.cursor > 0 && !isHeard
    setText(byId('fact-zookeeper'), shown.cursor === 0 ? '–' : isHeard ? 'heard' : 'not heard')
    setAttribute(byId('fact-zookeeper').parentElement!, 'data-problem', isAway ? 'on' : '')
    const registered = cluster.brokers.filter((each) => each.isRegistered).length
    setText(byId('fact-brokers'), `${registered} of ${cluster.brokers.length}`)
    const partitions = cluster.partitions.length
    setText(
      byId('fact-partitions'),
      `${count(partitions)} in ${plural(cluster.topics.length, 'topic')}`,
    )
    showProblem('fact-offline', cluster.offline)
    showProblem('fact-under-min', cluster.underMinIsr)
    showProblem('fact-under-replicated', cluster.underReplicated)
    setText(byId('fact-skewed'), count(cluster.skewed))
  }

  #showController({ cluster }: Shown): void {
    const problems = cluster.offline + cluster.underMinIsr
    document.title = problems > 0 ? `▲ ${count(problems)} · Samsa` : 'Samsa'
    const fact = byId('fact-controller')
    const { controllerId, controllerEpoch } = cluster
    let badge = fact.querySelector('.badge')
    if (badge === null) {
      fact.textContent = ''
      badge = document.createElement('span')
      fact.append(badge)
    }
    setClass(badge, `badge ${epochClass(controllerId === null ? null : controllerEpoch)}`)
    const epoch = controllerEpoch === null ? '' : ` · epoch ${controllerEpoch}`
    setText(badge, controllerId === null ? 'none' : `broker ${controllerId}${epoch}`)
  }

  #showLink(shown: Shown): void {
    setAttribute(this.#link, 'data-state', shown.mode === 'live' ? this.#connection.kind : 'held')
    setText(this.#linkText, this.#words(shown))
  }

  #words({ mode, isRecorded }: Shown): string {
    const state = this.#connection
    const moving = mode === 'playing' ? ', playing' : ''
    switch (state.kind) {
      case 'off':
        return `Recorded run${moving}`
      case 'live':
        if (isRecorded) return `Recorded run${moving}`
        return mode === 'live' ? 'Live' : `In the past${mode === 'held' ? ', held' : moving}`
      case 'connecting':
        return 'Connecting'
      case 'loading':
        return 'Loading'
      case 'waiting': {
        const seconds = Math.max(0, Math.ceil((state.untilMs - Date.now()) / 1000))
        return `Server gone; again in ${seconds} s`
      }
    }
  }
}

function showProblem(id: string, value: number): void {
  const fact = byId(id)
  setText(fact, count(value))
  setAttribute(fact.parentElement!, 'data-problem', value > 0 ? 'on' : '')
}

/** A partition's messages, a page at a time. */
import { byId, find, h, setAttributes, setShown, setText } from './dom.ts'
import { count, recordTime } from './format.ts'
import type { ServerApi } from './server-api.ts'
import type { Shown, View } from './shown.ts'

interface ShownBytes {
  readonly text: string
  readonly as: 'text' | 'hex'
  readonly bytes: number
}

interface RecordPage {
  readonly topic: string
  readonly partition: number
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly nextOffset: number
  readonly records: readonly {
    readonly offset: number
    readonly timestampMs: number
    readonly key: ShownBytes | null
    readonly value: ShownBytes | null
    readonly headers: readonly (readonly [string, ShownBytes | null])[]
  }[]
}

const PAGE = 50

export class RecordsView implements View {
  readonly #api: ServerApi
  readonly #topic = find(document, '#records-topic', HTMLSelectElement)
  readonly #partition = find(document, '#records-partition', HTMLInputElement)
  readonly #offset = find(document, '#records-offset', HTMLInputElement)
  readonly #older = find(document, '#records-older', HTMLButtonElement)
  readonly #newer = find(document, '#records-newer', HTMLButtonElement)
  readonly #read = find(document, '#records-form [type="submit"]', HTMLButtonElement)
  #topics = ''
  #page: RecordPage | null = null
  /** Why there is no page, until the next try. */
  #problem: string | null = null
  #isRecorded = false
  #followed: string | null = null

  constructor(api: ServerApi) {
    this.#api = api
    const region = { role: 'region', 'aria-label': 'Messages', tabindex: 0 }
    setAttributes(byId('records-scroller'), region)
    byId('records-form').addEventListener('submit', (event) => {
      event.preventDefault()
      void this.#load(this.#offset.value.trim())
    })
    this.#older.addEventListener('click', () => {
      const first = this.#page?.records[0]?.offset ?? this.#page?.highWatermark ?? 0
      void this.#load(String(Math.max(this.#page?.logStartOffset ?? 0, first - PAGE)))
    })
    this.#newer.addEventListener(
      'click',
      () => void this.#load(String(this.#page?.nextOffset ?? 0)),
    )
  }

  render({ cluster, isRecorded, selection }: Shown): void {
    const topics = cluster.topics.join()
    if (topics !== this.#topics) {
      this.#topics = topics
      const { value } = this.#topic
      this.#topic.replaceChildren(
        ...cluster.topics.map((name) => h('option', { value: name }, name)),
      )
      if (cluster.topics.includes(value)) this.#topic.value = value
    }
    this.#read.disabled = isRecorded || cluster.topics.length === 0
    if (isRecorded !== this.#isRecorded) {
      this.#isRecorded = isRecorded
      this.#page = null
      this.#problem = null
      setShown(byId('records-table'), false)
    }
    if (isRecorded) this.#note('A recorded run has no messages: they are in the cluster.')
    else if (this.#page === null) {
      this.#note(this.#problem ?? "Reads straight from the partition's leader; commits nothing.")
    }
    this.#follow(selection.partition)
  }

  /** The partition that is chosen elsewhere is most likely the one to read. */
  #follow(partition: string | null): void {
    if (partition === this.#followed) return
    this.#followed = partition
    const cut = partition?.lastIndexOf('-') ?? -1
    if (partition === null || cut < 0) return
    const topic = partition.slice(0, cut)
    if (!this.#topics.split(',').includes(topic)) return
    this.#topic.value = topic
    this.#partition.value = partition.slice(cut + 1)
  }

  async #load(offset: string): Promise<void> {
    const query = new URLSearchParams({
      topic: this.#topic.value,
      partition: this.#partition.value,
      offset: offset === '' ? 'latest' : offset,
      limit: String(PAGE),
    })
    this.#read.disabled = true
    try {
      this.#show((await this.#api.get(`/api/records?${query}`)) as RecordPage)
    } catch (error) {
      this.#problem = (error as Error).message
      this.#page = null
      this.#older.disabled = true
      this.#newer.disabled = true
      setShown(byId('records-table'), false)
      this.#note(this.#problem)
    } finally {
      this.#read.disabled = false
    }
  }

  #show(page: RecordPage): void {
    this.#page = page
    this.#problem = null
    const rows = page.records.map(({ offset, timestampMs, key, value, headers }) => {
      const { short, long } = recordTime(timestampMs)
      const time = h('td', { title: long }, short)
      const shown = h('td', {}, bytesOf(value))
      for (const [name, bytes] of headers) {
        shown.append(h('div', { class: 'dim' }, `${name}: `, bytesOf(bytes)))
      }
      return h('tr', {}, h('td', {}, String(offset)), time, h('td', {}, bytesOf(key)), shown)
    })
    byId('records-body').replaceChildren(...rows)
    setShown(byId('records-table'), rows.length > 0)
    this.#older.disabled = (page.records[0]?.offset ?? page.highWatermark) <= page.logStartOffset
    this.#newer.disabled = page.nextOffset >= page.highWatermark
    const name = `${page.topic}-${page.partition}`
    const range = `offsets ${count(page.logStartOffset)} to ${count(page.highWatermark)}`
    this.#note(
      `${name} holds ${range} (exclusive)${rows.length === 0 ? '; nothing to show here' : ''}.`,
    )
  }

  #note(text: string): void {
    setText(byId('records-note'), text)
  }
}

function bytesOf(bytes: ShownBytes | null): HTMLElement {
  if (bytes === null) return h('span', { class: 'dim' }, 'null')
  const isCut = bytes.text.length < (bytes.as === 'hex' ? 2 * bytes.bytes : bytes.bytes)
  const rest = isCut && bytes.text.length > 500 ? ` … ${count(bytes.bytes)} bytes` : ''
  return h(
    'span',
    bytes.as === 'hex' ? { class: 'hex', title: 'hexadecimal' } : {},
    bytes.text + rest,
  )
}

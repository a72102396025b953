/** Runs as files: saved from the page, opened by choice or dropped on it. */
import { formatEventLine } from '../history/event-lines.ts'
import { saveFile } from './clipboard.ts'
import { byId, find, setShown } from './dom.ts'
import type { EventStore } from './event-store.ts'

interface RunEvents {
  onText(name: string, text: string): void
  onProblem(text: string): void
}

const SIZE_LIMIT_BYTES = 256 * 1024 * 1024

export class RecordedRuns {
  readonly #store: EventStore
  readonly #events: RunEvents
  readonly #input = find(document, '#file', HTMLInputElement)

  constructor(store: EventStore, events: RunEvents) {
    this.#store = store
    this.#events = events
    this.#input.addEventListener('change', () => {
      void this.#read(this.#input.files?.[0])
      this.#input.value = ''
    })
    this.#listenForDrops()
  }

  choose(): void {
    this.#input.click()
  }

  save(): void {
    const { events, startMs } = this.#store
    const start = new Date(startMs).toISOString().slice(0, 19).replace(/[:T]/g, '-')
    saveFile(`samsa-run-${start}.jsonl`, events.map(formatEventLine))
  }

  async #read(file: File | undefined): Promise<void> {
    if (file === undefined) return
    if (file.size > SIZE_LIMIT_BYTES) {
      this.#events.onProblem(`${file.name} is too large to be a run`)
      return
    }
    this.#events.onText(file.name, await file.text())
  }

  #listenForDrops(): void {
    const drop = byId('drop')
    document.addEventListener('dragover', (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      setShown(drop, true)
    })
    document.addEventListener('dragleave', (event) => {
      if (event.relatedTarget === null) setShown(drop, false)
    })
    document.addEventListener('drop', (event) => {
      event.preventDefault()
      setShown(drop, false)
      void this.#read(event.dataTransfer?.files[0])
    })
  }
}

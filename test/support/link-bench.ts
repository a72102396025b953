/** A link of the proxy between a source and a target that are made of memory, under a fake clock. */
import { Link } from '../../src/chaos/proxy/link.ts'
import { newToxic, type Toxic } from '../../src/chaos/proxy/toxic.ts'
import { FakeClock } from './fake-clock.ts'
import { SeededRandom } from './seeded-random.ts'

export interface Arrival {
  readonly atMs: number
  readonly text: string
}

export class LinkBench {
  readonly clock = new FakeClock()
  readonly link: Link
  readonly arrivals: Arrival[] = []
  /** What became of the link, in order. */
  readonly endings: ('end' | 'close' | 'reset')[] = []
  isFlowing = true
  #hasRoom = true

  constructor(...toxics: object[]) {
    const made = toxics.map(toxicOf)
    this.link = new Link(this.clock, new SeededRandom(1), made, this.#ends())
    this.link.resume()
  }

  push(text: string): void {
    this.link.push(Buffer.from(text))
  }

  /** The target takes nothing, or takes again. */
  set hasRoom(hasRoom: boolean) {
    this.#hasRoom = hasRoom
    if (hasRoom) this.link.resume()
  }

  get text(): string {
    return this.arrivals.map(({ text }) => text).join('')
  }

  /** Moves the clock and gives back what arrived meanwhile. */
  after(ms: number): string {
    const before = this.arrivals.length
    this.clock.advance(ms)
    return this.arrivals
      .slice(before)
      .map(({ text }) => text)
      .join('')
  }

  #ends() {
    const bench = this
    return {
      get hasRoom() {
        return bench.#hasRoom
      },
      write: (data: Buffer) => {
        this.arrivals.push({ atMs: this.clock.monotonicMs(), text: data.toString('latin1') })
      },
      onEnd: (kind: 'end' | 'close') => this.endings.push(kind),
      onReset: () => this.endings.push('reset'),
      onFlow: (isFlowing: boolean) => {
        this.isFlowing = isFlowing
      },
    }
  }
}

export function toxicOf(body: object): Toxic {
  return newToxic(body, () => false)
}

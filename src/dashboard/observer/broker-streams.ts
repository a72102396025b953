/**
 * The event streams of all brokers that registered an HTTP endpoint (`jmx_port`). A stream stays when
 * the registration goes: a broker without its session may well be alive, and that is what is to be
 * seen.
 */
import type { Clock } from '../../base/ports.ts'
import type { UnnumberedEvent, ZnodeEvent } from '../history/events.ts'
import { brokerIdInPath, parseRegistration } from '../history/znode-data.ts'
import { BrokerStream, type StreamAddress } from './broker-stream.ts'
import { WallTime } from './wall-time.ts'

export interface BrokerStreamsOptions {
  /** Where a broker's endpoint is reached from here, when it is not where it says. */
  readonly addressOf?: (brokerId: number, registered: StreamAddress) => StreamAddress | null
  /** Default one second; 0 for never. */
  readonly probeEveryMs?: number
}

const STREAMS_MAX = 500
const HOSTS_MAX = 8
const PROBE_EVERY_MS = 1_000

export class BrokerStreams {
  readonly #clock: Clock
  readonly #emit: (event: UnnumberedEvent) => void
  readonly #options: BrokerStreamsOptions
  readonly #time: WallTime
  readonly #streams = new Map<number, BrokerStream>()

  constructor(
    clock: Clock,
    emit: (event: UnnumberedEvent) => void,
    options: BrokerStreamsOptions = {},
  ) {
    this.#clock = clock
    this.#emit = emit
    this.#options = options
    this.#time = new WallTime(clock)
  }

  get size(): number {
    return this.#streams.size
  }

  /** To be shown every znode event: registrations are among them. */
  onZnode(event: Pick<ZnodeEvent, 'path' | 'change' | 'data'>): void {
    const brokerId = brokerIdInPath(event.path)
    if (brokerId === null || event.change === 'deleted') return
    const addresses = this.#addressesOf(brokerId, event.data)
    const stream = this.#streams.get(brokerId)
    if (addresses.length === 0) {
      stream?.stop()
      this.#streams.delete(brokerId)
    } else if (stream !== undefined) stream.moveTo(addresses)
    else if (this.#streams.size < STREAMS_MAX) {
      this.#streams.set(brokerId, this.#open(brokerId, addresses))
    }
  }

  stop(): void {
    for (const stream of this.#streams.values()) stream.stop()
    this.#streams.clear()
  }

  /** A broker has one host per listener, and not each can be reached from everywhere. */
  #addressesOf(brokerId: number, data: string | null): StreamAddress[] {
    const registration = parseRegistration(data)
    if (registration === null || !isPort(registration.jmxPort)) return []
    const { endpoints, jmxPort: port } = registration
    const hosts = [...new Set(endpoints.map(({ host }) => host))].filter((host) => host !== '')
    const { addressOf } = this.#options
    return hosts.slice(0, HOSTS_MAX).flatMap((host) => {
      const registered = { host, port }
      return addressOf === undefined ? registered : (addressOf(brokerId, registered) ?? [])
    })
  }

  #open(brokerId: number, addresses: readonly StreamAddress[]): BrokerStream {
    const wallMs = () => this.#time.now()
    const probeEveryMs = this.#options.probeEveryMs ?? PROBE_EVERY_MS
    return new BrokerStream(
      this.#clock,
      addresses,
      { wallMs, probeEveryMs },
      {
        onLine: ({ atMs: brokerAtMs, level, logger, message }) =>
          this.#emit({
            kind: 'broker-log',
            atMs: wallMs(),
            brokerId,
            brokerAtMs,
            level,
            logger,
            message,
          }),
        onLink: (isUp) =>
          this.#emit({ kind: 'link', atMs: wallMs(), to: { kind: 'broker', brokerId }, isUp }),
      },
    )
  }
}

function isPort(port: number): boolean {
  return port > 0 && port <= 65_535
}

/**
 * The kinds of faults as data: how long each lasts, what it touches, which ones contradict each other.
 * Pure.
 */
import type { FaultKind } from '../dashboard/history/events.ts'
import type { ClusterTarget, EdgeKind, ProxiedEdge } from './cluster-target.ts'

export type FaultTarget = number | 'zookeeper'

export interface FaultRequest {
  readonly kind: FaultKind
  readonly target: FaultTarget
  /** Default by kind, at most `FOR_MS_MAX`. */
  readonly forMs?: number
  /** Of `slow`; default 100 and 20. */
  readonly latencyMs?: number
  readonly jitterMs?: number
  /** Of `slow`: which links; default all of the broker. */
  readonly links?: readonly EdgeKind[]
  /** Of `disk-full`: one of the broker's `log.dirs`; default all. */
  readonly logDir?: string
}

/** A request whose gaps are filled. */
export interface Fault {
  readonly kind: FaultKind
  readonly target: FaultTarget
  readonly forMs: number
  readonly latencyMs: number
  readonly jitterMs: number
  readonly links: readonly EdgeKind[]
  readonly logDir: string | null
}

export interface FaultOption {
  readonly kind: FaultKind
  readonly targets: readonly FaultTarget[]
  readonly defaultForMs: number
  /** Why there are no targets. */
  readonly reason?: string
}

/** What was asked for cannot be done; the message says why, and what can. */
export class FaultError extends Error {
  readonly reason: 'invalid' | 'impossible' | 'conflict' | 'unknown' | 'closed'

  constructor(reason: FaultError['reason'], message: string) {
    super(message)
    this.name = 'FaultError'
    this.reason = reason
  }
}

export const FOR_MS_MAX = 600_000
const DEFAULT_LATENCY_MS = 100
const DEFAULT_JITTER_MS = 20
const LATENCY_MS_MAX = 60_000
const ALL_LINKS: readonly EdgeKind[] = ['zookeeper', 'peer', 'client']

/** In the order in which they are listed. */
export const DEFAULT_FOR_MS: Readonly<Record<FaultKind, number>> = {
  kill: 10_000,
  terminate: 10_000,
  pause: 10_000,
  restart: 30_000,
  'disk-full': 10_000,
  'cut-zookeeper': 15_000,
  'cut-peers': 15_000,
  'cut-clients': 10_000,
  slow: 20_000,
  'expire-session': 0,
  'stop-zookeeper': 5_000,
}
export const FAULT_KINDS = Object.keys(DEFAULT_FOR_MS) as readonly FaultKind[]

const CUT_LINKS: Partial<Readonly<Record<FaultKind, EdgeKind>>> = {
  'cut-zookeeper': 'zookeeper',
  'cut-peers': 'peer',
  'cut-clients': 'client',
}
const OF_PROCESS: ReadonlySet<FaultKind> = new Set([
  'kill',
  'terminate',
  'pause',
  'restart',
  'disk-full',
])

export function isFaultKind(text: unknown): text is FaultKind {
  return typeof text === 'string' && Object.hasOwn(DEFAULT_FOR_MS, text)
}

/** It is done to a broker's own process or session, not to its links. */
export function isOfBroker(kind: FaultKind): boolean {
  return OF_PROCESS.has(kind) || kind === 'expire-session'
}

export function listOptions(target: ClusterTarget): FaultOption[] {
  return FAULT_KINDS.map((kind) => {
    const targets = targetsOf(kind, target)
    const option = { kind, targets, defaultForMs: DEFAULT_FOR_MS[kind] }
    return targets.length > 0 ? option : { ...option, reason: reasonAgainst(kind, target) }
  })
}

/** Checks a request and fills its gaps. Throws `FaultError`. */
export function resolveFault(request: FaultRequest, target: ClusterTarget): Fault {
  const { kind } = request
  if (!isFaultKind(kind)) {
    throw new FaultError('invalid', `no such fault: ${kind}; one of ${FAULT_KINDS.join(', ')}`)
  }
  const targets = targetsOf(kind, target)
  if (targets.length === 0) {
    throw new FaultError('impossible', `${kind}: ${reasonAgainst(kind, target)}`)
  }
  if (!targets.includes(request.target)) {
    throw new FaultError('invalid', `${kind}: the target is one of ${targets.join(', ')}`)
  }
  const links = request.links ?? ALL_LINKS
  const fault = {
    kind,
    target: request.target,
    forMs: numberBetween('forMs', request.forMs ?? DEFAULT_FOR_MS[kind], 0, FOR_MS_MAX),
    latencyMs: numberBetween(
      'latencyMs',
      request.latencyMs ?? DEFAULT_LATENCY_MS,
      0,
      LATENCY_MS_MAX,
    ),
    jitterMs: numberBetween('jitterMs', request.jitterMs ?? DEFAULT_JITTER_MS, 0, LATENCY_MS_MAX),
    links,
    logDir: request.logDir ?? null,
  }
  if (edgesOf(fault, target.edges).length === 0 && isOfLinks(kind)) {
    throw new FaultError('impossible', `slow: no proxy on ${links.join(', ')} of ${fault.target}`)
  }
  return fault
}

/** The proxied edges that a fault changes. */
export function edgesOf(
  { kind, target, links }: Pick<Fault, 'kind' | 'target' | 'links'>,
  edges: readonly ProxiedEdge[],
): ProxiedEdge[] {
  const link = CUT_LINKS[kind]
  const wanted = link === undefined ? (kind === 'slow' ? links : []) : [link]
  return edges.filter(
    (edge) => wanted.includes(edge.kind) && (edge.from === target || edge.to === target),
  )
}

/** Why two faults cannot be at the same time; null when they can. */
export function contradiction(fault: Fault, active: Fault): string | null {
  if (fault.target !== active.target) return betweenTargets(fault, active)
  const isBoth = (a: (each: Fault) => boolean, b: (each: Fault) => boolean): boolean =>
    (a(fault) && b(active)) || (b(fault) && a(active))
  const isOfProcess = ({ kind }: Fault): boolean => OF_PROCESS.has(kind)
  const isExpiry = ({ kind }: Fault): boolean => kind === 'expire-session'
  const isCutFromZooKeeper = ({ kind }: Fault): boolean => kind === 'cut-zookeeper'
  const isCut = ({ kind }: Fault): boolean => CUT_LINKS[kind] !== undefined
  const isSlow = ({ kind }: Fault): boolean => kind === 'slow'
  if (
    fault.kind === active.kind ||
    isBoth(isOfProcess, isOfProcess) ||
    isBoth(isExpiry, isOfProcess) ||
    isBoth(isExpiry, isCutFromZooKeeper) ||
    isBoth(isCut, isSlow)
  ) {
    return `${nameOf(fault.target)} is under ${active.kind} already`
  }
  return null
}

export function nameOf(target: FaultTarget): string {
  return target === 'zookeeper' ? 'ZooKeeper' : `broker ${target}`
}

/** For people: what is done and what ends it. `restarts`: it is us who start brokers again. */
export function describeFault(fault: Fault, restarts: boolean): string {
  const { kind, target, forMs, latencyMs, jitterMs, logDir } = fault
  const name = nameOf(target)
  const again = restarts ? 'started again' : 'its container starts it again'
  const span = `${forMs / 1000} s`
  switch (kind) {
    case 'kill':
      return `SIGKILL to ${name}, ${again}${restarts ? ` after ${span}` : ''}`
    case 'terminate':
      return `SIGTERM to ${name}, ${again}${restarts ? ` after ${span}` : ''}`
    case 'pause':
      return `SIGSTOP to ${name}, SIGCONT after ${span}`
    case 'restart':
      return `SIGTERM to ${name}, ${again}${restarts ? ' at once' : ''}`
    case 'disk-full':
      return (
        `${logDir ?? 'disk'} of ${name} full` +
        (restarts ? `, the broker ${again} after ${span}` : ` for ${span}, ${again}`)
      )
    case 'cut-zookeeper':
      return `${name} cut off from ZooKeeper for ${span}`
    case 'cut-peers':
      return `${name} cut off from the other brokers for ${span}`
    case 'cut-clients':
      return `${name} cut off from its clients for ${span}`
    case 'slow':
      return `links of ${name} slower by ${latencyMs} ms, give or take ${jitterMs}, for ${span}`
    case 'expire-session':
      return `session of ${name} with ZooKeeper expired`
    case 'stop-zookeeper':
      return `ZooKeeper stopped, started again after ${span}`
  }
}

function betweenTargets(fault: Fault, active: Fault): string | null {
  const isZooKeeperAway = [fault, active].some(({ kind }) => kind === 'stop-zookeeper')
  const needsIt = [fault, active].find(({ kind }) => kind === 'expire-session')
  if (!isZooKeeperAway || needsIt === undefined) return null
  return 'a session can only expire while ZooKeeper runs'
}

function isOfLinks(kind: FaultKind): boolean {
  return kind === 'slow' || CUT_LINKS[kind] !== undefined
}

function targetsOf(kind: FaultKind, target: ClusterTarget): FaultTarget[] {
  if (target.missing?.has(kind)) return []
  if (kind === 'stop-zookeeper') return target.zookeeper === undefined ? [] : ['zookeeper']
  const ids = [...target.brokerIds].sort((a, b) => a - b)
  if (!isOfLinks(kind)) return ids
  return ids.filter(
    (id) => edgesOf({ kind, target: id, links: ALL_LINKS }, target.edges).length > 0,
  )
}

/** What brings them about. */
const PROXIES: Readonly<Record<EdgeKind, string>> = {
  zookeeper: 'samsa up; in containers docker/proxies.env',
  peer: 'samsa up --proxies; in containers docker/proxies.env',
  client: 'samsa up --proxies',
}

function reasonAgainst(kind: FaultKind, target: ClusterTarget): string {
  const told = target.missing?.get(kind)
  if (told !== undefined) return told
  if (target.brokerIds.length === 0) return 'no broker is known'
  if (kind === 'stop-zookeeper') return 'this ZooKeeper is not ours to stop'
  if (!isOfLinks(kind)) return 'not possible on this cluster'
  const link = CUT_LINKS[kind]
  const what = link === undefined ? 'no link' : `no ${link} link`
  return `${what} of this cluster runs through a proxy (${PROXIES[link ?? 'peer']})`
}

function numberBetween(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw new FaultError('invalid', `${name}: expected ${min} to ${max} milliseconds`)
  }
  return value
}

/**
 * A scripted conversation with a ZooKeeper server, written down as text. What differs between two
 * servers by nature is made equal: zxids count from the start of the script, session ids get names,
 * times read `T`, the order of children is sorted.
 */

import type { Transport } from '../../src/base/ports.ts'
import type { JuteReader, JuteWriter } from '../../src/zkserver/jute.ts'
import { WireClient, type WireConnectOptions, type WireReply } from './zk-wire.ts'

type Write = (writer: JuteWriter) => void
export type AclEntry = readonly [permissions: number, scheme: string, id: string]
export const OPEN: readonly AclEntry[] = [[31, 'world', 'anyone']]

export type OpSpec = readonly [opcode: number, write: Write]

export class ZkScript {
  readonly lines: string[] = []
  readonly #transport: Transport
  readonly #host: string
  readonly #port: number
  readonly #root: string
  readonly #clients = new Map<string, WireClient>()
  readonly #sessionNames = new Map<bigint, string>()
  readonly #sessions = new Map<string, { sessionId: bigint; password: Buffer }>()
  #baseZxid: bigint | null = null
  #lastZxid = 0n

  constructor(transport: Transport, host: string, port: number, root: string) {
    this.#transport = transport
    this.#host = host
    this.#port = port
    this.#root = root
  }

  get lastZxid(): bigint {
    return this.#lastZxid
  }

  /** The zxid as this server counts it. */
  absolute(relativeZxid: number): bigint {
    return (this.#baseZxid ?? 0n) + BigInt(relativeZxid)
  }

  path(path: string): string {
    return path.startsWith('~') ? `${this.#root}${path.slice(1)}` : path
  }

  async connect(name: string, options: WireConnectOptions & { resume?: string } = {}) {
    const client = await WireClient.open(this.#transport, this.#host, this.#port)
    this.#clients.set(name, client)
    const resumed = options.resume === undefined ? {} : this.#sessions.get(options.resume)
    const reply = await client.connect({ ...resumed, ...options })
    if (reply === null) {
      this.lines.push(`${name} connect: closed`)
      return
    }
    if (reply.sessionId !== 0n && !this.#sessionNames.has(reply.sessionId)) {
      this.#sessionNames.set(reply.sessionId, `<${name}>`)
    }
    this.#sessions.set(name, reply)
    const session = this.#owner(reply.sessionId)
    const passwordIsZero = reply.password.every((byte) => byte === 0)
    this.lines.push(
      `${name} connect: session ${session} timeout ${reply.timeoutMs} ` +
        `password ${reply.password.length}${passwordIsZero ? ' zeros' : ''}`,
    )
  }

  /** Closes the socket without a word to the server. */
  drop(name: string): void {
    this.#clients.get(name)?.close()
    this.#clients.delete(name)
  }

  /**
   * Sends a request, then pings on every other connection, and writes down all that came, watch
   * events in their place before the replies.
   */
  async request(
    name: string,
    label: string,
    opcode: number,
    write: Write = () => {},
    show: (body: JuteReader) => string = () => '',
    xid?: number,
  ): Promise<void> {
    const client = this.#clients.get(name) as WireClient
    const sentXid = client.send(opcode, write, xid)
    this.lines.push(`${name} ${label}`)
    await this.#collect(name, client, sentXid, show)
    for (const [other, otherClient] of this.#clients) {
      if (other === name || otherClient.isClosed) continue
      otherClient.send(11, () => {}, -2)
      await this.#collect(other, otherClient, -2, () => '')
    }
  }

  async expectClosed(name: string): Promise<void> {
    const reply = await this.#clients.get(name)?.nextReply()
    this.lines.push(`  ${name} ${reply === null ? 'closed' : 'still open'}`)
    this.drop(name)
  }

  end(): void {
    for (const name of [...this.#clients.keys()]) this.drop(name)
  }

  async #collect(
    name: string,
    client: WireClient,
    xid: number,
    show: (body: JuteReader) => string,
  ): Promise<void> {
    for (;;) {
      const reply = await client.nextReply()
      if (reply === null) {
        this.lines.push(`  ${name} closed`)
        this.#clients.delete(name)
        return
      }
      if (reply.xid === -1) {
        this.lines.push(`  ${name} event ${this.#showEvent(reply)}`)
        continue
      }
      if (reply.xid !== xid) this.lines.push(`  ${name} unexpected xid ${reply.xid}`)
      this.#note(reply)
      if (xid !== -2) this.lines.push(`  ${name} ${this.#showReply(reply, show)}`)
      return
    }
  }

  #note(reply: WireReply): void {
    if (reply.zxid > this.#lastZxid) this.#lastZxid = reply.zxid
    this.#baseZxid ??= reply.zxid
  }

  #showReply(reply: WireReply, show: (body: JuteReader) => string): string {
    const head = `zxid ${this.#zxid(reply.zxid)} code ${reply.code}`
    const { body } = reply
    if (reply.code !== 0) return `${head} body ${body.remaining}`
    const text = show(body)
    const rest = body.remaining === 0 ? '' : ` and ${body.remaining} more bytes`
    return `${head} ${text}${rest}`.trimEnd()
  }

  #showEvent({ zxid, body }: WireReply): string {
    return `zxid ${this.#zxid(zxid)} type ${body.int()} state ${body.int()} ${this.show(body.string())}`
  }

  /** Paths without the root of the script. */
  show(path: string): string {
    return path.startsWith(this.#root) ? `~${path.slice(this.#root.length)}` : path
  }

  readonly showPath = (body: JuteReader): string => this.show(body.string())

  readonly showStat = (body: JuteReader): string => {
    const [czxid, mzxid] = [body.long(), body.long()]
    const [ctime, mtime] = [body.long(), body.long()]
    const [version, cversion, aversion] = [body.int(), body.int(), body.int()]
    const owner = body.long()
    const [dataLength, numChildren] = [body.int(), body.int()]
    const pzxid = body.long()
    const time = (value: bigint) => (value === 0n ? '0' : 'T')
    return (
      `[c${this.#zxid(czxid)} m${this.#zxid(mzxid)} p${this.#zxid(pzxid)} ` +
      `ct${time(ctime)} mt${time(mtime)} v${version} cv${cversion} av${aversion} ` +
      `owner ${this.#owner(owner)} len ${dataLength} children ${numChildren}]`
    )
  }

  readonly showData = (body: JuteReader): string => {
    const data = body.buffer()
    return `${data === null ? 'null' : JSON.stringify(data.toString())} ${this.showStat(body)}`
  }

  readonly showChildren = (body: JuteReader): string => {
    const names = body.vector(4, () => body.string())
    return `{${names.sort().join(' ')}}`
  }

  readonly showChildren2 = (body: JuteReader): string =>
    `${this.showChildren(body)} ${this.showStat(body)}`

  readonly showPaths = (body: JuteReader): string => {
    const paths = body.vector(4, () => this.show(body.string()))
    return `{${paths.sort().join(' ')}}`
  }

  readonly showAcl = (body: JuteReader): string => {
    const acl = body.vector(12, () => `${body.int()}:${body.string()}:${body.string()}`)
    return `${acl.join(' ')} ${this.showStat(body)}`
  }

  readonly showInt = (body: JuteReader): string => String(body.int())

  readonly showMulti = (body: JuteReader): string => {
    const results: string[] = []
    for (;;) {
      const type = body.int()
      const done = body.bool()
      const code = body.int()
      if (done) return `(${results.join('; ')}) end ${type},${code}`
      results.push(`${type},${code} ${this.#showResult(type, body)}`.trimEnd())
    }
  }

  #showResult(type: number, body: JuteReader): string {
    switch (type) {
      case 1:
        return this.showPath(body)
      case 15:
      case 19:
        return `${this.showPath(body)} ${this.showStat(body)}`
      case 5:
        return this.showStat(body)
      case 4:
        return this.showData(body)
      case 8:
        return this.showChildren(body)
      case -1:
        return `error ${body.int()}`
      default:
        return ''
    }
  }

  #zxid(zxid: bigint): string {
    if (zxid <= 0n || this.#baseZxid === null) return String(zxid)
    return `+${zxid - this.#baseZxid}`
  }

  #owner(sessionId: bigint): string {
    return this.#sessionNames.get(sessionId) ?? `0x${BigInt.asUintN(64, sessionId).toString(16)}`
  }
}

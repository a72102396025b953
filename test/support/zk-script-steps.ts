/** What the script says to a server: every operation, and the errors in the order of its checks. */

import type { JuteReader, JuteWriter } from '../../src/zkserver/jute.ts'
import { type AclEntry, OPEN, type OpSpec, type ZkScript } from './zk-script.ts'

type Write = (writer: JuteWriter) => void

/** The bodies of requests, and requests that are written down with a readable label. */
export class Steps {
  readonly #script: ZkScript

  constructor(script: ZkScript) {
    this.#script = script
  }

  createBody(path: string, data: string | null, flags = 0, acl = OPEN): Write {
    return (writer) => {
      writer.string(this.#script.path(path)).buffer(data === null ? null : Buffer.from(data))
      writeAcl(writer, acl)
      writer.int(flags)
    }
  }

  versionBody(path: string, version: number): Write {
    return (writer) => writer.string(this.#script.path(path)).int(version)
  }

  setBody(path: string, data: string | null, version: number): Write {
    return (writer) => {
      writer.string(this.#script.path(path)).buffer(data === null ? null : Buffer.from(data))
      writer.int(version)
    }
  }

  readBody(path: string, watch: boolean): Write {
    return (writer) => writer.string(this.#script.path(path)).bool(watch)
  }

  pathBody(path: string): Write {
    return (writer) => writer.string(this.#script.path(path))
  }

  create(who: string, path: string, data: string | null = '', flags = 0, acl = OPEN) {
    const label = `create ${path} ${JSON.stringify(data)} flags ${flags}${showAcl(acl)}`
    const body = this.createBody(path, data, flags, acl)
    return this.#script.request(who, label, 1, body, this.#script.showPath)
  }

  create2(who: string, path: string, flags = 0, opcode = 15) {
    const show = (body: JuteReader) =>
      `${this.#script.showPath(body)} ${this.#script.showStat(body)}`
    const write: Write = (writer) => {
      this.createBody(path, 'x', flags)(writer)
      if (opcode === 21) writer.long(1000n)
    }
    return this.#script.request(
      who,
      `create(${opcode}) ${path} flags ${flags}`,
      opcode,
      write,
      show,
    )
  }

  delete(who: string, path: string, version = -1) {
    const label = `delete ${path} version ${version}`
    return this.#script.request(who, label, 2, this.versionBody(path, version))
  }

  set(who: string, path: string, data: string | null, version = -1) {
    const label = `set ${path} ${JSON.stringify(data)} version ${version}`
    const body = this.setBody(path, data, version)
    return this.#script.request(who, label, 5, body, this.#script.showStat)
  }

  get(who: string, path: string, watch = false) {
    const label = `get ${path}${watch ? ' watch' : ''}`
    return this.#script.request(who, label, 4, this.readBody(path, watch), this.#script.showData)
  }

  exists(who: string, path: string, watch = false) {
    const label = `exists ${path}${watch ? ' watch' : ''}`
    return this.#script.request(who, label, 3, this.readBody(path, watch), this.#script.showStat)
  }

  children(who: string, path: string, watch = false) {
    const label = `children ${path}${watch ? ' watch' : ''}`
    const show = this.#script.showChildren2
    return this.#script.request(who, label, 12, this.readBody(path, watch), show)
  }

  oldChildren(who: string, path: string, watch = false) {
    const label = `children(8) ${path}${watch ? ' watch' : ''}`
    return this.#script.request(
      who,
      label,
      8,
      this.readBody(path, watch),
      this.#script.showChildren,
    )
  }

  getAcl(who: string, path: string) {
    return this.#script.request(
      who,
      `get-acl ${path}`,
      6,
      this.pathBody(path),
      this.#script.showAcl,
    )
  }

  setAcl(who: string, path: string, acl: readonly AclEntry[], version = -1) {
    const label = `set-acl ${path}${showAcl(acl)} version ${version}`
    const write: Write = (writer) => {
      writer.string(this.#script.path(path))
      writeAcl(writer, acl)
      writer.int(version)
    }
    return this.#script.request(who, label, 7, write, this.#script.showStat)
  }

  auth(who: string, scheme: string, proof: string) {
    const write: Write = (writer) => writer.int(0).string(scheme).buffer(Buffer.from(proof))
    return this.#script.request(who, `auth ${scheme} ${proof}`, 100, write, () => '', -4)
  }

  watches(who: string, opcode: number, path: string, number: number) {
    const names: Record<number, string> = { 17: 'check-watches', 18: 'remove-watches' }
    const label = `${names[opcode] ?? 'add-watch'} ${path} ${number}`
    const body = this.versionBody(path, number)
    const show = opcode === 106 ? this.#script.showInt : () => ''
    return this.#script.request(who, label, opcode, body, show)
  }

  setWatches(who: string, relativeZxid: number, lists: readonly (readonly string[])[]) {
    const label = `set-watches since +${relativeZxid} ${JSON.stringify(lists)}`
    const write: Write = (writer) => {
      writer.long(this.#script.absolute(relativeZxid))
      for (const list of lists) {
        writer.vector(list, (path) => writer.string(this.#script.path(path)))
      }
    }
    const opcode = lists.length === 3 ? 101 : 105
    return this.#script.request(who, label, opcode, write, () => '', -8)
  }

  multi(who: string, label: string, ops: readonly OpSpec[], opcode = 14) {
    const write: Write = (writer) => {
      for (const [type, writeOp] of ops) {
        writer.int(type).bool(false).int(-1)
        writeOp(writer)
      }
      writer.int(-1).bool(true).int(-1)
    }
    return this.#script.request(who, `multi ${label}`, opcode, write, this.#script.showMulti)
  }

  raw(who: string, label: string, opcode: number, write: Write = () => {}) {
    return this.#script.request(who, label, opcode, write, (body) => `${body.remaining} bytes`)
  }
}

function writeAcl(writer: JuteWriter, acl: readonly AclEntry[]): void {
  writer.vector(acl, ([permissions, scheme, id]) => {
    writer.int(permissions).string(scheme).string(id)
  })
}

function showAcl(acl: readonly AclEntry[]): string {
  return acl === OPEN ? '' : ` acl ${acl.map((entry) => entry.join(':')).join(' ')}`
}

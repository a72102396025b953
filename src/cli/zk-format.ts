/** Znodes as ZooKeeper's own `zkCli` prints them, and what changed in one. */

import type { ZkStat } from '../zk/zk-client.ts'

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

export function dataText(data: Buffer | null): string {
  return data === null ? 'null' : data.toString('utf8')
}

export function statText(stat: ZkStat): string {
  return [
    `cZxid = ${hex(stat.czxid)}`,
    `ctime = ${dateText(stat.ctimeMs)}`,
    `mZxid = ${hex(stat.mzxid)}`,
    `mtime = ${dateText(stat.mtimeMs)}`,
    `pZxid = ${hex(stat.pzxid)}`,
    `cversion = ${stat.cversion}`,
    `dataVersion = ${stat.version}`,
    `aclVersion = ${stat.aversion}`,
    `ephemeralOwner = ${hex(stat.ephemeralOwner)}`,
    `dataLength = ${stat.dataLength}`,
    `numChildren = ${stat.numChildren}`,
    '',
  ].join('\n')
}

/** As Java prints a `Date`: `Sat Nov 21 04:25:15 UTC 2026`. */
function dateText(wallMs: number): string {
  const date = new Date(wallMs)
  const zone = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
    .formatToParts(date)
    .find(({ type }) => type === 'timeZoneName')
  const day = `${DAYS[date.getDay()]} ${MONTHS[date.getMonth()]} ${two(date.getDate())}`
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${day} ${time} ${zone?.value ?? ''} ${date.getFullYear()}`
}

/** `04:25:15.042`. */
export function timeText(wallMs: number): string {
  const date = new Date(wallMs)
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${time}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

function hex(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** By field where both are JSON objects, else the one and the other. Empty when they are equal. */
export function dataDiff(before: Buffer | null, after: Buffer | null): string[] {
  const [from, to] = [objectIn(before), objectIn(after)]
  if (from === null || to === null) {
    const [removed, added] = [dataText(before), dataText(after)]
    return removed === added ? [] : [`- ${removed}`, `+ ${added}`]
  }
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((key) => {
    const [old, now] = [from.get(key), to.get(key)]
    if (old === now) return []
    if (old === undefined) return [`+ ${key}: ${now}`]
    return [now === undefined ? `- ${key}: ${old}` : `${key}: ${old} -> ${now}`]
  })
}

function objectIn(data: Buffer | null): Map<string, string> | null {
  try {
    const value: unknown = JSON.parse(dataText(data))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    return new Map(Object.entries(value).map(([key, field]) => [key, JSON.stringify(field)]))
  } catch {
    return null
  }
}

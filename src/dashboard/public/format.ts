/** Numbers and times for people. Times are local, as the browser has them. */

/** `09:41:07.123` */
export function clockTime(atMs: number): string {
  const time = new Date(atMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const ms = String(time.getMilliseconds()).padStart(3, '0')
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${ms}`
}

/** `2026-11-21 09:41:07.123` */
export function dayTime(atMs: number): string {
  const time = new Date(atMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day} ${clockTime(atMs)}`
}

/** What a producer wrote may be no time at all: nanoseconds where milliseconds belong, or none. */
export function recordTime(timestampMs: number): { readonly short: string; readonly long: string } {
  const time = new Date(timestampMs)
  if (timestampMs < 0) return { short: '–', long: 'without a timestamp' }
  if (Number.isNaN(time.getTime())) {
    return { short: String(timestampMs), long: `${timestampMs} ms: not a time` }
  }
  return { short: clockTime(timestampMs), long: time.toISOString() }
}

/** `0.4 ms`, `38 ms`, `6.08 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(ms < 9_995 ? 2 : 1)} s`
  const seconds = Math.round(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Rough, for what changes every second: `7 s`, `2 min`. */
export function age(ms: number): string {
  if (ms < 60_000) return `${Math.max(0, Math.floor(ms / 1000))} s`
  const minutes = Math.floor(ms / 60_000)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** `12 345`, with a narrow space that does not break. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f')
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

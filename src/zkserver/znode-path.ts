/** Paths: `/` is the root, `/a/b` a node, nothing ends in a slash. Rules of `PathUtils`. */

import { ErrorCode, RequestError } from './error-codes.ts'

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function childPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`
}

/** The parent as the real server takes it apart: only a slash is asked for, and no NUL. */
export function parentForUpdate(path: string): string {
  if (!path.includes('/') || path.includes('\0')) throw badPath(path)
  const parent = path.slice(0, path.lastIndexOf('/'))
  return parent === '' ? '/' : parent
}

export function validatePath(path: string): void {
  if (!isValidPath(path)) throw badPath(path)
}

export function isValidPath(path: string): boolean {
  if (path === '/') return true
  if (!path.startsWith('/') || path.endsWith('/')) return false
  for (const name of path.slice(1).split('/')) {
    if (name === '' || name === '.' || name === '..') return false
  }
  for (let i = 0; i < path.length; i++) {
    if (isForbidden(path.charCodeAt(i))) return false
  }
  return true
}

/** Control characters, surrogates, private use and the specials. */
function isForbidden(unit: number): boolean {
  if (unit < 0x7f) return unit <= 0x1f
  return unit <= 0x9f || (unit >= 0xd800 && unit <= 0xf8ff) || (unit >= 0xfff0 && unit <= 0xffff)
}

function badPath(path: string): RequestError {
  return new RequestError(ErrorCode.BAD_ARGUMENTS, `bad path ${JSON.stringify(path)}`)
}

/** The rows of the znode tree: what is open, in order. */
import type { ZnodeIndex } from './znode-index.ts'

export interface ZnodeRow {
  readonly path: string
  readonly name: string
  readonly depth: number
  readonly isOpen: boolean
  readonly children: number
}

/** More rows than this are never opened at once. */
const ROWS_MAX = 20_000

export function rowsOf(
  znodes: ZnodeIndex,
  cursor: number,
  open: ReadonlySet<string>,
): readonly ZnodeRow[] {
  const rows: ZnodeRow[] = []
  const visit = (path: string, name: string, depth: number): void => {
    const children = znodes.childrenAt(path, cursor)
    const isOpen = open.has(path)
    rows.push({ path, name, depth, isOpen, children: children.length })
    if (!isOpen || rows.length > ROWS_MAX) return
    const prefix = path === '/' ? '/' : `${path}/`
    for (const child of children) visit(prefix + child, child, depth + 1)
  }
  visit('/', '/', 0)
  return rows
}

/** `/`, `/brokers`, `/brokers/ids` for `/brokers/ids/1`. */
export function ancestorsOf(path: string): string[] {
  const parts = path.split('/').slice(1, -1)
  return ['/', ...parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`)]
}

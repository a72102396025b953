/**
 * Java's properties format: `key=value`, `key: value` or `key value`, comments after `#` or `!`,
 * lines that end in a backslash go on, `\t`, `\u0041` and the like are escapes, the last value of a
 * key counts.
 */

export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>()
  for (const line of logicalLines(text)) {
    const [key, value] = splitPair(line)
    properties.set(unescaped(key), unescaped(value))
  }
  return properties
}

function logicalLines(text: string): string[] {
  const lines: string[] = []
  let begun: string | null = null
  for (const natural of text.split(/\r\n|\n|\r/)) {
    const trimmed = natural.replace(/^[ \t\f]+/, '')
    if (begun === null && (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith('!'))) {
      continue
    }
    const line: string = (begun ?? '') + trimmed
    begun = endsInBackslash(trimmed) ? line.slice(0, -1) : null
    if (begun === null) lines.push(line)
  }
  if (begun !== null) lines.push(begun)
  return lines
}

/** An even number of backslashes are escaped ones. */
function endsInBackslash(line: string): boolean {
  return /\\*$/.exec(line)![0].length % 2 === 1
}

/** The first separator that is not escaped ends the key; spaces around one `=` or `:` go with it. */
function splitPair(line: string): [string, string] {
  let end = 0
  while (end < line.length && !/[ \t\f=:]/.test(line[end]!)) end += line[end] === '\\' ? 2 : 1
  const rest = line.slice(end)
  return [line.slice(0, end), rest.replace(/^[ \t\f]*[=:]?[ \t\f]*/, '')]
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|([\s\S]?))/g, (_, code, char) =>
    code === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(code, 16)),
  )
}

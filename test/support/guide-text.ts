/**
 * A guide whose commands can be run. In its `console` blocks a line that begins with `$ ` is typed and the
 * lines after it are the answer. `…` stands for any text within a line, alone on a line for any lines;
 * `^C` as the last line means that the command runs on until the section ends. Pure.
 */

export interface GuideStep {
  /** In the file, from 1. */
  readonly line: number
  /** The heading that it stands under. */
  readonly section: string
  readonly command: string
  readonly expected: readonly string[]
  readonly runsOn: boolean
}

const ANY = '…'

export function stepsOf(markdown: string): GuideStep[] {
  const steps: GuideStep[] = []
  let section = ''
  let isConsole = false
  let open: { line: number; section: string; command: string; expected: string[] } | null = null
  const close = (): void => {
    if (open === null) return
    const runsOn = open.expected.at(-1) === '^C'
    const expected = runsOn ? open.expected.slice(0, -1) : open.expected
    steps.push({ ...open, expected, runsOn })
    open = null
  }
  markdown.split('\n').forEach((text, at) => {
    if (text.startsWith('```')) {
      close()
      isConsole = text === '```console'
    } else if (isConsole && text.startsWith('$ ')) {
      close()
      open = { line: at + 1, section, command: text.slice(2), expected: [] }
    } else if (isConsole) open?.expected.push(text)
    else section = /^## (.*)/.exec(text)?.[1] ?? section
  })
  return steps
}

/** The command without a comment for the reader. */
export function typed({ command }: GuideStep): string {
  return command.replace(/\s+# .*$/, '')
}

/** How much space there is within a line does not matter, and none at its end. */
function spaced(text: string): string {
  return text
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .join('\n')
    .trim()
}

export function answers(expected: readonly string[], output: string): boolean {
  const lines = expected.map((line) => {
    const text = spaced(line)
    if (text === ANY) return '(?:.*\n)*?'
    return `${text.split(ANY).map(escaped).join('.*?')}\n`
  })
  return new RegExp(`^${lines.join('')}$`).test(`${spaced(output)}\n`.replace(/^\n$/, ''))
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

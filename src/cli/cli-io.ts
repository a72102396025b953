/** What a command sees of the world: `main.ts` gives the real one, a test its own. */

export interface CliIo {
  /** Written as it is: lines end where the text says so. Bytes are values of records. */
  stdout(text: string | Uint8Array): void
  stderr(text: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: CliStdin
}

export interface CliStdin extends AsyncIterable<Buffer | string> {
  readonly isTTY?: boolean
}

/** A command has failed and has said why; `main.ts` exits with the code and prints nothing. */
export class ExitError extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`)
    this.name = 'ExitError'
    this.exitCode = exitCode
  }
}

/** Wrong options: the message and the usage go to stderr. */
export class UsageError extends Error {}

/** The message alone goes to stderr. */
export class PlainError extends Error {}

/** `samsa dump-log`: what the files of a log hold, as `kafka-dump-log.sh` shows it. */
import type { Command } from 'commander'
import { DiskError } from '../base/ports.ts'
import { systemDisk } from '../host/disk.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { CorruptIndexError } from './index-dump.ts'
import { dumpFile } from './log-dump.ts'
import { checkRequired, parseInteger, toolCommand } from './tool-command.ts'

interface Options {
  readonly files?: string
  readonly printDataLog?: boolean
  readonly deepIteration?: boolean
  readonly skipRecordMetadata?: boolean
  readonly indexSanityCheck?: boolean
  readonly verifyIndexOnly?: boolean
  readonly maxBytes: string
}

export function dumpLogCommand(io: CliIo): Command {
  return toolCommand<Options>(io, {
    name: 'dump-log',
    description: 'Prints the batches and records of log files, and the entries of their indexes.',
    options: (command) => {
      command
        .option('--files <files>', 'REQUIRED: .log, .index, .timeindex, .snapshot, .txnindex files')
        .option('--print-data-log', 'print keys and values; implies --deep-iteration')
        .option('--deep-iteration', 'print every record, not only every batch')
        .option('--skip-record-metadata', 'print keys and values only')
        .option('--index-sanity-check', 'only check the indexes')
        .option('--verify-index-only', 'only tell where indexes and log disagree')
        .option('--max-bytes <bytes>', 'how much of a log to look at', '2147483647')
        .option('--max-message-size <bytes>', 'accepted, has no effect')
    },
    run: (options) => run(io, options),
  })
}

async function run(io: CliIo, options: Options): Promise<void> {
  checkRequired({ ...options }, ['files'])
  const printDataLog = options.printDataLog ?? options.skipRecordMetadata ?? false
  const dumpOptions = {
    printDataLog,
    deepIteration: printDataLog || (options.deepIteration ?? false),
    skipRecordMetadata: options.skipRecordMetadata ?? false,
    indexSanityCheck: options.indexSanityCheck ?? false,
    verifyIndexOnly: options.verifyIndexOnly ?? false,
    maxBytes: parseInteger(options.maxBytes, 'max-bytes'),
  }
  for (const file of (options.files ?? '').split(',')) {
    try {
      dumpFile(systemDisk, file, dumpOptions, {
        out: (line) => io.stdout(`${line}\n`),
        err: (line) => io.stderr(`${line}\n`),
      })
    } catch (error) {
      if (!(error instanceof DiskError || error instanceof CorruptIndexError)) throw error
      io.stderr(`${error.message}\n`)
      throw new ExitError(1)
    }
  }
}

/** One broker of a cluster under test: in this process, for speed, or a child, for real deaths. */
import fs from 'node:fs'
import { Broker } from '../broker/broker.ts'
import { loadConfig } from '../broker/config.ts'
import { type BrokerEndpoint, openBrokerEndpoint } from '../host/broker-endpoint.ts'
import { systemBrokerPorts } from '../host/broker-ports.ts'
import { WinstonLoggers } from '../host/logging.ts'
import { propertiesText } from './broker-properties.ts'
import { ServerChild } from './child.ts'
import { type LogFile, openLogFile } from './log-file.ts'

export interface BrokerFiles {
  readonly propertiesFile: string
  readonly logFile: string
}

/** A broker that can be started again after its end. */
export interface BrokerProcess {
  /** Resolves when it serves. */
  start(): Promise<void>
  /** Controlled shutdown. */
  stop(): Promise<void>
  /** Ends it without a word, or holds it (SIGSTOP, SIGCONT). */
  kill(signal: NodeJS.Signals): Promise<void>
  readonly isRunning: boolean
  /** -1 when it is not running. */
  readonly pid: number
}

const STOP_GRACE_MS = 10_000

export class ChildBroker implements BrokerProcess {
  readonly #name: string
  readonly #settings: ReadonlyMap<string, string>
  readonly #files: BrokerFiles
  #child: ServerChild | null = null

  constructor(name: string, settings: ReadonlyMap<string, string>, files: BrokerFiles) {
    this.#name = name
    this.#settings = settings
    this.#files = files
  }

  get isRunning(): boolean {
    return this.#child?.isRunning ?? false
  }

  get pid(): number {
    return this.isRunning ? this.#child!.pid : -1
  }

  async start(): Promise<void> {
    const { propertiesFile, logFile } = this.#files
    fs.writeFileSync(propertiesFile, propertiesText(this.#settings))
    this.#child = new ServerChild({ name: this.#name, args: ['broker', propertiesFile], logFile })
    await this.#child.ready
  }

  async stop(): Promise<void> {
    await this.#child?.stop(STOP_GRACE_MS)
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#child?.kill(signal)
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await this.#child?.ended
  }
}

export class InProcessBroker implements BrokerProcess {
  readonly #settings: ReadonlyMap<string, string>
  readonly #files: BrokerFiles
  readonly #onFatal: (reason: string) => void
  #broker: Broker | null = null
  #log: LogFile | null = null
  #endpoint: BrokerEndpoint | null = null

  constructor(
    settings: ReadonlyMap<string, string>,
    files: BrokerFiles,
    onFatal: (reason: string) => void,
  ) {
    this.#settings = settings
    this.#files = files
    this.#onFatal = onFatal
  }

  get isRunning(): boolean {
    return this.#broker !== null
  }

  get pid(): number {
    return -1
  }

  async start(): Promise<void> {
    this.#log = openLogFile(this.#files.logFile)
    const loggers = new WinstonLoggers({ stream: this.#log.stream })
    const config = loadConfig({
      properties: propertiesText(this.#settings),
      env: {},
      overrides: [],
    })
    const ports = systemBrokerPorts(loggers, this.#onFatal)
    this.#endpoint = await openBrokerEndpoint(config.config, ports, loggers)
    const broker = new Broker({ ...ports, ...this.#endpoint?.ports }, config)
    this.#endpoint?.show(broker)
    await broker.start()
    this.#broker = broker
  }

  async stop(): Promise<void> {
    const broker = this.#broker
    this.#broker = null
    await broker?.shutdown()
    this.#endpoint?.close()
    this.#endpoint = null
    this.#log?.close()
  }

  kill(signal: NodeJS.Signals): Promise<void> {
    const reason = `${signal}: a broker in this process can only be stopped; start with mode 'process'`
    return Promise.reject(new Error(reason))
  }
}

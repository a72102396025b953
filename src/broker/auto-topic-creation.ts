/**
 * What becomes of a topic that a client names and nobody knows. The broker that was asked assigns the
 * replicas and writes the znodes itself, as Kafka does in ZooKeeper mode; the client sees
 * LEADER_NOT_AVAILABLE and asks again.
 */
import { ErrorCode } from '../protocol/error-codes.ts'
import { errorCodeOf } from './handler.ts'

/** Makes a topic with the default partition count and replication factor. Rejects with a code. */
export type CreateWithDefaults = (name: string) => Promise<void>

export class AutoTopicCreation {
  readonly #isEnabled: () => boolean
  readonly #create: CreateWithDefaults
  readonly #isLegalName: (name: string) => boolean
  /** Concurrent requests for one name share one creation. */
  readonly #inFlight = new Map<string, Promise<ErrorCode>>()

  constructor(
    isEnabled: () => boolean,
    isLegalName: (name: string) => boolean,
    create: CreateWithDefaults,
  ) {
    this.#isEnabled = isEnabled
    this.#isLegalName = isLegalName
    this.#create = create
  }

  /** The code that the client gets for `name`; never NONE. */
  onUnknownTopic(name: string, clientAllows: boolean): Promise<ErrorCode> {
    if (!this.#isLegalName(name)) return Promise.resolve(ErrorCode.INVALID_TOPIC_EXCEPTION)
    if (!clientAllows || !this.#isEnabled()) {
      return Promise.resolve(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    }
    const running = this.#inFlight.get(name)
    if (running !== undefined) return running
    const creation = this.#createOnce(name).finally(() => this.#inFlight.delete(name))
    this.#inFlight.set(name, creation)
    return creation
  }

  async #createOnce(name: string): Promise<ErrorCode> {
    try {
      await this.#create(name)
      return ErrorCode.LEADER_NOT_AVAILABLE
    } catch (error) {
      const code = errorCodeOf(error)
      // Somebody else was faster: its leaders are on their way.
      return code === ErrorCode.TOPIC_ALREADY_EXISTS ? ErrorCode.LEADER_NOT_AVAILABLE : code
    }
  }
}

import { ZkSession } from '../../src/zk/zk-session.ts'
import { FakeClock, settlePromises } from './fake-clock.ts'
import { type FakeZkClient, FakeZooKeeper } from './fake-zookeeper.ts'
import { SilentLoggers } from './silent-loggers.ts'

export const SESSION_TIMEOUT_MS = 6_000

/** A session of a fake ZooKeeper, and one more client through which others act. */
export class ZkSessionBench {
  readonly clock = new FakeClock()
  readonly server = new FakeZooKeeper(this.clock)
  readonly loggers = new SilentLoggers()
  readonly session: ZkSession
  readonly others: FakeZkClient
  /** The client of the current session. */
  own!: FakeZkClient

  private constructor() {
    this.others = this.server.connect(SESSION_TIMEOUT_MS)
    this.session = this.newSession()
  }

  static async start(): Promise<ZkSessionBench> {
    const bench = new ZkSessionBench()
    await bench.session.start(1_000)
    return bench
  }

  /** Not started. */
  newSession(): ZkSession {
    const connect = () => {
      this.own = this.server.connect(SESSION_TIMEOUT_MS)
      return this.own
    }
    return new ZkSession({ connect, clock: this.clock, logger: this.loggers.get('zk') })
  }

  async expire(): Promise<void> {
    this.server.expire(this.session.sessionId)
    await settlePromises()
  }

  /** Makes paths, parents before children. */
  async make(...paths: string[]): Promise<void> {
    for (const path of paths) await this.others.create(path, null, 'persistent')
  }

  settle(): Promise<void> {
    return settlePromises()
  }

  linesAt(level: string): string[] {
    return this.loggers.lines.filter((line) => line.startsWith(level))
  }
}

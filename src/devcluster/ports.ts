/** Ports of a local cluster: free ones for tests, and a clear word about taken ones for people. */
import { systemTransport } from '../host/tcp.ts'

const MAX_PORT = 65_535

export interface WantedPort {
  /** What listens there: `broker 1`. */
  readonly name: string
  readonly port: number
  /** The flag that moves it. */
  readonly flag: string
}

/** Rejects when a port is taken, before anything was started. */
export async function checkPorts(host: string, wanted: readonly WantedPort[]): Promise<void> {
  const names = new Map<number, string>()
  for (const { name, port, flag } of wanted) {
    const other = names.get(port)
    if (other !== undefined)
      throw new Error(`${other} and ${name} would share port ${port}: ${flag}`)
    if (port < 1 || port > MAX_PORT)
      throw new Error(`port ${port} of ${name} does not exist: ${flag}`)
    names.set(port, name)
  }
  await Promise.all(
    wanted.map(async ({ name, port, flag }) => {
      try {
        const listener = await systemTransport.listen(host, port, (socket) => socket.destroy())
        await listener.close()
      } catch (error) {
        const { message } = error as Error
        throw new Error(`${name}: ${message} (${flag})`, { cause: error })
      }
    }),
  )
}

/** Ports that were free a moment ago. */
export async function freePorts(host: string, count: number): Promise<number[]> {
  const { ports, release } = await reservePorts(host, count)
  await release()
  return ports
}

export interface ReservedPorts {
  readonly ports: number[]
  /** From now on somebody else may listen there. */
  release(): Promise<void>
}

/** Free ports that nobody is given until they are released. */
export async function reservePorts(host: string, count: number): Promise<ReservedPorts> {
  const listeners = await Promise.all(
    Array.from({ length: count }, () =>
      systemTransport.listen(host, 0, (socket) => socket.destroy()),
    ),
  )
  return {
    ports: listeners.map(({ port }) => port),
    release: async () => {
      await Promise.all(listeners.map((listener) => listener.close()))
    },
  }
}

/** All proxies of a server, by name. What waits (listening) is done one after the other. */
import { SerialQueue } from '../../base/serial-queue.ts'
import {
  ApiError,
  badRequestBody,
  booleanOf,
  missingField,
  objectOf,
  stringOf,
} from './api-error.ts'
import { type ProxyFields, type ProxyPorts, TcpProxy } from './tcp-proxy.ts'

export const MAX_PROXIES = 1_000

/** What came of a list: `failure` ended it, the proxies before it are there. */
export interface Populated {
  readonly proxies: readonly TcpProxy[]
  readonly failure: Error | null
}

export class ProxyCollection {
  readonly #ports: ProxyPorts
  readonly #proxies = new Map<string, TcpProxy>()
  readonly #queue = new SerialQueue()

  constructor(ports: ProxyPorts) {
    this.#ports = ports
  }

  all(): readonly TcpProxy[] {
    return [...this.#proxies.values()]
  }

  /** Throws `ApiError`. */
  get(name: string): TcpProxy {
    const proxy = this.#proxies.get(name)
    if (proxy === undefined) throw new ApiError('proxy not found', 404)
    return proxy
  }

  create(body: unknown): Promise<TcpProxy> {
    return this.#queue.run(async () => {
      const fields = proxyFields(body)
      if (fields.name === '') throw missingField('name')
      if (fields.upstream === '') throw missingField('upstream')
      if (this.#proxies.has(fields.name)) throw new ApiError('proxy already exists', 409)
      return await this.#start(fields)
    })
  }

  /** Those that are there with the same addresses stay as they are. */
  populate(body: unknown): Promise<Populated> {
    return this.#queue.run(async () => {
      const proxies: TcpProxy[] = []
      try {
        for (const fields of populationOf(body)) proxies.push(await this.#createOrReplace(fields))
        return { proxies, failure: null }
      } catch (error) {
        return { proxies, failure: error as Error }
      }
    })
  }

  update(name: string, body: unknown): Promise<TcpProxy> {
    return this.#queue.run(async () => {
      const proxy = this.get(name)
      const { listen, upstream, enabled } = proxy
      await proxy.update(proxyFields(body, { name, listen, upstream, enabled }))
      return proxy
    })
  }

  remove(name: string): Promise<void> {
    return this.#queue.run(() => {
      this.get(name).stop()
      this.#proxies.delete(name)
    })
  }

  /** All up, and without toxics. */
  reset(): Promise<void> {
    return this.#queue.run(async () => {
      for (const proxy of this.all()) {
        await proxy.start()
        proxy.removeAllToxics()
      }
    })
  }

  /** All stopped and forgotten. */
  clear(): Promise<void> {
    return this.#queue.run(() => {
      for (const proxy of this.all()) proxy.stop()
      this.#proxies.clear()
    })
  }

  async #createOrReplace(fields: ProxyFields): Promise<TcpProxy> {
    const present = this.#proxies.get(fields.name)
    if (present !== undefined) {
      if (!(await present.differs(fields.listen, fields.upstream))) return present
      present.stop()
    }
    return await this.#start(fields)
  }

  async #start({ name, listen, upstream, enabled }: ProxyFields): Promise<TcpProxy> {
    if (this.#proxies.size >= MAX_PROXIES && !this.#proxies.has(name)) {
      throw new ApiError('too many proxies', 400)
    }
    const proxy = new TcpProxy(this.#ports, name, listen, upstream)
    if (enabled) await proxy.start()
    this.#proxies.set(name, proxy)
    return proxy
  }
}

const NEW_PROXY: ProxyFields = { name: '', listen: '', upstream: '', enabled: true }

/** What is not given is as in `present`. Throws `ApiError`. */
function proxyFields(body: unknown, present: ProxyFields = NEW_PROXY): ProxyFields {
  const given = objectOf(body, 'a proxy')
  return {
    name: stringOf(given.name, 'name', present.name),
    listen: stringOf(given.listen, 'listen', present.listen),
    upstream: stringOf(given.upstream, 'upstream', present.upstream),
    enabled: booleanOf(given.enabled, 'enabled', present.enabled),
  }
}

/** All are looked at before the first is made. */
function populationOf(body: unknown): readonly ProxyFields[] {
  if (!Array.isArray(body)) throw badRequestBody('expected a list of proxies')
  const list = body.map((each) => proxyFields(each))
  list.forEach(({ name, upstream }, index) => {
    if (name === '') throw missingField(`name at proxy ${index + 1}`)
    if (upstream === '') throw missingField(`upstream at proxy ${index + 1}`)
  })
  return list
}

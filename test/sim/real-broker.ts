/** The broker itself, as the simulator wants it. */

import { Broker } from '../../src/broker/broker.ts'
import { loadConfig } from '../../src/broker/config.ts'
import type { SimBrokerFactory } from './sim-broker.ts'

export const createRealBroker: SimBrokerFactory = (ports, settings) => {
  const overrides = [...settings].map(([key, value]) => `${key}=${value}`)
  return new Broker(ports, loadConfig({ overrides }))
}

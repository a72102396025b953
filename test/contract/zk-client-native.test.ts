import { systemClock } from '../../src/host/clock.ts'
import { loadNativeZooKeeper, type ZkNativeClient } from '../../src/host/zk-native.ts'
import { contractOnEachServer } from './zk-socket-harness.ts'

const native = await loadNativeZooKeeper()

contractOnEachServer(
  'zk-native',
  {
    make: (connect, sessionTimeoutMs) => {
      if (native.kind === 'unavailable') throw new Error(native.reason)
      return native.connect(systemClock, connect, sessionTimeoutMs)
    },
    passwordOf: (client) => (client as ZkNativeClient).sessionPassword,
    lacks: new Set(['null data', 'acl at creation']),
  },
  native.kind === 'unavailable' ? native.reason : undefined,
)

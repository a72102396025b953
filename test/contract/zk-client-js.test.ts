import { contractOnEachServer, jsClients } from './zk-socket-harness.ts'

contractOnEachServer('zk-js', jsClients)

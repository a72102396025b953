/** How a tool gets its client: `main.ts` gives one over real sockets, a test one over fakes. */

import type { ClusterClient } from '../client/cluster-client.ts'

export interface ClusterSettings {
  /** `host:port,host:port`. */
  readonly bootstrap: string
  readonly clientId: string
  /** A Java properties file with more settings of the client. */
  readonly configFile?: string | undefined
}

export type OpenCluster = (settings: ClusterSettings) => ClusterClient

/** The part of the untyped package `node-zookeeper-client` 1.1 that `zk-wire.ts` uses. */

declare module 'node-zookeeper-client/lib/jute/index.js' {
  interface JuteRecord {
    byteLength(): number
    serialize(buffer: Buffer, offset: number): number
    /** Returns how many bytes it read; throws on malformed bytes. */
    deserialize(buffer: Buffer, offset: number): number
  }

  interface JuteStat extends JuteRecord {
    czxid: Buffer
    mzxid: Buffer
    pzxid: Buffer
    ctime: Buffer
    mtime: Buffer
    version: number
    cversion: number
    aversion: number
    ephemeralOwner: Buffer
    dataLength: number
    numChildren: number
  }

  interface JuteAcl extends JuteRecord {
    perms: number
    id: JuteRecord & { scheme: string; id: string }
  }

  /** Positional arguments in the order of `specification.json`. */
  type RecordClass<Fields> = new (...args: unknown[]) => JuteRecord & Fields

  interface TransactionOp {
    readonly type: number
    readonly path: string
    readonly data?: Buffer | null
    readonly version?: number
    readonly mode?: number
    readonly acls?: readonly { toRecord(): JuteRecord }[]
  }

  interface TransactionResult {
    readonly type: number
    readonly path?: string
    readonly stat?: JuteStat
    readonly err?: number
  }

  interface Jute {
    readonly PROTOCOL_VERSION: number
    readonly OP_CODES: {
      readonly CREATE: number
      readonly DELETE: number
      readonly EXISTS: number
      readonly GET_DATA: number
      readonly SET_DATA: number
      readonly GET_ACL: number
      readonly SET_ACL: number
      readonly SYNC: number
      readonly PING: number
      readonly GET_CHILDREN2: number
      readonly CHECK: number
      readonly MULTI: number
      readonly AUTH: number
      readonly SET_WATCHES: number
      readonly CLOSE_SESSION: number
      readonly ERROR: number
    }
    readonly XID_NOTIFICATION: number
    readonly XID_PING: number
    readonly XID_AUTHENTICATION: number
    readonly Request: new (
      header: JuteRecord | null,
      payload: JuteRecord | null,
    ) => { toBuffer(): Buffer }
    readonly TransactionRequest: new (ops: readonly TransactionOp[]) => JuteRecord
    readonly TransactionResponse: new () => JuteRecord & { readonly results: TransactionResult[] }
    readonly data: {
      readonly Id: RecordClass<{ scheme: string; id: string }>
      readonly ACL: RecordClass<{ perms: number }>
    }
    readonly protocol: {
      readonly ConnectRequest: RecordClass<object>
      readonly ConnectResponse: RecordClass<{
        timeOut: number
        sessionId: Buffer
        passwd: Buffer | undefined
      }>
      readonly RequestHeader: RecordClass<object>
      readonly ReplyHeader: RecordClass<{ xid: number; zxid: Buffer; err: number }>
      readonly AuthPacket: RecordClass<object>
      readonly CreateRequest: RecordClass<object>
      readonly CreateResponse: RecordClass<{ path: string }>
      readonly DeleteRequest: RecordClass<object>
      readonly GetChildren2Request: RecordClass<object>
      readonly GetChildren2Response: RecordClass<{ children: string[] | undefined; stat: JuteStat }>
      readonly ExistsRequest: RecordClass<object>
      readonly ExistsResponse: RecordClass<{ stat: JuteStat }>
      readonly SetDataRequest: RecordClass<object>
      readonly SetDataResponse: RecordClass<{ stat: JuteStat }>
      readonly GetDataRequest: RecordClass<object>
      readonly GetDataResponse: RecordClass<{ data: Buffer | undefined; stat: JuteStat }>
      readonly GetACLRequest: RecordClass<object>
      readonly GetACLResponse: RecordClass<{ acl: JuteAcl[] | undefined; stat: JuteStat }>
      readonly SetACLRequest: RecordClass<object>
      readonly SetACLResponse: RecordClass<{ stat: JuteStat }>
      readonly WatcherEvent: RecordClass<{ type: number; path: string | undefined }>
      readonly SetWatches: RecordClass<object>
    }
  }

  const jute: Jute
  export default jute
  export type { Jute, JuteAcl, JuteRecord, JuteStat, TransactionOp, TransactionResult }
}

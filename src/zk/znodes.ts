/**
 * Every znode that Kafka 3.9 knows in ZooKeeper mode: path builders and payload codecs. An encoder
 * writes the JSON text that Kafka writes, key order included; a decoder never throws.
 */

export * from './acl-znodes.ts'
export * from './broker-znodes.ts'
export * from './config-znodes.ts'
export * from './topic-znodes.ts'
export type { Decoded } from './znode-json.ts'
export * from './znode-paths.ts'

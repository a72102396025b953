/**
 * The bitfields of authorized operations (bit n is the operation with code n, KIP-430). Without an
 * authorizer every operation of a resource type is allowed.
 */
const READ = 3
const WRITE = 4
const CREATE = 5
const DELETE = 6
const ALTER = 7
const DESCRIBE = 8
const CLUSTER_ACTION = 9
const DESCRIBE_CONFIGS = 10
const ALTER_CONFIGS = 11
const IDEMPOTENT_WRITE = 12

/** Stands for "the client did not ask". */
export const NOT_ASKED = -2147483648

export const TOPIC_OPERATIONS = bitfield([
  READ,
  WRITE,
  CREATE,
  DELETE,
  ALTER,
  DESCRIBE,
  DESCRIBE_CONFIGS,
  ALTER_CONFIGS,
])

export const CLUSTER_OPERATIONS = bitfield([
  CREATE,
  ALTER,
  DESCRIBE,
  CLUSTER_ACTION,
  DESCRIBE_CONFIGS,
  ALTER_CONFIGS,
  IDEMPOTENT_WRITE,
])

function bitfield(operations: readonly number[]): number {
  return operations.reduce((bits, operation) => bits | (1 << operation), 0)
}

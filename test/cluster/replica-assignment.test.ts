import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Random } from '../../src/base/ports.ts'
import {
  type AssignableBroker,
  alternateRacks,
  assignReplicas,
} from '../../src/cluster/replica-assignment.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'

const brokers = (...ids: number[]): AssignableBroker[] => ids.map((id) => ({ id, rack: null }))
const racked = (racks: Record<number, string>): AssignableBroker[] =>
  Object.entries(racks).map(([id, rack]) => ({ id: Number(id), rack }))
const noRandom: Random = {
  nextInt: () => assert.fail('no random number expected'),
  bytes: () => assert.fail('no random bytes expected'),
}
const sixInThreeRacks = racked({ 0: 'r1', 1: 'r3', 2: 'r3', 3: 'r2', 4: 'r2', 5: 'r1' })

function assigned(
  list: AssignableBroker[],
  factor: number,
  count: number,
  fixedStartIndex: number,
  startPartitionId: number,
): Record<number, number[]> {
  const request = {
    brokers: list,
    partitionCount: count,
    replicationFactor: factor,
    fixedStartIndex,
    startPartitionId,
  }
  const result = assignReplicas(request, noRandom)
  assert(result.kind === 'ok')
  return Object.fromEntries(result.replicas.map((r, i) => [startPartitionId + i, r]))
}

test('three brokers, two replicas, six partitions', () => {
  assert.deepEqual(assigned(brokers(0, 1, 2), 2, 6, 0, 0), {
    0: [0, 1],
    1: [1, 2],
    2: [2, 0],
    3: [0, 2],
    4: [1, 0],
    5: [2, 1],
  })
})

test('five brokers, three replicas: the shift of the followers grows with each lap', () => {
  assert.deepEqual(assigned(brokers(0, 1, 2, 3, 4), 3, 10, 0, 0), {
    0: [0, 1, 2],
    1: [1, 2, 3],
    2: [2, 3, 4],
    3: [3, 4, 0],
    4: [4, 0, 1],
    5: [0, 2, 3],
    6: [1, 3, 4],
    7: [2, 4, 0],
    8: [3, 0, 1],
    9: [4, 1, 2],
  })
})

test('partitions added to a topic continue at their number and start index', () => {
  assert.deepEqual(assigned(brokers(0, 1, 2, 3, 4), 3, 3, 2, 10), {
    10: [2, 1, 3],
    11: [3, 2, 4],
    12: [4, 3, 0],
  })
  assert.deepEqual(assigned(brokers(0, 1, 2), 2, 4, 1, 3), {
    3: [1, 2],
    4: [2, 0],
    5: [0, 1],
    6: [1, 0],
  })
})

test('racks are alternated', () => {
  assert.deepEqual(alternateRacks(sixInThreeRacks), [0, 3, 1, 5, 4, 2])
})

test('three replicas over three racks, one in each', () => {
  assert.deepEqual(assigned(sixInThreeRacks, 3, 7, 0, 0), {
    0: [0, 3, 1],
    1: [3, 1, 5],
    2: [1, 5, 4],
    3: [5, 4, 2],
    4: [4, 2, 0],
    5: [2, 0, 3],
    6: [0, 4, 2],
  })
})

test('two replicas over three racks, continued at partition 12', () => {
  assert.deepEqual(assigned(sixInThreeRacks, 2, 6, 2, 12), {
    12: [1, 3],
    13: [5, 1],
    14: [4, 5],
    15: [2, 4],
    16: [0, 2],
    17: [3, 0],
  })
})

test('one big rack and a small one: every partition is in both', () => {
  assert.deepEqual(assigned(racked({ 0: 'a', 1: 'a', 2: 'a', 3: 'b' }), 2, 4, 0, 0), {
    0: [0, 3],
    1: [3, 1],
    2: [1, 3],
    3: [2, 3],
  })
})

test('start and shift are drawn at random when they are not fixed', () => {
  const drawn: number[] = []
  const random: Random = {
    nextInt: (bound) => {
      drawn.push(bound)
      return 1
    },
    bytes: () => Buffer.alloc(0),
  }
  const request = { brokers: brokers(0, 1, 2), partitionCount: 1, replicationFactor: 2 }
  assert.deepEqual(assignReplicas(request, random), { kind: 'ok', replicas: [[1, 0]] })
  assert.deepEqual(drawn, [3, 3])
})

test('what cannot be placed is refused with the words of Kafka', () => {
  const refusal = (list: AssignableBroker[], partitionCount: number, replicationFactor: number) =>
    assignReplicas({ brokers: list, partitionCount, replicationFactor }, noRandom)
  assert.deepEqual(refusal(brokers(0), 0, 1), {
    kind: 'error',
    code: ErrorCode.INVALID_PARTITIONS,
    message: 'Number of partitions must be larger than 0.',
  })
  assert.deepEqual(refusal(brokers(0), 1, 0), {
    kind: 'error',
    code: ErrorCode.INVALID_REPLICATION_FACTOR,
    message: 'Replication factor must be larger than 0.',
  })
  assert.deepEqual(refusal(brokers(0), 1, 3), {
    kind: 'error',
    code: ErrorCode.INVALID_REPLICATION_FACTOR,
    message: 'Replication factor: 3 larger than available brokers: 1.',
  })
  assert.equal(
    (refusal([...brokers(0), { id: 1, rack: 'a' }], 1, 1) as { code: number }).code,
    ErrorCode.UNKNOWN_SERVER_ERROR,
  )
})

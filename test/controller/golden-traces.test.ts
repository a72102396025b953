/** The reference's own traces: what goes to ZooKeeper and to whom, for the common events. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ControllerCluster } from '../support/controller-cluster.ts'

test('a new topic: its state is created, its replicas hear LeaderAndIsr, everybody the metadata', async () => {
  const cluster = await ControllerCluster.start(3, 3)
  await cluster.createTopic('t', { 0: [1, 2] })
  assert.equal(await cluster.state('t', 0), '(1,0,[1,2],0)')
  assert.deepEqual(cluster.take(), [
    'LAI t-0(1,0,[1,2],0) new -> 1,2',
    'UM t-0(1,0,[1,2],0) -> 1,2,3',
  ])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestId, identityOf, isAllowed, maskDigests, resolveAcl } from '../../src/zkserver/acl.ts'
import { RequestError } from '../../src/zkserver/error-codes.ts'
import { OPEN_ACL, Permission } from '../../src/zkserver/znode.ts'

const anna = { scheme: 'digest', id: digestId('anna:secret') }
const local = { scheme: 'ip', id: '127.0.0.1' }

test('a digest is the base64 of the SHA-1 of user and password', () => {
  // From ZooKeeper's own DigestAuthenticationProvider.
  assert.equal(digestId('super:test'), 'super:D/InIHSb7yEEbrWz8b9l71RjZJU=')
})

test('any of the asked permissions will do', () => {
  const acl = [{ permissions: Permission.READ, ...anna }]
  assert.ok(isAllowed(acl, Permission.READ | Permission.ADMIN, [local, anna]))
  assert.ok(!isAllowed(acl, Permission.WRITE, [local, anna]))
  assert.ok(!isAllowed(acl, Permission.READ, [local]))
  assert.ok(isAllowed(acl, Permission.WRITE, [{ scheme: 'super', id: '' }]))
})

test('an address belongs to a network of its own prefix', () => {
  const inside = (id: string) => isAllowed([{ permissions: 31, scheme: 'ip', id }], 1, [local])
  assert.ok(inside('127.0.0.1'))
  assert.ok(inside('127.0.0.0/8'))
  assert.ok(inside('0.0.0.0/0'))
  assert.ok(!inside('10.0.0.0/8'))
  assert.ok(!inside('127.0.0.2/32'))
})

test('the scheme auth stands for what the client has proved', () => {
  const acl = [{ permissions: 1, scheme: 'auth', id: 'ignored' }]
  assert.deepEqual(resolveAcl(acl, [local, anna], '/a'), [{ permissions: 1, ...anna }])
  assert.throws(() => resolveAcl(acl, [local], '/a'), RequestError)
})

test('an ACL that is open becomes the one that all open nodes share', () => {
  const acl = [{ permissions: 31, scheme: 'world', id: 'anyone' }]
  assert.equal(resolveAcl(acl, [], '/a'), OPEN_ACL)
  assert.equal(resolveAcl([...acl, ...acl], [], '/a'), OPEN_ACL)
})

test('unknown schemes prove nothing, and hashes can be hidden', () => {
  assert.equal(identityOf('sasl', Buffer.from('x'), ''), null)
  assert.deepEqual(maskDigests([{ permissions: 1, ...anna }]), [
    { permissions: 1, scheme: 'digest', id: 'anna:x' },
  ])
})

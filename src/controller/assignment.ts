/**
 * Arithmetic of replica lists during a reassignment (KIP-455). Original replicas: all but those
 * being added. Target replicas: all but those being removed. Order is kept, it is preference order.
 */

import type { Assignment } from './controller-context.ts'

export function settled(replicas: readonly number[]): Assignment {
  return { replicas, adding: [], removing: [] }
}

export function originalReplicas({ replicas, adding }: Assignment): number[] {
  return replicas.filter((id) => !adding.includes(id))
}

export function targetReplicas({ replicas, removing }: Assignment): number[] {
  return replicas.filter((id) => !removing.includes(id))
}

export function isBeingReassigned({ adding, removing }: Assignment): boolean {
  return adding.length > 0 || removing.length > 0
}

/** A running reassignment is superseded: the original replicas stay those it started from. */
export function reassignTo(assignment: Assignment, target: readonly number[]): Assignment {
  const original = originalReplicas(assignment)
  const replicas = [...new Set([...target, ...original])]
  return {
    replicas,
    adding: replicas.filter((id) => !original.includes(id)),
    removing: replicas.filter((id) => !target.includes(id)),
  }
}

export function sameAssignment(a: Assignment, b: Assignment): boolean {
  return (
    sameList(a.replicas, b.replicas) &&
    sameList(a.adding, b.adding) &&
    sameList(a.removing, b.removing)
  )
}

export function sameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, at) => id === b[at])
}

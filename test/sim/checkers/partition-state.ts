/** State znodes as the checkers read them: with no code of the broker. */

export interface StateZnode {
  readonly controllerEpoch: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly isr: readonly number[]
}

const STATE_PATH = /^\/brokers\/topics\/([^/]+)\/partitions\/(\d+)\/state$/

/** Null for other paths. */
export function partitionOfStatePath(path: string): { topic: string; partition: number } | null {
  const match = STATE_PATH.exec(path)
  return match === null ? null : { topic: match[1] as string, partition: Number(match[2]) }
}

export function parseState(data: Buffer | null): StateZnode {
  const json = JSON.parse(String(data)) as Record<string, unknown>
  return {
    controllerEpoch: json.controller_epoch as number,
    leader: json.leader as number,
    leaderEpoch: json.leader_epoch as number,
    isr: json.isr as number[],
  }
}

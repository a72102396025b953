/** A partition of a topic, and a map keyed by one that never builds `topic-0` strings. */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export function formatTopicPartition({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

export class TopicPartitionMap<V> {
  readonly #topics = new Map<string, (V | undefined)[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(topic: string, partition: number): V | undefined {
    return this.#topics.get(topic)?.[partition]
  }

  has(topic: string, partition: number): boolean {
    return this.get(topic, partition) !== undefined
  }

  set(topic: string, partition: number, value: V): void {
    let slots = this.#topics.get(topic)
    if (slots === undefined) {
      slots = []
      this.#topics.set(topic, slots)
    }
    while (slots.length < partition) slots.push(undefined)
    if (slots[partition] === undefined) this.#size += 1
    slots[partition] = value
  }

  delete(topic: string, partition: number): boolean {
    const slots = this.#topics.get(topic)
    if (slots?.[partition] === undefined) return false
    slots[partition] = undefined
    this.#size -= 1
    if (slots.every((slot) => slot === undefined)) this.#topics.delete(topic)
    return true
  }

  clear(): void {
    this.#topics.clear()
    this.#size = 0
  }

  /** Topics that have at least one partition here. */
  topics(): IterableIterator<string> {
    return this.#topics.keys()
  }

  *ofTopic(topic: string): Generator<[number, V]> {
    const slots = this.#topics.get(topic) ?? []
    for (let partition = 0; partition < slots.length; partition++) {
      const value = slots[partition]
      if (value !== undefined) yield [partition, value]
    }
  }

  *values(): Generator<V> {
    for (const slots of this.#topics.values()) {
      for (const value of slots) if (value !== undefined) yield value
    }
  }

  *entries(): Generator<[TopicPartition, V]> {
    for (const [topic, slots] of this.#topics) {
      for (let partition = 0; partition < slots.length; partition++) {
        const value = slots[partition]
        if (value !== undefined) yield [{ topic, partition }, value]
      }
    }
  }
}

/** Waiting for the image to show something, with a limit in time. */
import type { Clock } from '../base/ports.ts'
import type { MetadataCache } from '../cluster/image.ts'

/** False when `timeoutMs` passed first. The condition is tried at once and on every new image. */
export function untilImage(
  clock: Clock,
  metadata: MetadataCache,
  condition: () => boolean,
  timeoutMs: number,
): Promise<boolean> {
  if (condition()) return Promise.resolve(true)
  if (timeoutMs <= 0) return Promise.resolve(false)
  return new Promise((resolve) => {
    const finish = (held: boolean): void => {
      cancel()
      remove()
      resolve(held)
    }
    const cancel = clock.after(timeoutMs, () => finish(condition()))
    const remove = metadata.onChange(() => {
      if (condition()) finish(true)
    })
  })
}

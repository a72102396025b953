/**
 * Colours of epochs: seven that the colour-blind tell apart (Okabe and Ito), in an order in which
 * neighbours differ most. An epoch is always written as a number too.
 */

export const EPOCH_COLOURS = 7

/** A class of style.css. */
export function epochClass(epoch: number | null): string {
  return epoch === null || epoch < 0 ? 'epoch-none' : `epoch-${epoch % EPOCH_COLOURS}`
}

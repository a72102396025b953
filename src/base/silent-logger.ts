/** For who has nowhere to tell: tools and observers. */
import type { Logger } from './ports.ts'

export const SILENT_LOGGER: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  isDebugEnabled: () => false,
}

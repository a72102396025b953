/** What `--version` prints. */
import { readFileSync } from 'node:fs'

/** The release of Kafka whose behaviour Samsa is held to. */
const KAFKA_VERSION = '3.9.1'

export function samsaVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}

/** As Kafka's tools print theirs: scripts read the first word. */
export function toolVersion(): string {
  return `${KAFKA_VERSION} (Samsa:${samsaVersion()})`
}

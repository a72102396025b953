/** What of a ZooKeeper belongs to Kafka, and what of it must not be shown. */

/** Children of the root: an ensemble without a chroot may serve others too. */
const TOP_LEVEL: ReadonlySet<string> = new Set([
  'admin',
  'brokers',
  'cluster',
  'config',
  'consumers',
  'controller',
  'controller_epoch',
  'delegation_token',
  'feature',
  'isr_change_notification',
  'kafka-acl',
  'kafka-acl-changes',
  'kafka-acl-extended',
  'kafka-acl-extended-changes',
  'latest_producer_id_block',
  'log_dir_event_notification',
  'migration',
])

/** Never have children, so that nobody needs to watch for some. */
const LEAF = new RegExp(
  '^/(controller|controller_epoch|cluster/id|feature|latest_producer_id_block|brokers/ids/\\d+' +
    '|brokers/topics/[^/]+/partitions/\\d+/state|config/changes/.+|isr_change_notification/.+' +
    '|log_dir_event_notification/.+)$',
)

const SECRET_KEY = /password|secret|scram|jaas|credential|\.key$/i
const HIDDEN = '(hidden)'

export function isLeaf(path: string): boolean {
  return LEAF.test(path)
}

/** Of the children of `path`; who controls comes first, then by name, numbers as numbers. */
export function kafkaChildren(path: string, names: readonly string[]): string[] {
  const wanted = path === '/' ? names.filter((name) => TOP_LEVEL.has(name)) : [...names]
  return wanted.sort((a, b) => rank(a) - rank(b) || compareNames(a, b))
}

function rank(name: string): number {
  if (name === 'controller') return 0
  return name === 'controller_epoch' ? 1 : 2
}

function compareNames(a: string, b: string): number {
  const difference = Number(a) - Number(b)
  if (Number.isFinite(difference) && difference !== 0) return difference
  return a < b ? -1 : a > b ? 1 : 0
}

/** Data as text; the values of credentials are not in it. */
export function shownText(path: string, data: Buffer | null): string | null {
  if (data === null) return null
  const text = data.toString('utf8')
  if (!path.startsWith('/config/') && !path.startsWith('/delegation_token/')) return text
  if (!SECRET_KEY.test(text)) return text
  try {
    return JSON.stringify(JSON.parse(text, (key, value) => (isSecret(key, value) ? HIDDEN : value)))
  } catch {
    return HIDDEN
  }
}

function isSecret(key: string, value: unknown): boolean {
  return SECRET_KEY.test(key) && (typeof value === 'string' || typeof value === 'number')
}

/** The pages of docs/ that are made from lists in the code. */
import { HANDLERS } from '../../src/broker/apis/index.ts'
import { BROKER_SETTINGS } from '../../src/broker/config.ts'
import { TOPIC_SETTINGS } from '../../src/broker/settings/log-settings.ts'
import { formatSetting, type Setting } from '../../src/broker/settings/setting.ts'
import { UNUSED_SETTINGS } from '../../src/broker/settings/unused-settings.ts'

const GENERATED = '<!-- Made from the code by `npm run docs`; a test holds it to it. -->\n'

export function apisPage(): string {
  const rows = [...HANDLERS]
    .sort((a, b) => a.api.key - b.api.key)
    .map(({ api }) => {
      const { key, name, versions, flexible } = api
      const from = flexible.min > flexible.max ? '' : `${flexible.min}`
      return `| ${key} | ${name} | ${versions.min}-${versions.max} | ${from} |\n`
    })
  return (
    `# APIs\n\n${GENERATED}\n` +
    'What ApiVersions advertises is what is implemented: this table is made from the list of\n' +
    'handlers (`src/broker/apis/index.ts`), as the answer to ApiVersions is.\n\n' +
    `| key | API | versions | flexible from |\n| --- | --- | --- | --- |\n${rows.join('')}`
  )
}

export function configurationPage(): string {
  const brokerRows = Object.entries(BROKER_SETTINGS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, setting]) => `| \`${name}\` | ${cells(setting)} | ${setting.mode} |\n`)
  const topicRows = Object.entries(TOPIC_SETTINGS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { setting, synonyms }]) => {
      const shown = synonyms.map((each) => `\`${each}\``).join(', ')
      return `| \`${name}\` | ${cells(setting)} | ${shown} |\n`
    })
  const ignored = Object.keys(UNUSED_SETTINGS)
    .sort()
    .map((name) => `\`${name}\``)
  return (
    `# Configuration\n\n${GENERATED}\n` +
    "Names and defaults are Kafka 3.9's; what begins with `samsa.` is ours. Values come from, strongest\n" +
    'first: `--override key=value`, the environment, the properties file (`samsa broker server.properties`).\n\n' +
    'In the environment, `KAFKA_LOG_DIRS` is `log.dirs`; two underscores stand for one, three for a\n' +
    'dash. Who sets `KAFKA_ADVERTISED_LISTENERS` and nowhere `listeners` listens on the same ports,\n' +
    'on all interfaces. A value that cannot be is refused at the start, with what to do; an unknown\n' +
    'name is told in the log and ignored.\n\n' +
    'Settings that are `cluster-wide` can be altered for all brokers while they run (`samsa configs`),\n' +
    'those `per-broker` for one broker, those `read-only` by a restart. What is altered there is\n' +
    'stronger than all of the above; a setting of a topic is stronger than that of its broker.\n\n' +
    '## Broker\n\n| setting | type | default | what it does | changeable |\n' +
    `| --- | --- | --- | --- | --- |\n${brokerRows.join('')}\n` +
    '## Topic\n\n| setting | type | default | what it does | broker settings behind it |\n' +
    `| --- | --- | --- | --- | --- |\n${topicRows.join('')}\n` +
    '## Accepted without an effect\n\nWhat these are about is not there yet ' +
    `([limits](limits.md)): ${ignored.join(', ')}.\n`
  )
}

function cells(setting: Setting): string {
  const bounds = [
    setting.min === undefined ? '' : `at least ${setting.min}`,
    setting.max === undefined ? '' : `at most ${setting.max}`,
    setting.oneOf === undefined ? '' : `one of ${setting.oneOf.join(', ')}`,
  ].filter((text) => text !== '')
  const value = formatSetting(setting.default, setting.type)
  const shown = value === null ? 'unset' : value === '' ? 'empty' : `\`${value}\``
  const unit = setting.unit === undefined ? '' : ` (${setting.unit})`
  const doc = bounds.length === 0 ? setting.doc : `${setting.doc} (${bounds.join('; ')})`
  return `${setting.type}${unit} | ${shown} | ${doc.replaceAll('|', '\\|')}`
}

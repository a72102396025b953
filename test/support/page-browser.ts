/** A real browser for the page, where this machine has one. */
import fs from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'

const CANDIDATES = [
  process.env.CHROMIUM_PATH ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
]

const executablePath = CANDIDATES.find((file) => file !== '' && fs.existsSync(file))

/** `skip` of a test: the reason, or false. */
export const noBrowser =
  executablePath === undefined ? 'no Chromium here (apt-get install chromium)' : false

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] })
}

const NETWORK_CHANGED = 'ERR_NETWORK_CHANGED'

export interface OpenedPage {
  readonly page: Page
  /** Errors of the page and of its console. */
  readonly problems: string[]
}

export async function openPage(
  browser: Browser,
  url: string,
  options: {
    readonly width?: number
    readonly height?: number
    readonly scheme?: 'light' | 'dark'
  } = {},
): Promise<OpenedPage> {
  const { width = 1440, height = 900, scheme = 'light' } = options
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme })
  page.setDefaultTimeout(20_000)
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(String(error.stack)))
  let disturbed = 0
  page.on('console', (message) => {
    // Containers that start beside us give the machine new interfaces: what was under way fails.
    if (message.text().includes(NETWORK_CHANGED)) disturbed++
    else if (message.type() === 'error') problems.push(message.text())
  })
  for (let seen = -1; seen < disturbed; ) {
    seen = disturbed
    await page.goto(url)
  }
  return { page, problems }
}

/** The text of an element, without what is only there for the eye. */
export async function textOf(page: Page, selector: string): Promise<string> {
  return ((await page.textContent(selector)) ?? '').trim()
}

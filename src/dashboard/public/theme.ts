/** Light, dark, or as the system has it; kept for the next visit. */

const KEY = 'samsa-theme'
const THEMES = ['system', 'light', 'dark'] as const

export type Theme = (typeof THEMES)[number]

export function restoreTheme(): void {
  apply(stored())
}

/** Returns the one that is in force now. */
export function nextTheme(): Theme {
  const next = THEMES[(THEMES.indexOf(stored()) + 1) % THEMES.length]!
  localStorage.setItem(KEY, next)
  apply(next)
  return next
}

function stored(): Theme {
  const known = localStorage.getItem(KEY)
  return THEMES.find((theme) => theme === known) ?? 'system'
}

function apply(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

/** The few things that the page needs to make elements and to change only what differs. */

type Child = Node | string | null

type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>

/** `true` sets an attribute without a value; `false`, null and undefined set none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  setAttributes(element, attributes)
  element.append(...children.filter((child) => child !== null))
  return element
}

export function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value)
}

export function setAttribute(
  element: Element,
  name: string,
  value: string | number | boolean | null | undefined,
): void {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name)
    return
  }
  const text = value === true ? '' : String(value)
  if (element.getAttribute(name) !== text) element.setAttribute(name, text)
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function setClass(element: Element, names: string): void {
  if (element.className !== names) element.className = names
}

export function setShown(element: HTMLElement, isShown: boolean): void {
  if (element.hidden === isShown) element.hidden = !isShown
}

/** Of the element with this id, which the page has by its writing. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no #${id}`)
  return element
}

/** Throws unless it is of that kind. */
export function find<T extends Element>(
  root: ParentNode,
  selector: string,
  kind: abstract new () => T,
): T {
  const found = root.querySelector(selector)
  if (!(found instanceof kind)) throw new Error(`the page has no ${selector}`)
  return found
}

/** A list of elements that follows a list of things: made, moved, changed and removed by key. */
export class ElementList<T, E extends HTMLElement = HTMLElement> {
  readonly #parent: Element
  readonly #keyOf: (item: T) => string
  readonly #make: (item: T) => E
  readonly #update: (element: E, item: T) => void
  #elements = new Map<string, E>()

  constructor(
    parent: Element,
    keyOf: (item: T) => string,
    make: (item: T) => E,
    update: (element: E, item: T) => void,
  ) {
    this.#parent = parent
    this.#keyOf = keyOf
    this.#make = make
    this.#update = update
  }

  show(items: readonly T[]): void {
    const next = new Map<string, E>()
    for (const item of items) {
      const key = this.#keyOf(item)
      const element = this.#elements.get(key) ?? this.#make(item)
      this.#elements.delete(key)
      next.set(key, element)
      this.#update(element, item)
    }
    for (const element of this.#elements.values()) element.remove()
    let before: Element | null = this.#parent.firstElementChild
    for (const element of next.values()) {
      if (element === before) before = before.nextElementSibling
      else this.#parent.insertBefore(element, before)
    }
    this.#elements = next
  }

  get(key: string): E | null {
    return this.#elements.get(key) ?? null
  }
}

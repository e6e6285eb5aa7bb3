/** Creates an element. `attributes` are set as they are; strings among `content` become text. */
export function createElement<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...content: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon of the page's sprite, hidden from assistive technology: words always accompany it. */
export function createIcon(name: string): { readonly svg: SVGSVGElement; set(name: string): void } {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  svg.append(use);
  const set = (next: string): void => setAttribute(use, "href", `#icon-${next}`);
  set(name);
  return { svg, set };
}

/** The element of the page with this id. Throws if there is none of that class. */
export function elementById<T extends Element>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`The page has no #${id}.`);
  return element;
}

/** Leaves an unchanged text alone, so that a selection and a screen reader are not disturbed. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute if it differs; null removes it. */
export function setAttribute(element: Element, name: string, value: string | null): void {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/**
 * Makes the children of `list` those of `items`, in their order. Elements are kept by key, so that
 * focus and selection stay; `create` makes a missing one, `update` shows an item in it.
 */
export function updateList<Item, View extends { readonly element: Element }>(
  list: Element,
  views: Map<string, View>,
  items: readonly Item[],
  methods: {
    readonly keyOf: (item: Item) => string;
    readonly create: (item: Item) => View;
    readonly update: (view: View, item: Item) => void;
  },
): void {
  const keys = new Set(items.map(methods.keyOf));
  for (const [key, { element }] of views) {
    if (keys.has(key)) continue;
    element.remove();
    views.delete(key);
  }
  items.forEach((item, index) => {
    const key = methods.keyOf(item);
    let view = views.get(key);
    if (view === undefined) {
      view = methods.create(item);
      views.set(key, view);
    }
    methods.update(view, item);
    const present = list.children[index];
    if (present !== view.element) list.insertBefore(view.element, present ?? null);
  });
}

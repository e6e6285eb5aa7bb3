import { toPrintable } from "../../../faults/foreign-text.js";
import { REASON_WORDING, stateTitle } from "../../../presence/presence-wording.js";
import { PRESENCE_STATES, type PresenceState } from "../../../presence/record.js";
import type { DashboardPerson, PeopleSortKey } from "../../dashboard-model.js";
import { createElement, createIcon, elementById, setAttribute, setText } from "./elements.js";
import { formatCount, formatDuration, formatTime } from "./formats.js";
import type { PeopleWindow } from "./people-window.js";
import type { WorkerClock } from "./worker-clock.js";

interface RowView {
  readonly element: HTMLElement;
  readonly name: HTMLElement;
  readonly organization: HTMLElement;
  readonly address: HTMLElement;
  readonly icon: ReturnType<typeof createIcon>;
  readonly state: HTMLElement;
  readonly reason: HTMLElement;
  readonly since: HTMLElement;
  readonly age: HTMLElement;
}

const COLUMNS: readonly { readonly key: PeopleSortKey; readonly label: string }[] = [
  { key: "name", label: "Name" },
  { key: "address", label: "Address" },
  { key: "state", label: "State" },
  { key: "since", label: "Since" },
  { key: "age", label: "Age" },
];

/** Rows above and below what is visible, so that scrolling shows no empty ones. */
const OVERSCAN = 6;

/**
 * The list of people: an ARIA grid whose rows exist only where the reader looks. The grid has the
 * focus and names its active row, so that a keyboard and a screen reader reach every person.
 */
export class PeopleGrid {
  readonly #window: PeopleWindow;
  readonly #clock: WorkerClock;
  readonly #grid = elementById("people", HTMLElement);
  readonly #head = elementById("people-head", HTMLElement);
  readonly #spacer = elementById("people-spacer", HTMLElement);
  readonly #rows = elementById("people-rows", HTMLElement);
  readonly #views: RowView[] = [];
  readonly #headers = new Map<PeopleSortKey, HTMLElement>();
  #organizationNames: ReadonlyMap<string, string> = new Map();
  #emptyText = "";
  #first = 0;
  /** The row that the keyboard has moved to, counted from 0. */
  #active = 0;

  constructor(peopleWindow: PeopleWindow, clock: WorkerClock) {
    this.#window = peopleWindow;
    this.#clock = clock;
  }

  start(): void {
    for (const { key, label } of COLUMNS) this.#head.append(this.#createHeader(key, label));
    this.#grid.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#grid.addEventListener("keydown", (event) => this.#moveByKey(event));
    this.#grid.addEventListener("focus", () => this.#showActive());
    this.#grid.addEventListener("blur", () => this.#showActive());
    this.#rows.addEventListener("click", (event) => this.#activateClicked(event));
    new ResizeObserver(() => this.#scrolled()).observe(this.#grid);
    this.#window.events.on("changed", () => this.render());
    this.#showSort();
  }

  /** The names, if people of several organizations are listed together. */
  setOrganizations(names: ReadonlyMap<string, string>): void {
    this.#organizationNames = names;
  }

  /** What the list says if nobody is known. */
  setEmptyText(text: string): void {
    this.#emptyText = text;
    this.#showEmpty();
  }

  /** Shows the choice of the window from its first row on. */
  scrollToTop(): void {
    this.#active = 0;
    this.#grid.scrollTop = 0;
    this.#scrolled();
  }

  render(): void {
    const rowCount = this.#rowCount;
    setAttribute(this.#grid, "aria-rowcount", String(rowCount + 1));
    this.#spacer.style.height = `${rowCount * this.#rowHeight}px`;
    this.#active = Math.max(0, Math.min(this.#active, rowCount - 1));
    this.#showEmpty();
    this.#scrolled();
  }

  /** Updates the ages that the visible rows show. */
  tick(): void {
    this.#views.forEach((view, index) => {
      const person = this.#window.personAt(this.#first + index);
      if (person !== null) this.#showTimes(view, person);
    });
  }

  get #rowCount(): number {
    return this.#window.counts?.matching ?? 0;
  }

  get #rowHeight(): number {
    return Number.parseFloat(getComputedStyle(this.#grid).getPropertyValue("--row-height")) || 36;
  }

  #createHeader(key: PeopleSortKey, label: string): HTMLElement {
    const button = createElement("button", { type: "button", "data-sort": key }, label);
    button.addEventListener("click", () => {
      const { sort, order } = this.#window.choice;
      const isReversed = sort === key && order === "ascending";
      this.#window.choose({ sort: key, order: isReversed ? "descending" : "ascending" });
      this.#showSort();
      this.scrollToTop();
    });
    const header = createElement(
      "div",
      { role: "columnheader", class: `cell column-${key}` },
      button,
    );
    this.#headers.set(key, header);
    return header;
  }

  #showSort(): void {
    const { sort, order } = this.#window.choice;
    for (const [key, header] of this.#headers)
      setAttribute(header, "aria-sort", key === sort ? order : "none");
  }

  #showEmpty(): void {
    const { counts } = this.#window;
    const isEmpty = counts?.matching === 0;
    const element = elementById("people-empty", HTMLElement);
    element.hidden = !isEmpty;
    setAttribute(this.#grid, "data-empty", isEmpty ? "yes" : null);
    if (counts === null) return;
    const { search, states } = this.#window.choice;
    const isFiltered = search !== "" || states.length > 0;
    setText(element, isFiltered && counts.total > 0 ? "Nobody matches." : this.#emptyText);
    setText(
      elementById("people-count", HTMLElement),
      counts.matching === counts.total
        ? formatCount(counts.total)
        : `${formatCount(counts.matching)} of ${formatCount(counts.total)}`,
    );
  }

  /** Shows the rows of the present scroll position. */
  #scrolled(): void {
    const height = this.#rowHeight;
    const visible = Math.ceil(this.#grid.clientHeight / height);
    const top = Math.floor(this.#grid.scrollTop / height);
    const first = Math.max(0, top - OVERSCAN);
    const last = Math.min(this.#rowCount, top + visible + OVERSCAN) - 1;
    this.#first = first;
    this.#window.show(first, Math.max(last, first + visible));
    this.#rows.style.transform = `translateY(${first * height}px)`;
    this.#resizePool(last - first + 1);
    this.#views.forEach((view, index) => this.#showRow(view, first + index));
    this.#showActive();
  }

  #resizePool(count: number): void {
    while (this.#views.length < count) {
      const view = createRow();
      this.#views.push(view);
      this.#rows.append(view.element);
    }
    while (this.#views.length > Math.max(0, count)) this.#views.pop()?.element.remove();
  }

  #showRow(view: RowView, index: number): void {
    const person = this.#window.personAt(index);
    const { element } = view;
    setAttribute(element, "id", `person-${index}`);
    // The header is row 1.
    setAttribute(element, "aria-rowindex", String(index + 2));
    setAttribute(element, "data-testid", person === null ? null : "person");
    setAttribute(element, "data-state", person?.state ?? null);
    setAttribute(element, "aria-busy", person === null ? "true" : null);
    if (person === null) {
      setText(view.name, "Loading …");
      for (const each of [view.organization, view.address, view.state, view.reason])
        setText(each, "");
      for (const each of [view.since, view.age]) setText(each, "");
      view.icon.set("none");
      return;
    }
    const organization = this.#organizationNames.get(person.orgId ?? "");
    setText(view.name, toPrintable(person.displayName ?? person.uri));
    setText(view.organization, organization === undefined ? "" : toPrintable(organization));
    setText(view.address, toPrintable(person.uri));
    view.icon.set(person.state);
    const { state, reason } = person;
    setText(view.state, stateTitle(state));
    setText(view.reason, toPrintable(reasonText(person)));
    setAttribute(element, "title", reason === null ? null : REASON_WORDING[reason].explanation);
    this.#showTimes(view, person);
  }

  #showTimes(view: RowView, { since, observedAt }: DashboardPerson): void {
    setText(view.since, formatTime(since, this.#clock.now()));
    setAttribute(view.since, "datetime", since);
    setText(view.age, formatDuration(this.#clock.secondsSince(observedAt)));
  }

  #moveByKey(event: KeyboardEvent): void {
    if (event.target !== this.#grid || event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.max(1, this.#visibleRows - 1);
    const last = this.#rowCount - 1;
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (target === undefined || last < 0) return;
    event.preventDefault();
    this.#active = Math.max(0, Math.min(target, last));
    this.#scrollToActive();
    this.#scrolled();
  }

  #activateClicked({ target }: MouseEvent): void {
    const row = target instanceof Element ? target.closest(".row") : null;
    const index = this.#views.findIndex(({ element }) => element === row);
    if (index < 0) return;
    this.#active = this.#first + index;
    this.#showActive();
  }

  /** The rows that fit below the header, which stays at the top. */
  get #visibleRows(): number {
    return Math.floor((this.#grid.clientHeight - this.#head.offsetHeight) / this.#rowHeight);
  }

  #scrollToActive(): void {
    const height = this.#rowHeight;
    const top = this.#active * height;
    const space = this.#grid.clientHeight - this.#head.offsetHeight;
    if (top < this.#grid.scrollTop) this.#grid.scrollTop = top;
    else if (top + height > this.#grid.scrollTop + space)
      this.#grid.scrollTop = top + height - space;
  }

  /** The active row is named only while it exists and the grid has the focus. */
  #showActive(): void {
    const hasFocus = document.activeElement === this.#grid;
    let id: string | null = null;
    this.#views.forEach(({ element }, index) => {
      const isActive = hasFocus && this.#first + index === this.#active;
      if (isActive) id = element.id;
      setAttribute(element, "aria-selected", isActive ? "true" : null);
    });
    setAttribute(this.#grid, "aria-activedescendant", id);
  }
}

function createRow(): RowView {
  const name = createElement("bdi", {});
  const organization = createElement("bdi", { class: "quiet" });
  const address = createElement("bdi", {});
  const icon = createIcon("none");
  const state = createElement("span", {});
  const reason = createElement("span", { class: "quiet", dir: "auto" });
  const since = createElement("time", {});
  const age = createElement("span", {});
  const cell = (column: PeopleSortKey, ...content: (Node | string)[]): HTMLElement =>
    createElement("div", { role: "gridcell", class: `cell column-${column}` }, ...content);
  const element = createElement(
    "div",
    { class: "row", role: "row" },
    cell("name", name),
    cell("address", address, " ", organization),
    cell("state", icon.svg, state, " ", reason),
    cell("since", since),
    cell("age", age),
  );
  return { element, name, organization, address, icon, state, reason, since, age };
}

/** Why a state is what it is; "" if it needs no reason. */
function reasonText({ reason, webexStatus }: DashboardPerson): string {
  if (reason === null) return "";
  const { label } = REASON_WORDING[reason];
  const hasStatus = reason === "unrecognizedStatus" && webexStatus !== null;
  return hasStatus ? `${label} “${webexStatus}”` : label;
}

/** The buttons that show only some states. `onChange` gets the chosen ones; none means all. */
export function createStateFilter(onChange: (states: readonly PresenceState[]) => void): void {
  const group = elementById("states", HTMLElement);
  const chosen = new Set<PresenceState>();
  for (const state of PRESENCE_STATES) {
    const button = createElement(
      "button",
      { type: "button", class: "chip", "aria-pressed": "false", "data-filter": state },
      createIcon(state).svg,
      stateTitle(state),
    );
    button.addEventListener("click", () => {
      if (!chosen.delete(state)) chosen.add(state);
      setAttribute(button, "aria-pressed", String(chosen.has(state)));
      onChange([...chosen]);
    });
    group.append(button);
  }
}

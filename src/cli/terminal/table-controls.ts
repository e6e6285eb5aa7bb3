import type { PresenceRecord, PresenceState } from "../../presence/record.js";
import { commandOf, type Command, type Key } from "./keys.js";
import { PersonFilter, type SearchablePersons } from "./person-filter.js";
import type { FilterView } from "./person-rows.js";
import { STATE_STYLES } from "./presence-labels.js";
import { TableCursor } from "./table-cursor.js";

/** The people of a table, before any search. */
export interface TablePersons extends SearchablePersons {
  readonly totals: ReadonlyMap<PresenceState, number>;
}

/** What a table shows of its people. */
export interface TableSelection {
  readonly records: readonly PresenceRecord[];
  /** The position of the selected person in `records`. */
  readonly cursor: number;
  readonly filter: FilterView | null;
  readonly hasHelp: boolean;
}

const STATES = Object.keys(STATE_STYLES) as readonly PresenceState[];

/** What keys have chosen in a table of people: whom to show, and who is selected. */
export class TableControls {
  readonly #cursor = new TableCursor();
  readonly #filter = new PersonFilter();
  #isTyping = false;
  #hasHelp = false;

  /** What is to be shown of these people. */
  select(persons: TablePersons): TableSelection {
    if (this.#isTyping) this.#filter.prepare(persons);
    const matches = this.#filter.matchesIn(persons);
    const { search, state } = this.#filter;
    const isShown = this.#filter.isActive || this.#isTyping;
    return {
      records: matches,
      cursor: this.#cursor.index(matches),
      filter: isShown
        ? { search, state, isTyping: this.#isTyping, total: persons.records.length }
        : null,
      hasHelp: this.#hasHelp,
    };
  }

  /**
   * Takes a key. `pageSize` is the number of people that a page shows. Returns what the caller has
   * to do: quit, or refresh the selected person.
   */
  handleKey(key: Key, persons: TablePersons, pageSize: number): "quit" | "refresh" | null {
    const command = this.#isTyping ? this.#type(key, persons) : commandOf(key);
    if (command === "quit") return "quit";
    // The key that closes the help does nothing else.
    const closesHelp = this.#hasHelp;
    this.#hasHelp = command === "help" && !closesHelp;
    if (closesHelp || command === null) return null;
    const { records } = this.select(persons);
    this.#cursor.handleCommand(command, records, pageSize);
    switch (command) {
      case "search":
        this.#isTyping = true;
        return null;
      case "nextState":
      case "previousState":
        this.#filterBy(nextState(this.#filter.state, persons.totals, command));
        return null;
      case "escape":
        this.#filterBy(null);
        this.#search("");
        return null;
      case "refresh":
        return "refresh";
      default:
        return null;
    }
  }

  /** Edits the search text. Returns what else the key does. */
  #type(key: Key, persons: TablePersons): Command | null {
    const { search } = this.#filter;
    switch (key.name) {
      case "character":
        this.#search(search + key.character);
        return null;
      case "backspace":
        this.#search(Array.from(search).slice(0, -1).join(""));
        return null;
      case "clearLine":
        this.#search("");
        return null;
      case "escape":
        this.#isTyping = false;
        this.#search("");
        return null;
      case "enter":
        this.#isTyping = false;
        this.#cursor.keep(this.select(persons).records);
        return null;
      default:
        return commandOf(key);
    }
  }

  #search(text: string): void {
    if (text === this.#filter.search) return;
    this.#filter.search = text;
    this.#cursor.reset();
  }

  #filterBy(state: PresenceState | null): void {
    if (state === this.#filter.state) return;
    this.#filter.state = state;
    this.#cursor.reset();
  }
}

/** The next state, in the order of the totals, that somebody is in; null = all of them. */
function nextState(
  current: PresenceState | null,
  totals: ReadonlyMap<PresenceState, number>,
  direction: "nextState" | "previousState",
): PresenceState | null {
  const choices = [null, ...STATES.filter((state) => totals.has(state) || state === current)];
  const step = direction === "nextState" ? 1 : -1;
  return choices.at((choices.indexOf(current) + step) % choices.length) ?? null;
}

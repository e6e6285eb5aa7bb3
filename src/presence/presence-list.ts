import { Fault } from "../faults/fault.js";
import type { PresenceListPage, PresenceListQuery } from "./presence-service.js";
import type { PresenceRecord } from "./record.js";
import type { Resolver } from "./resolver.js";
import type { PersonStore } from "./store/person-store.js";

interface ListPosition {
  readonly uri: string;
  readonly id: string;
  readonly orgId: string;
}

interface MergeHead {
  readonly store: PersonStore;
  readonly order: Int32Array;
  at: number;
}

/** Everybody known, by uri in code-unit order (then by person and organization). The order of an organization is made anew only when it changed. */
export class PresenceList {
  readonly #resolver: Resolver;
  readonly #orders = new WeakMap<
    PersonStore,
    { readonly version: number; readonly order: Int32Array }
  >();

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** Faults: `invalidParams` (a bad cursor), `unknownOrganization`. */
  getPage({ limit, cursor, states, orgId }: PresenceListQuery): PresenceListPage {
    const after = cursor === null ? null : parseCursor(cursor);
    const stores = this.#storesOf(orgId);
    const stateFilter = states === null ? null : new Set(states);
    const matchesFilter = (store: PersonStore, slot: number): boolean =>
      stateFilter?.has(this.#resolver.presenceOf(store, slot).state) !== false;
    const total = sum(stores, (store) => {
      if (stateFilter === null) return store.persons.personCount;
      let count = 0;
      for (const slot of store.slots()) if (matchesFilter(store, slot)) count += 1;
      return count;
    });
    const records: PresenceRecord[] = [];
    let last: ListPosition | null = null;
    for (const { store, slot } of this.#merge(stores, after)) {
      if (!matchesFilter(store, slot)) continue;
      if (records.length === limit && last !== null)
        return { records, nextCursor: formatCursor(last), total };
      last = positionOf(store, slot);
      records.push(this.#resolver.toRecord(last.uri, this.#resolver.matchOf(store, slot)));
    }
    return { records, nextCursor: null, total };
  }

  /** The texts by which lists name everybody, in order; one that names two persons comes twice. */
  *uris(): Generator<string> {
    for (const { store, slot } of this.#merge(this.#resolver.stores, null)) yield store.uriOf(slot);
  }

  #storesOf(orgId: string | null): readonly PersonStore[] {
    if (orgId === null) return this.#resolver.stores;
    const store = this.#resolver.stores.find((candidate) => candidate.orgId === orgId);
    if (store === undefined)
      throw new Fault("unknownOrganization", "No authorization names this Webex organization.");
    return [store];
  }

  *#merge(
    stores: readonly PersonStore[],
    after: ListPosition | null,
  ): Generator<{ store: PersonStore; slot: number }> {
    const heads = stores.map((store): MergeHead => {
      const order = this.#sortedSlots(store);
      return { store, order, at: after === null ? 0 : firstAfter(store, order, after) };
    });
    for (;;) {
      const open = heads.filter((head) => head.at < head.order.length);
      const head =
        open.length > 1
          ? open.reduce((a, b) => (compare(headPosition(b), headPosition(a)) < 0 ? b : a))
          : open[0];
      if (head === undefined) return;
      yield { store: head.store, slot: head.order[head.at] ?? 0 };
      head.at += 1;
    }
  }

  #sortedSlots(store: PersonStore): Int32Array {
    const known = this.#orders.get(store);
    if (known?.version === store.version) return known.order;
    const places = [...store.slots()]
      .map((slot) => ({ slot, ...positionOf(store, slot) }))
      .sort(compare);
    const order = Int32Array.from(places, ({ slot }) => slot);
    this.#orders.set(store, { version: store.version, order });
    return order;
  }
}

function positionOf(store: PersonStore, slot: number): ListPosition {
  return { uri: store.uriOf(slot), id: store.idOf(slot), orgId: store.orgId };
}

function headPosition({ store, order, at }: MergeHead): ListPosition {
  return positionOf(store, order[at] ?? 0);
}

function compare(a: ListPosition, b: ListPosition): number {
  return compareTexts(a.uri, b.uri) || compareTexts(a.id, b.id) || compareTexts(a.orgId, b.orgId);
}

/** By code units, whatever the locale. */
function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Where in the order the first one after a place stands; the place itself need not be there any more. */
function firstAfter(store: PersonStore, order: Int32Array, position: ListPosition): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(positionOf(store, order[middle] ?? 0), position) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** The last place told, as base64url of ASCII JSON. */
function formatCursor({ uri, id, orgId }: ListPosition): string {
  const ascii = encodeURIComponent(JSON.stringify([uri, id, orgId]));
  return btoa(ascii).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function parseCursor(cursor: string): ListPosition {
  try {
    const position: unknown = JSON.parse(
      decodeURIComponent(atob(cursor.replaceAll("-", "+").replaceAll("_", "/"))),
    );
    if (
      Array.isArray(position) &&
      position.length === 3 &&
      position.every((part) => typeof part === "string")
    ) {
      const [uri = "", id = "", orgId = ""] = position;
      return { uri, id, orgId };
    }
  } catch {
    // Whatever is wrong with it, it is not one of ours.
  }
  throw new Fault("invalidParams", "The cursor is not one that presence/list gave.", {
    data: { issues: [{ path: "cursor", message: "is not a cursor that presence/list gave" }] },
  });
}

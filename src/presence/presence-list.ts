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

/** The next person of one store in a merge of several. */
interface MergeHead {
  readonly store: PersonStore;
  readonly slots: Int32Array;
  next: number;
}

/**
 * All known persons by URI in code unit order, then by id and organization. The sorted slots of a
 * store are cached until its version changes.
 */
export class PresenceList {
  readonly #resolver: Resolver;
  readonly #sorted = new WeakMap<PersonStore, { version: number; slots: Int32Array }>();

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** Throws `Fault` `invalidParams` (an invalid cursor) or `unknownOrganization`. */
  getPage({ limit, cursor, states, orgId }: PresenceListQuery, now: number): PresenceListPage {
    const after = cursor === null ? null : parseCursor(cursor);
    const stores = this.#resolver.stores.filter((store) => store.orgId === (orgId ?? store.orgId));
    if (orgId !== null && stores.length === 0) {
      throw new Fault("unknownOrganization", "No authorization names this organization.");
    }
    const matchesFilter = (store: PersonStore, slot: number): boolean =>
      states === null || states.includes(this.#resolver.presenceOf(store, slot, now).state);
    let total = 0;
    for (const store of stores) {
      if (states === null) total += store.personCount;
      else for (const slot of store.slots()) if (matchesFilter(store, slot)) total += 1;
    }
    const records: PresenceRecord[] = [];
    let last: ListPosition | null = null;
    for (const { store, slot } of this.#merge(stores, after)) {
      if (!matchesFilter(store, slot)) continue;
      if (records.length === limit && last !== null) {
        return { records, nextCursor: formatCursor(last), total };
      }
      last = positionOf(store, slot);
      records.push(this.#resolver.toRecord(last.uri, this.#resolver.matchOf(store, slot, now)));
    }
    return { records, nextCursor: null, total };
  }

  /** The list URIs of all persons, in order. One that names two persons occurs twice. */
  *uris(): Generator<string> {
    for (const { store, slot } of this.#merge(this.#resolver.stores, null)) yield store.uriOf(slot);
  }

  *#merge(
    stores: readonly PersonStore[],
    after: ListPosition | null,
  ): Generator<{ store: PersonStore; slot: number }> {
    const heads = stores.map((store): MergeHead => {
      const slots = this.#sortedSlots(store);
      return { store, slots, next: after === null ? 0 : indexAfter(store, slots, after) };
    });
    const slotOf = ({ slots, next }: MergeHead): number => slots[next] ?? 0;
    const compareHeads = (a: MergeHead, b: MergeHead): number =>
      compare(positionOf(a.store, slotOf(a)), positionOf(b.store, slotOf(b)));
    for (;;) {
      const [head] = heads.filter(({ slots, next }) => next < slots.length).sort(compareHeads);
      if (head === undefined) return;
      yield { store: head.store, slot: slotOf(head) };
      head.next += 1;
    }
  }

  #sortedSlots(store: PersonStore): Int32Array {
    const known = this.#sorted.get(store);
    if (known?.version === store.version) return known.slots;
    const positions = store.slots().map((slot) => ({ slot, ...positionOf(store, slot) }));
    const slots = Int32Array.from(positions.sort(compare), ({ slot }) => slot);
    this.#sorted.set(store, { version: store.version, slots });
    return slots;
  }
}

function positionOf(store: PersonStore, slot: number): ListPosition {
  return { uri: store.uriOf(slot), id: store.idOf(slot), orgId: store.orgId };
}

function compare(a: ListPosition, b: ListPosition): number {
  return compareTexts(a.uri, b.uri) || compareTexts(a.id, b.id) || compareTexts(a.orgId, b.orgId);
}

/** Compares code units, independently of the locale. */
function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Returns the index of the first slot after a position, which need not exist any more. */
function indexAfter(store: PersonStore, slots: Int32Array, position: ListPosition): number {
  let low = 0;
  let high = slots.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(positionOf(store, slots[middle] ?? 0), position) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Encodes the last position of a page as base64url of ASCII JSON. */
function formatCursor({ uri, id, orgId }: ListPosition): string {
  const ascii = encodeURIComponent(JSON.stringify([uri, id, orgId]));
  return btoa(ascii).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function parseCursor(cursor: string): ListPosition {
  try {
    const ascii = atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
    const position: unknown = JSON.parse(decodeURIComponent(ascii));
    const isText = (part: unknown): part is string => typeof part === "string";
    if (Array.isArray(position) && position.length === 3 && position.every(isText)) {
      const [uri = "", id = "", orgId = ""] = position;
      return { uri, id, orgId };
    }
  } catch {
    // Not base64, not percent-encoded or not JSON.
  }
  throw new Fault("invalidParams", "The cursor is not one that presence/list returned.", {
    data: { issues: [{ path: "cursor", message: "is not a cursor that presence/list returned" }] },
  });
}

import { Fault } from "../faults/fault.js";
import type { PresenceListPage, PresenceListQuery } from "./presence-service.js";
import type { PresenceRecord } from "./record.js";
import type { Resolver } from "./resolver.js";
import type { Roster } from "./roster.js";

interface Place {
  readonly uri: string;
  readonly id: string;
  readonly orgId: string;
}

interface Head {
  readonly roster: Roster;
  readonly order: Int32Array;
  at: number;
}

/** Everybody known, by uri in code-unit order (then by person and organization). The order of an organization is made anew only when it changed. */
export class PresenceList {
  readonly #resolver: Resolver;
  readonly #orders = new WeakMap<Roster, { readonly version: number; readonly order: Int32Array }>();

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /** Faults: `invalidParams` (a bad cursor), `unknownOrganization`. */
  page({ limit, cursor, states, orgId }: PresenceListQuery): PresenceListPage {
    const after = cursor === null ? null : readCursor(cursor);
    const rosters = this.#rostersOf(orgId);
    const wanted = states === null ? null : new Set(states);
    const isWanted = (roster: Roster, slot: number): boolean =>
      wanted?.has(this.#resolver.outlookOf(roster, slot).state) !== false;
    const total = sum(rosters, (roster) => {
      if (wanted === null) return roster.persons.count;
      let count = 0;
      for (const slot of roster.slots()) if (isWanted(roster, slot)) count += 1;
      return count;
    });
    const records: PresenceRecord[] = [];
    let last: Place | null = null;
    for (const { roster, slot } of this.#walk(rosters, after)) {
      if (!isWanted(roster, slot)) continue;
      if (records.length === limit && last !== null) return { records, nextCursor: writeCursor(last), total };
      last = placeOf(roster, slot);
      records.push(this.#resolver.toRecord(last.uri, this.#resolver.see(roster, slot)));
    }
    return { records, nextCursor: null, total };
  }

  /** The texts by which lists name everybody, in order; one that names two persons comes twice. */
  *uris(): Generator<string> {
    for (const { roster, slot } of this.#walk(this.#resolver.rosters, null)) yield roster.uriOf(slot);
  }

  #rostersOf(orgId: string | null): readonly Roster[] {
    if (orgId === null) return this.#resolver.rosters;
    const roster = this.#resolver.rosters.find((candidate) => candidate.orgId === orgId);
    if (roster === undefined) throw new Fault("unknownOrganization", "No authorization names this Webex organization.");
    return [roster];
  }

  *#walk(rosters: readonly Roster[], after: Place | null): Generator<{ roster: Roster; slot: number }> {
    const heads = rosters.map((roster): Head => {
      const order = this.#orderOf(roster);
      return { roster, order, at: after === null ? 0 : firstAfter(roster, order, after) };
    });
    for (;;) {
      const open = heads.filter((head) => head.at < head.order.length);
      const head = open.length > 1 ? open.reduce((a, b) => (compare(placeAt(b), placeAt(a)) < 0 ? b : a)) : open[0];
      if (head === undefined) return;
      yield { roster: head.roster, slot: head.order[head.at] ?? 0 };
      head.at += 1;
    }
  }

  #orderOf(roster: Roster): Int32Array {
    const known = this.#orders.get(roster);
    if (known?.version === roster.version) return known.order;
    const places = [...roster.slots()].map((slot) => ({ slot, ...placeOf(roster, slot) })).sort(compare);
    const order = Int32Array.from(places, ({ slot }) => slot);
    this.#orders.set(roster, { version: roster.version, order });
    return order;
  }
}

function placeOf(roster: Roster, slot: number): Place {
  return { uri: roster.uriOf(slot), id: roster.idOf(slot), orgId: roster.orgId };
}

function placeAt({ roster, order, at }: Head): Place {
  return placeOf(roster, order[at] ?? 0);
}

function compare(a: Place, b: Place): number {
  return compareTexts(a.uri, b.uri) || compareTexts(a.id, b.id) || compareTexts(a.orgId, b.orgId);
}

/** By code units, whatever the locale. */
function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Where in the order the first one after a place stands; the place itself need not be there any more. */
function firstAfter(roster: Roster, order: Int32Array, place: Place): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(placeOf(roster, order[middle] ?? 0), place) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** The last place told, as base64url of ASCII JSON. */
function writeCursor({ uri, id, orgId }: Place): string {
  const ascii = encodeURIComponent(JSON.stringify([uri, id, orgId]));
  return btoa(ascii).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function readCursor(cursor: string): Place {
  try {
    const place: unknown = JSON.parse(decodeURIComponent(atob(cursor.replaceAll("-", "+").replaceAll("_", "/"))));
    if (Array.isArray(place) && place.length === 3 && place.every((part) => typeof part === "string")) {
      const [uri = "", id = "", orgId = ""] = place;
      return { uri, id, orgId };
    }
  } catch {
    // Whatever is wrong with it, it is not one of ours.
  }
  throw new Fault("invalidParams", "The cursor is not one that presence/list gave.", {
    data: { issues: [{ path: "cursor", message: "is not a cursor that presence/list gave" }] },
  });
}

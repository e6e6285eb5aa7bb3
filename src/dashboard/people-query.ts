import { Fault } from "../faults/fault.js";
import type { SelectedPeople } from "../presence/people-index.js";
import { PRESENCE_STATES, type PresenceRecord, type PresenceState } from "../presence/record.js";
import type { DashboardPerson, PeoplePage, PeopleQuery, PeopleSortKey } from "./dashboard-model.js";

const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 50;
const MAX_OFFSET = 2 ** 22;
const MAX_SEARCH_LENGTH = 200;
const SORT_KEYS: readonly PeopleSortKey[] = ["name", "address", "state", "since", "age"];
const ORDERS = ["ascending", "descending"] as const;

/** Reads the query of `GET /people`. Throws `Fault` `invalidParams`. */
export function parsePeopleQuery(query: URLSearchParams): PeopleQuery {
  const search = query.get("search") ?? "";
  if (search.length > MAX_SEARCH_LENGTH)
    throw invalid(`search has more than ${MAX_SEARCH_LENGTH} characters`);
  const states = (query.get("states") ?? "").split(",").filter((state) => state !== "");
  return {
    search,
    states: states.map((state) => oneOf<PresenceState>("states", state, PRESENCE_STATES)),
    sort: oneOf("sort", query.get("sort") ?? "name", SORT_KEYS),
    order: oneOf("order", query.get("order") ?? "ascending", ORDERS),
    offset: integer("offset", query.get("offset") ?? "0", 0, MAX_OFFSET),
    limit: integer("limit", query.get("limit") ?? String(DEFAULT_LIMIT), 1, MAX_LIMIT),
  };
}

export function peoplePage(
  { total, matching, records }: SelectedPeople,
  { offset }: PeopleQuery,
  version: number,
): PeoplePage {
  return { version, total, matching, offset, people: records.map(toPerson) };
}

function toPerson(record: PresenceRecord): DashboardPerson {
  const { uri, displayName, orgId, state, reason, webexStatus, since, observedAt } = record;
  return { uri, displayName, orgId, state, reason, webexStatus, since, observedAt };
}

function oneOf<T extends string>(name: string, text: string, values: readonly T[]): T {
  const value = values.find((each) => each === text);
  if (value === undefined) throw invalid(`${name} is not one of ${values.join(", ")}`);
  return value;
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw invalid(`${name} is not a whole number from ${min} to ${max}`);
}

function invalid(reason: string): Fault {
  return new Fault("invalidParams", `The query is invalid: ${reason}.`, {
    hint: "Reload the page.",
  });
}

import type { Clock } from "../ports/clock.js";
import { isoTime } from "./iso-time.js";
import type { PresenceRecord } from "./record.js";
import type { Roster } from "./roster.js";
import { BLOCKED, DISABLED, INVALID_URI, NOT_FOUND, NOT_READY, outlookOfStatus, STALE, type Outlook } from "./state-table.js";
import type { Finding, Findings } from "./watch-list.js";

/**
 * What the worker is able to say at all: `notReady` until the settings are read, `disabled` and `blocked` as its phase of that
 * name, `polling` while at least one organization is asked or about to be.
 */
export type PresenceCondition = "notReady" | "disabled" | "blocked" | "polling";

const OUTLOOK_OF_CONDITION = { notReady: NOT_READY, disabled: DISABLED, blocked: BLOCKED, polling: null } as const;

export interface Sight extends Finding {
  readonly person: { readonly roster: Roster; readonly slot: number } | null;
}

/** From an address to what may be said of it now, reasons in the order of the protocol. */
export class Resolver implements Findings<Sight> {
  /** In order of authorization: where two have an address, the first wins. */
  rosters: readonly Roster[] = [];
  readonly #clock: Clock;
  #condition: PresenceCondition = "notReady";
  #conditionSince: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#conditionSince = clock.now();
  }

  get condition(): PresenceCondition {
    return this.#condition;
  }

  /** Returns whether it is another one. */
  setCondition(condition: PresenceCondition): boolean {
    if (condition === this.#condition) return false;
    this.#condition = condition;
    this.#conditionSince = this.#clock.now();
    return true;
  }

  find(address: string): Sight {
    for (const roster of this.rosters) {
      const slot = roster.byAddress(address);
      if (slot !== -1) return this.see(roster, slot);
    }
    return this.unmatched(address);
  }

  unmatched(address: string): Sight {
    const outlook = OUTLOOK_OF_CONDITION[this.#condition] ?? (this.isAnswered(address) ? NOT_FOUND : NOT_READY);
    return { outlook, webexStatus: null, matched: false, person: null };
  }

  /** Of an address that matches nobody: whether each organization said so, and not too long ago. */
  isAnswered(address: string): boolean {
    const now = this.#clock.monotonic();
    return this.rosters.length > 0 && this.rosters.every((roster) => roster.hasAnswered(address, now));
  }

  isListed(uri: string, address: string, { person }: Sight): boolean {
    if (person === null) return false;
    if (person.roster.uriOf(person.slot) === uri) return true;
    return this.rosters.some((roster) => roster.isListed(uri, address));
  }

  /** Of an address that is not ready: whether an answer may come by itself. An organization that cannot be asked gives none. */
  isAwaited(address: string): boolean {
    if (this.#condition !== "polling" || this.rosters.length === 0) return true;
    const now = this.#clock.monotonic();
    return this.rosters.some((roster) => roster.blockedSince === null && !roster.hasAnswered(address, now));
  }

  see(roster: Roster, slot: number): Sight {
    const webexStatus = roster.persons.status[slot] ?? null;
    return { outlook: this.outlookOf(roster, slot), webexStatus, matched: true, person: { roster, slot } };
  }

  outlookOf(roster: Roster, slot: number): Outlook {
    const general = OUTLOOK_OF_CONDITION[this.#condition];
    if (general !== null) return general;
    if (roster.blockedSince !== null) return BLOCKED;
    if (roster.isStale(slot, this.#clock.monotonic())) return STALE;
    return outlookOfStatus(roster.persons.status[slot] ?? null);
  }

  toRecord(uri: string, sight: Sight): PresenceRecord {
    const { outlook, person } = sight;
    const since = this.#sinceOf(sight);
    const persons = person?.roster.persons;
    const slot = person?.slot ?? 0;
    return {
      uri,
      state: outlook.state,
      basic: outlook.basic,
      activities: outlook.activities,
      reason: outlook.reason,
      webexStatus: sight.webexStatus,
      displayName: persons?.nameOf(slot) ?? null,
      personId: person?.roster.idOf(slot) ?? null,
      orgId: person?.roster.orgId ?? null,
      lastActivity: persons?.lastActivityOf(slot) ?? null,
      since: since === null ? null : isoTime(since),
      observedAt: persons === undefined ? null : isoTime(persons.observedWall[slot] ?? 0),
    };
  }

  invalid(uri: string): PresenceRecord {
    return this.toRecord(uri, { outlook: INVALID_URI, webexStatus: null, matched: false, person: null });
  }

  /** Wall-clock milliseconds. Nobody keeps when an address began to match nobody, so there it is null. */
  #sinceOf({ outlook, person }: Sight): number | null {
    if (outlook === INVALID_URI) return null;
    if (this.#condition !== "polling") return this.#conditionSince;
    if (person === null) return null;
    const { roster, slot } = person;
    if (outlook === BLOCKED) return roster.blockedSince;
    if (outlook === STALE) return (roster.persons.observedWall[slot] ?? 0) + roster.staleAfterMs;
    return roster.persons.since[slot] ?? null;
  }
}

import { Fault } from "../faults/fault.js";
import { Audiences, type Audience, type Subscription, type WatchEntry } from "./audience.js";
import type { ChangeBatch } from "./presence-service.js";
import type { PresenceRecord } from "./record.js";
import { NOT_FOUND, type Outlook } from "./state-table.js";

const MOST_SUBSCRIPTIONS = 1000;

/** What is known under an address now. */
export interface Finding {
  readonly outlook: Outlook;
  readonly webexStatus: string | null;
  /** Whether somebody has the address. */
  readonly matched: boolean;
}

export interface Findings<F extends Finding> {
  find(address: string): F;
  /** What is known of an address that nobody has. */
  unmatched(address: string): F;
  /** Whether lists name somebody by this text; `finding` is what is known under its address. */
  isListed(uri: string, address: string, finding: F): boolean;
  toRecord(uri: string, finding: F): PresenceRecord;
}

/**
 * Who is told of which address. What may have changed is only marked, and looked at when it is taken: so memory stays the same
 * when nobody takes, a person who changed twice is told once, and one who changed back not at all.
 */
export class WatchList<F extends Finding> {
  /** Rises when other addresses may be watched. */
  version = 0;
  readonly #findings: Findings<F>;
  readonly #audiences = new Audiences();
  readonly #chains = new Map<string, WatchEntry>();
  readonly #subscriptions = new Map<string, Subscription>();
  /** Those told of everybody. */
  #ofAll: readonly Subscription[] = [];
  #rank = 0;

  constructor(findings: Findings<F>) {
    this.#findings = findings;
  }

  get anyMarked(): boolean {
    return this.#audiences.anyDirty;
  }

  get watchesAll(): boolean {
    return this.#ofAll.length > 0;
  }

  /** Fault: `tooManySubscriptions`. */
  open(all: boolean): Subscription {
    if (this.#subscriptions.size >= MOST_SUBSCRIPTIONS) {
      throw new Fault("tooManySubscriptions", "There are 1,000 live presence subscriptions already.", {
        hint: "Unsubscribe those that are no longer needed.",
      });
    }
    this.#rank += 1;
    const subscription = { id: `s${this.#rank}`, rank: this.#rank, all, addresses: [] };
    this.#subscriptions.set(subscription.id, subscription);
    if (all) this.#ofAll = [...this.#ofAll, subscription];
    this.version += 1;
    return subscription;
  }

  /** For the subscription opened last; `finding` is what it is told now. Each spelling once. */
  add(subscription: Subscription, uri: string, address: string, finding: F): void {
    if (!subscription.all) subscription.addresses.push(address);
    for (let entry = this.#chains.get(address) ?? null; entry !== null; entry = entry.next) {
      if (entry.uri !== uri || !wasTold(entry, finding)) continue;
      this.#move(entry, this.#audiences.with(entry.audience, subscription));
      return;
    }
    this.#enter(uri, address, this.#audiences.with(null, subscription), finding);
  }

  /** Somebody is named by this text whom nobody was told of. */
  addToAll(uri: string, address: string): void {
    let members = this.#ofAll;
    for (let entry = this.#chains.get(address) ?? null; entry !== null; entry = entry.next) {
      const { audience } = entry;
      if (entry.uri === uri) members = members.filter((member) => !audience.members.includes(member));
    }
    if (members.length === 0) return;
    this.#audiences.mark(this.#enter(uri, address, this.#audiences.of(members), null));
  }

  /** Fault: `unknownSubscription`. */
  close(id: string): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) throw new Fault("unknownSubscription", "There is no such presence subscription.");
    this.#subscriptions.delete(id);
    this.#ofAll = this.#ofAll.filter((other) => other !== subscription);
    this.version += 1;
    const without = new Map<Audience, Audience | null>();
    for (const address of subscription.all ? [...this.#chains.keys()] : subscription.addresses) {
      for (let entry = this.#chains.get(address) ?? null; entry !== null; entry = entry.next) {
        this.#leave(entry, [subscription], without);
      }
    }
  }

  touch(address: string): void {
    for (let entry = this.#chains.get(address) ?? null; entry !== null; entry = entry.next) this.#audiences.mark(entry);
  }

  touchAll(): void {
    for (const address of this.#chains.keys()) this.touch(address);
  }

  /** Touches what was last told this way. */
  touchTold(outlook: Outlook): void {
    for (const head of this.#chains.values()) {
      for (let entry: WatchEntry | null = head; entry !== null; entry = entry.next) {
        if (entry.toldOutlook === outlook) this.#audiences.mark(entry);
      }
    }
  }

  /** The addresses that some live subscription named. */
  *named(): Generator<string> {
    for (const [address, head] of this.#chains) {
      for (let entry: WatchEntry | null = head; entry !== null; entry = entry.next) {
        if (!entry.audience.byName) continue;
        yield address;
        break;
      }
    }
  }

  isNamed(address: string): boolean {
    for (let entry = this.#chains.get(address) ?? null; entry !== null; entry = entry.next) {
      if (entry.audience.byName) return true;
    }
    return false;
  }

  take(max: number): ChangeBatch | null {
    for (const audience of this.#audiences.dirty) {
      const changes: PresenceRecord[] = [];
      for (const entry of audience.dirty) {
        this.#audiences.unmark(entry);
        const change = this.#look(entry);
        if (change !== null) changes.push(change);
        if (changes.length >= max) break;
      }
      if (changes.length > 0) return { subscriptionIds: audience.ids, changes };
    }
    return null;
  }

  #look(entry: WatchEntry): PresenceRecord | null {
    let finding = this.#findings.find(entry.address);
    if (entry.audience.ofAll && !this.#findings.isListed(entry.uri, entry.address, finding)) {
      // Somebody else may have the address: those who named it hear of them, those who are told of everybody have their own text for them.
      if (entry.audience.byName) {
        this.#part(entry);
        return null;
      }
      finding = this.#findings.unmatched(entry.address);
    }
    const nobodyYet = entry.toldOutlook === null && !finding.matched;
    let change: PresenceRecord | null = null;
    if (!nobodyYet && !wasTold(entry, finding)) {
      entry.toldOutlook = finding.outlook;
      entry.toldStatus = finding.webexStatus;
      change = this.#findings.toRecord(entry.uri, finding);
      this.#mergeSpelling(entry);
    }
    // Those who are told of everybody are told of somebody's end once; after that there is nobody to tell of.
    if (nobodyYet || (!finding.matched && finding.outlook === NOT_FOUND)) {
      this.#leave(entry, this.#ofAll, new Map());
    }
    return change;
  }

  /** Those who are told of everybody, and those who named the text, are told apart from now on. */
  #part(entry: WatchEntry): void {
    const { members } = entry.audience;
    const { address, uri, toldOutlook, toldStatus } = entry;
    this.#move(entry, this.#audiences.of(members.filter((member) => !member.all)));
    const apart = this.#enter(uri, address, this.#audiences.of(members.filter((member) => member.all)), null);
    Object.assign(apart, { toldOutlook, toldStatus });
    this.#audiences.mark(entry);
    this.#audiences.mark(apart);
  }

  /** Audiences that were told differently for a while are one again. */
  #mergeSpelling(entry: WatchEntry): void {
    let other = this.#chains.get(entry.address) ?? null;
    while (other !== null) {
      const { next } = other;
      const same = other !== entry && other.uri === entry.uri && !other.dirty;
      if (same && other.toldOutlook === entry.toldOutlook && other.toldStatus === entry.toldStatus) {
        const union = this.#audiences.union(entry.audience, other.audience);
        this.#remove(other);
        this.#move(entry, union);
      }
      other = next;
    }
  }

  #enter(uri: string, address: string, audience: Audience, finding: F | null): WatchEntry {
    const entry: WatchEntry = {
      address,
      uri,
      audience,
      toldOutlook: finding?.outlook ?? null,
      toldStatus: finding?.webexStatus ?? null,
      dirty: false,
      next: this.#chains.get(address) ?? null,
    };
    this.#chains.set(address, entry);
    this.#audiences.enter(audience, entry);
    return entry;
  }

  #move(entry: WatchEntry, audience: Audience): void {
    this.#audiences.leave(entry.audience, entry);
    entry.audience = audience;
    this.#audiences.enter(audience, entry);
  }

  #leave(entry: WatchEntry, leaving: readonly Subscription[], known: Map<Audience, Audience | null>): void {
    const from = entry.audience;
    let to = known.get(from);
    if (to === undefined) {
      const staying = from.members.filter((member) => !leaving.includes(member));
      to = staying.length === from.members.length ? from : staying.length === 0 ? null : this.#audiences.of(staying);
      known.set(from, to);
    }
    if (to === null) this.#remove(entry);
    else if (to !== from) this.#move(entry, to);
  }

  #remove(entry: WatchEntry): void {
    this.#audiences.leave(entry.audience, entry);
    const head = this.#chains.get(entry.address);
    if (head === entry) {
      if (entry.next === null) this.#chains.delete(entry.address);
      else this.#chains.set(entry.address, entry.next);
      return;
    }
    let before = head;
    while (before !== undefined && before.next !== entry) before = before.next ?? undefined;
    if (before !== undefined) before.next = entry.next;
  }
}

function wasTold(entry: WatchEntry, finding: Finding): boolean {
  return entry.toldOutlook === finding.outlook && entry.toldStatus === finding.webexStatus;
}

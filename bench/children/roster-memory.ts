// What the persons of an organization add to a process. Run it with --expose-gc, a number of
// persons, and `store` (the product's) or `objects` (the same in plain objects). Prints one JSON
// object.
import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { personJson } from "../../simulator/people-factory.js";
import type { Logger } from "../../src/ports/logger.js";
import { systemClock } from "../../src/platform/system-clock.js";
import { normalizeOwnAddress } from "../../src/presence/address.js";
import type { PersonSnapshot } from "../../src/presence/polled-roster.js";
import { PresenceDirectory } from "../../src/presence/presence-directory.js";
import { parseListedPersons } from "../../src/webex/people.js";

export type RosterKind = "store" | "objects";

export interface RosterMemory {
  readonly persons: number;
  /** Added to heapUsed + external. */
  readonly bytes: number;
}

const PAGE = 1_000;
const SWEEPS = 3;
const silent: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
};

/** The organization as Webex sends it: bodies outside the heap, which exist before and after. */
function bodies(persons: number): Buffer[] {
  const webex = new WebexSimulator({
    organizations: [{ name: "Example Ltd", persons, seed: 7 }],
    speed: 0,
  });
  const people = webex.people();
  const [organization] = webex.organizations;
  if (organization === undefined) throw new Error("The simulator has no organization.");
  const view = {
    withStatus: true,
    sharingOff: false,
    roleLost: false,
    strangeStatus: "",
    booleansAsStrings: false,
  };
  const pages: Buffer[] = [];
  for (let at = 0; at < people.length; at += PAGE) {
    const items = people
      .slice(at, at + PAGE)
      .map((person) => personJson(person, organization, view));
    pages.push(Buffer.from(`{"notFoundIds":null,"items":[${items.join(",")}]}`));
  }
  return pages;
}

function measureInUse(): number {
  for (let pass = 0; pass < 5; pass += 1) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function sweep(directory: PresenceDirectory, pages: readonly Buffer[]): void {
  const roster = directory.addOrganization("organization");
  const number = roster.beginSweep();
  pages.forEach((body, page) =>
    roster.applyPage(
      number,
      parseListedPersons({ status: 200, headers: {}, body, secrets: [] }, "organization"),
      page,
    ),
  );
  roster.completeSweep(number);
}

/** Returns a function that counts the persons, and keeps them alive. */
function fillStore(pages: readonly Buffer[], sweeps: number): () => number {
  const directory = new PresenceDirectory(systemClock, silent);
  directory.setCondition("polling");
  for (let count = 0; count < sweeps; count += 1) sweep(directory, pages);
  return () => {
    const { total } = directory.list({ limit: 1, cursor: null, states: null, orgId: null });
    directory.stop();
    return total;
  };
}

interface PlainPerson extends PersonSnapshot {
  readonly observedAt: number;
  readonly since: number;
  readonly page: number;
}

/** The obvious way: an object for each person, in one map by id and another by address. */
function fillObjects(pages: readonly Buffer[], sweeps: number): () => number {
  const byId = new Map<string, PlainPerson>();
  const byAddress = new Map<string, PlainPerson>();
  for (let count = 0; count < sweeps; count += 1) {
    for (const [page, body] of pages.entries()) {
      const now = systemClock.now();
      for (const item of parseListedPersons(
        { status: 200, headers: {}, body, secrets: [] },
        "organization",
      )) {
        const snapshot = item.read();
        if (snapshot === null) continue;
        const since = byId.get(snapshot.id)?.since ?? now;
        const person = { ...snapshot, observedAt: now, since, page };
        byId.set(person.id, person);
        for (const text of [person.userName ?? "", ...person.emails, ...person.sipAddresses]) {
          const address = normalizeOwnAddress(text);
          if (address !== null) byAddress.set(address, person);
        }
      }
    }
  }
  return () => (byAddress.size >= byId.size ? byId.size : 0);
}

if (globalThis.gc === undefined) throw new Error("Run it with --expose-gc.");
const pages = bodies(Number(process.argv[2] ?? "50000"));
const fill = process.argv[3] === "objects" ? fillObjects : fillStore;
// The code itself, compiled and warm, does not count.
fill(pages.slice(0, 2), 1)();

const before = measureInUse();
const countPersons = fill(pages, SWEEPS);
const bytes = measureInUse() - before;
const memory: RosterMemory = { persons: countPersons(), bytes };
if (memory.persons === 0) throw new Error("No person was read.");
console.log(JSON.stringify(memory));

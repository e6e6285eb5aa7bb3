// What a roster adds to a process: run with --expose-gc and a number of persons; prints one JSON object.
import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { personJson } from "../../simulator/people-factory.js";
import type { Logger } from "../../src/ports/logger.js";
import { systemClock } from "../../src/platform/system-clock.js";
import { PresenceDirectory } from "../../src/presence/presence-directory.js";
import { parseListedPersons } from "../../src/webex/person-decoder.js";

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

/** The organization as Webex sends it: bodies outside the heap, alive before and after. */
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

function inUse(): number {
  for (let pass = 0; pass < 5; pass += 1) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function sweep(directory: PresenceDirectory, pages: readonly Buffer[], orgId: string): void {
  const roster = directory.addOrganization(orgId);
  const number = roster.beginSweep();
  pages.forEach((body, page) =>
    roster.applyPage(number, parseListedPersons({ status: 200, headers: {}, body }), page),
  );
  roster.completeSweep(number);
}

if (globalThis.gc === undefined) throw new Error("Run it with --expose-gc.");
const pages = bodies(Number(process.argv[2] ?? "50000"));
// The code itself, compiled and warm, is not the roster's.
const trial = new PresenceDirectory(systemClock, silent);
sweep(trial, pages.slice(0, 2), "trial");
trial.removeOrganization("trial");
trial.stop();

const before = inUse();
const directory = new PresenceDirectory(systemClock, silent);
directory.setCondition("polling");
for (let count = 0; count < SWEEPS; count += 1) sweep(directory, pages, "organization");
const bytes = inUse() - before;
const { total } = directory.list({ limit: 1, cursor: null, states: null, orgId: null });
directory.stop();
const memory: RosterMemory = { persons: total, bytes };
if (pages.length === 0 || total === 0) throw new Error("Nobody was swept.");
console.log(JSON.stringify(memory));

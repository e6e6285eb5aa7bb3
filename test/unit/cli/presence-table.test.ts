import { expect } from "chai";

import { STATE_LOOKS } from "../../../src/cli/presence-table-states.js";
import {
  changeText,
  presenceTable,
  roomForPersons,
  totalsText,
  type PresenceTableModel,
} from "../../../src/cli/presence-table.js";
import { displayWidth } from "../../../src/cli/terminal-text.js";
import { PRESENCE_REASONS, PRESENCE_STATES, type PresenceRecord } from "../../../src/presence/record.js";

const NOW = new Date(2026, 2, 4, 14, 2, 11).getTime();
// eslint-disable-next-line no-control-regex -- escape sequences are what this looks for
const ESCAPES = /\u001b\[[0-9;]*m/g;

function record(options: Partial<PresenceRecord> = {}): PresenceRecord {
  return {
    uri: "ada@northwind.example",
    state: "available",
    basic: "open",
    activities: [],
    reason: null,
    webexStatus: "active",
    displayName: "Ada Admin",
    personId: "p1",
    orgId: "o1",
    lastActivity: null,
    since: new Date(NOW - 7 * 60_000).toISOString(),
    observedAt: new Date(NOW - 3000).toISOString(),
    ...options,
  };
}

function people(count: number): PresenceRecord[] {
  return Array.from({ length: count }, (_, index) =>
    record({
      uri: `person${index}@northwind.example`,
      displayName: index % 3 === 0 ? `山田 太郎${index} 👩‍💻` : `Person ${index}`,
      state: PRESENCE_STATES[index % PRESENCE_STATES.length] ?? "unknown",
      reason: PRESENCE_REASONS[index % PRESENCE_REASONS.length] ?? null,
    }),
  );
}

function model(options: Partial<PresenceTableModel> = {}): PresenceTableModel {
  return {
    now: NOW,
    title: "Northwind",
    figures: "polling, 12/60 req/min",
    notes: ["1. Started a simulated Webex.", "2. Launched the worker from its manifest, as a host does."],
    sweep: null,
    totals: new Map([
      ["available", 24],
      ["onCall", 4],
      ["unknown", 6],
    ]),
    records: [record()],
    changes: [],
    footer: "q ends",
    ...options,
  };
}

function plain(lines: readonly string[]): string {
  return lines.map((line) => line.replaceAll(ESCAPES, "")).join("\n");
}

describe("presence table", () => {
  const busy = model({
    records: people(80),
    notes: Array.from({ length: 9 }, (_, index) => `${index + 1}. A step of the story that needs quite a few words to be told.`),
    changes: people(20).map((to, index) => ({ at: NOW - index * 1000, from: record({ uri: to.uri, state: "away" }), to })),
    totals: new Map(PRESENCE_STATES.map((state) => [state, 1234])),
  });

  it("fits every size of terminal, with and without colours", () => {
    for (const columns of [1, 5, 12, 30, 46, 60, 80, 100, 150]) {
      for (const rows of [1, 3, 8, 14, 20, 24, 30, 60]) {
        for (const sweep of [null, { persons: 41, of: 60 }, { persons: 41, of: null }]) {
          const coloured = presenceTable({ ...busy, sweep }, { columns, rows, colours: true });
          const bare = presenceTable({ ...busy, sweep }, { columns, rows, colours: false });
          expect(coloured.length, `${columns}x${rows}`).to.equal(rows);
          for (const line of bare) expect(displayWidth(line), `${columns}x${rows}: ${line}`).to.be.at.most(columns);
          expect(plain(coloured)).to.equal(bare.join("\n"));
        }
      }
    }
  });

  it("shows name, address, state with symbol and word, and both ages", () => {
    const line = presenceTable(model(), { columns: 100, rows: 30, colours: false }).find((each) => each.startsWith("Ada"));
    expect(line).to.match(/^Ada Admin +ada@northwind\.example +● available +7 min +3 s$/);
  });

  it("gives up the address first, then the ages, never name and state", () => {
    const narrow = plain(presenceTable(model(), { columns: 60, rows: 20, colours: false }));
    expect(narrow).to.match(/^Ada Admin +● available +7 min +3 s$/m);
    const narrowest = plain(presenceTable(model(), { columns: 40, rows: 20, colours: false }));
    expect(narrowest).to.match(/^Ada Admin +● available *$/m);
  });

  it("tells each state by a symbol of its own, with or without colour", () => {
    const symbols = PRESENCE_STATES.map((state) => STATE_LOOKS[state].symbol);
    expect(new Set(symbols).size).to.equal(PRESENCE_STATES.length);
    for (const state of PRESENCE_STATES) {
      const { symbol, word } = STATE_LOOKS[state];
      const lines = presenceTable(model({ records: [record({ state })] }), { columns: 100, rows: 30, colours: false });
      expect(plain(lines)).to.contain(`${symbol} ${word}`);
    }
  });

  it("writes escape sequences only when colours are wanted", () => {
    const size = { columns: 100, rows: 30 };
    expect(presenceTable(busy, { ...size, colours: false }).join("")).not.to.contain("\u001b");
    expect(presenceTable(model(), { ...size, colours: true }).join("")).to.contain("\u001b[32m● available");
  });

  it("does not pass on what a name would make a terminal do", () => {
    const records = [record({ displayName: "Eve\u001b[2J", uri: "eve\u0007@northwind.example" })];
    const lines = presenceTable(model({ records }), { columns: 100, rows: 30, colours: false }).join("");
    expect(lines).to.contain("Eve [2J");
    expect(lines).not.to.match(/\p{Control}/u);
  });

  it("shows a bar during the first sweep, and only a count while nobody knows how many there are", () => {
    const bar = plain(presenceTable(model({ sweep: { persons: 30, of: 60 } }), { columns: 100, rows: 30, colours: true }));
    expect(bar).to.contain(`First sweep: 30 of 60 people  ${"█".repeat(20)}${"░".repeat(20)}`);
    const count = plain(presenceTable(model({ sweep: { persons: 30, of: null } }), { columns: 100, rows: 30, colours: true }));
    expect(count).to.contain("First sweep: 30 people so far");
  });

  it("keeps the totals' words where they fit and their symbols where they do not", () => {
    expect(plain(presenceTable(busy, { columns: 100, rows: 30, colours: false }))).to.contain("▬ 1234 do not disturb");
    expect(plain(presenceTable(busy, { columns: 60, rows: 20, colours: false }))).to.contain("● 1234  ○ 1234  ♪ 1234");
    expect(totalsText(model().totals)).to.equal("● 24 available  ♪ 4 on call  ? 6 unknown");
  });

  it("says how many people there was no room for", () => {
    const records = people(80);
    const lines = presenceTable(model({ records, notes: ["8. Polling."] }), { columns: 100, rows: 30, colours: false });
    const shown = lines.filter((line) => /person\d+@/.test(line)).length;
    expect(shown).to.equal(roomForPersons(30) - 1);
    expect(plain(lines)).to.contain(`and ${80 - shown} more`);
  });

  it("has room for exactly as many people as it says", () => {
    for (const rows of [9, 14, 20, 24, 30, 50]) {
      const records = people(roomForPersons(rows));
      const lines = plain(presenceTable(model({ records, notes: ["8. Polling."] }), { columns: 120, rows, colours: false }));
      expect(lines, `${rows} rows`).not.to.contain("more, for a taller window");
      expect(lines).to.contain(records.at(-1)?.uri);
    }
  });

  it("keeps the latest notes where there is no room for all", () => {
    const lines = plain(presenceTable(busy, { columns: 100, rows: 14, colours: false }));
    expect(lines).to.contain("9. A step").and.not.to.contain("5. A step");
  });

  it("lists the latest changes with their time, and lets who has just changed stand out", () => {
    const to = record({ state: "onCall" });
    const changed = model({ records: [to], changes: [{ at: NOW, from: record(), to }] });
    const lines = presenceTable(changed, { columns: 100, rows: 30, colours: true });
    expect(plain(lines)).to.match(/14:02:11 {2}Ada Admin +● available → ♪ on call/);
    expect(lines.some((line) => line.startsWith("\u001b[1mAda"))).to.be.true;
    const later = presenceTable({ ...changed, now: NOW + 5000 }, { columns: 100, rows: 30, colours: true });
    expect(later.some((line) => line.startsWith("\u001b[1mAda"))).to.be.false;
  });

  it("tells a change in one line of text", () => {
    const stale = record({ state: "unknown", reason: "stale", displayName: null });
    expect(changeText({ at: NOW, from: record(), to: stale })).to.equal("ada@northwind.example  ● available → ? unknown (stale)");
  });
});

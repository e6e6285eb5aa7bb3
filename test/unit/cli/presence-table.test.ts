import { expect } from "chai";

import { changeText, STATE_STYLES } from "../../../src/cli/terminal/presence-labels.js";
import {
  renderPresenceTable,
  personCapacity,
  totalsText,
  visibleRange,
  type PresenceTableModel,
} from "../../../src/cli/terminal/presence-table.js";
import { displayWidth } from "../../../src/cli/terminal/text.js";
import {
  PRESENCE_REASONS,
  PRESENCE_STATES,
  type PresenceRecord,
} from "../../../src/presence/record.js";

const NOW = new Date(2026, 2, 4, 14, 2, 11).getTime();
// eslint-disable-next-line no-control-regex -- matches escape sequences
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
    summary: "polling, 12/60 req/min",
    notes: [
      "1. Started a simulated Webex.",
      "2. Launched the worker from its manifest, as a host does.",
    ],
    sweep: null,
    totals: new Map([
      ["available", 24],
      ["onCall", 4],
      ["unknown", 6],
    ]),
    problems: [],
    records: [record()],
    repeatedNames: new Set(),
    changes: [],
    filter: null,
    cursor: null,
    refreshing: new Set(),
    message: null,
    hasHelp: false,
    ...options,
  };
}

const PROBLEMS = [
  "warning: Webex limits the requests of this application. It waits. → Nothing is to be done.",
  "warning: The limit is too low for so many people in this organization. → Raise it in the settings.",
  "error: Webex refuses. → Authorize the worker again.",
];

function plain(lines: readonly string[]): string {
  return lines.map((line) => line.replaceAll(ESCAPES, "")).join("\n");
}

describe("cli/terminal/presence-table", () => {
  const fullModel = model({
    records: people(80),
    notes: Array.from(
      { length: 9 },
      (_, index) => `${index + 1}. A step that takes quite a few words to describe.`,
    ),
    changes: people(20).map((to, index) => ({
      at: NOW - index * 1000,
      from: record({ uri: to.uri, state: "away" }),
      to,
    })),
    totals: new Map(PRESENCE_STATES.map((state) => [state, 1234])),
  });

  it("fits every terminal size, with and without colors", () => {
    for (const columns of [1, 5, 12, 30, 46, 60, 80, 100, 150]) {
      for (const rows of [1, 3, 8, 14, 20, 24, 30, 60]) {
        for (const changes of [
          {},
          { sweep: { persons: 41, expected: 60 } },
          { sweep: { persons: 41, expected: null } },
          { cursor: 0, refreshing: new Set(people(2).map(({ uri }) => uri)) },
          { problems: PROBLEMS, repeatedNames: new Set(["Person 1"]) },
          { cursor: 79, message: "Person 79 was not refreshed: Webex asked for a pause." },
          {
            cursor: 3,
            filter: { search: "山 person", isTyping: true, state: null, total: 99_999 },
          },
          { filter: { search: "", isTyping: false, state: "presenting" as const, total: 80 } },
          { cursor: 0, hasHelp: true },
        ]) {
          const sized = { ...fullModel, ...changes };
          const coloredLines = renderPresenceTable(sized, { columns, rows, hasColors: true });
          const plainLines = renderPresenceTable(sized, { columns, rows, hasColors: false });
          expect(coloredLines.length, `${columns}x${rows}`).to.equal(rows);
          for (const line of plainLines)
            expect(displayWidth(line), `${columns}x${rows}: ${line}`).to.be.at.most(columns);
          expect(plain(coloredLines)).to.equal(plainLines.join("\n"));
        }
      }
    }
  });

  it("shows the name, the address, the state with its symbol and label, and both ages", () => {
    const line = renderPresenceTable(model(), { columns: 100, rows: 30, hasColors: false }).find(
      (each) => each.startsWith("Ada"),
    );
    expect(line).to.match(/^Ada Admin +ada@northwind\.example +● available +7 min +3 s$/);
  });

  it("drops the address first, then the ages, but never the name and the state", () => {
    const narrow = plain(renderPresenceTable(model(), { columns: 60, rows: 20, hasColors: false }));
    expect(narrow).to.match(/^Ada Admin +● available +7 min +3 s$/m);
    const narrowest = plain(
      renderPresenceTable(model(), { columns: 40, rows: 20, hasColors: false }),
    );
    expect(narrowest).to.match(/^Ada Admin +● available *$/m);
  });

  it("shows each state with a unique symbol", () => {
    const symbols = PRESENCE_STATES.map((state) => STATE_STYLES[state].symbol);
    expect(new Set(symbols).size).to.equal(PRESENCE_STATES.length);
    for (const state of PRESENCE_STATES) {
      const { symbol, label: word } = STATE_STYLES[state];
      const lines = renderPresenceTable(model({ records: [record({ state })] }), {
        columns: 100,
        rows: 30,
        hasColors: false,
      });
      expect(plain(lines)).to.contain(`${symbol} ${word}`);
    }
  });

  it("uses escape sequences only with colors", () => {
    const size = { columns: 100, rows: 30 };
    expect(renderPresenceTable(fullModel, { ...size, hasColors: false }).join("")).not.to.contain(
      "\u001b",
    );
    expect(renderPresenceTable(model(), { ...size, hasColors: true }).join("")).to.contain(
      "\u001b[32m● available",
    );
  });

  it("removes control characters from names", () => {
    const records = [record({ displayName: "Eve\u001b[2J", uri: "eve\u0007@northwind.example" })];
    const lines = renderPresenceTable(model({ records }), {
      columns: 100,
      rows: 30,
      hasColors: false,
    }).join("");
    expect(lines).to.contain("Eve [2J");
    expect(lines).not.to.match(/\p{Control}/u);
  });

  it("shows a progress bar during the first sweep, or a count if the total is unknown", () => {
    const bar = plain(
      renderPresenceTable(model({ sweep: { persons: 30, expected: 60 } }), {
        columns: 100,
        rows: 30,
        hasColors: true,
      }),
    );
    expect(bar).to.contain(`First sweep: 30 of 60 people  ${"█".repeat(20)}${"░".repeat(20)}`);
    const count = plain(
      renderPresenceTable(model({ sweep: { persons: 30, expected: null } }), {
        columns: 100,
        rows: 30,
        hasColors: true,
      }),
    );
    expect(count).to.contain("First sweep: 30 people so far");
  });

  it("shows the totals with labels if they fit, else with symbols only", () => {
    expect(
      plain(renderPresenceTable(fullModel, { columns: 100, rows: 30, hasColors: false })),
    ).to.contain("▬ 1234 do not disturb");
    expect(
      plain(renderPresenceTable(fullModel, { columns: 60, rows: 20, hasColors: false })),
    ).to.contain("● 1234  ○ 1234  ♪ 1234");
    expect(totalsText(model().totals)).to.equal("● 24 available  ♪ 4 on a call  ? 6 unknown");
  });

  it("shows how many people do not fit", () => {
    const records = people(80);
    const lines = renderPresenceTable(model({ records, notes: ["8. Polling."] }), {
      columns: 100,
      rows: 30,
      hasColors: false,
    });
    const shown = lines.filter((line) => /person\d+@/.test(line)).length;
    expect(shown).to.equal(personCapacity(30) - 1);
    expect(plain(lines)).to.contain(`1–${shown} of 80 people`);
  });

  it("fits exactly as many people as personCapacity returns", () => {
    for (const rows of [9, 14, 20, 24, 30, 50]) {
      const records = people(personCapacity(rows));
      const lines = plain(
        renderPresenceTable(model({ records, notes: ["8. Polling."] }), {
          columns: 120,
          rows,
          hasColors: false,
        }),
      );
      expect(lines, `${rows} rows`).not.to.match(/–\d+ of \d+ people/);
      expect(lines).to.contain(records.at(-1)?.uri);
    }
  });

  it("shows the latest notes if not all fit", () => {
    const lines = plain(
      renderPresenceTable(fullModel, { columns: 100, rows: 14, hasColors: false }),
    );
    expect(lines).to.contain("9. A step").and.not.to.contain("5. A step");
  });

  it("shows the first problems if not all fit, and how many more there are", () => {
    const shown = (problems: readonly string[], rows: number, columns = 60) =>
      renderPresenceTable(model({ notes: [], problems }), { columns, rows, hasColors: false })
        .slice(1)
        .map((line) => line.trimEnd());
    expect(shown(PROBLEMS, 30).slice(0, 6)).to.deep.equal([
      "warning: Webex limits the requests of this application. It",
      "   waits. → Nothing is to be done.",
      "warning: The limit is too low for so many people in this",
      "   organization. → Raise it in the settings.",
      "error: Webex refuses. → Authorize the worker again.",
      "34 people  ● 24 available  ♪ 4 on a call  ? 6 unknown",
    ]);
    expect(shown(PROBLEMS, 16).slice(0, 4)).to.deep.equal([
      "warning: Webex limits the requests of this application. It",
      "   waits. → Nothing is to be done.",
      "warning: The limit is too low for so many people in this …",
      "… 1 more problem: enlarge the window",
    ]);
    expect(shown(PROBLEMS.slice(0, 1), 8, 30).slice(0, 2)).to.deep.equal([
      "warning: Webex limits the …",
      "… enlarge the window",
    ]);
    expect(shown(PROBLEMS, 4)[0]).to.equal("… 3 problems: enlarge the window");
    expect(shown(PROBLEMS, 3).join("\n")).not.to.contain("…");
  });

  it("keeps half of the space above the table for problems", () => {
    const lines = renderPresenceTable(
      { ...fullModel, problems: PROBLEMS },
      { columns: 80, rows: 24, hasColors: false },
    );
    expect(lines.slice(1, 7).map((line) => line.slice(0, 12))).to.deep.equal([
      ...["7. A step th", "8. A step th", "9. A step th"],
      ...["warning: Web", "   to be don", "… 2 more pro"],
    ]);
  });

  it("ends the totals with … if not all fit", () => {
    for (const columns of [20, 30, 40, 59]) {
      const size = { columns, rows: 20, hasColors: false };
      const [, totals = ""] = renderPresenceTable({ ...fullModel, notes: [] }, size);
      expect(totals, `${columns} columns`).to.match(/^\d+ people.* …$/);
    }
  });

  it("tells people of one name apart by their addresses", () => {
    const second = record({ uri: "ada.admin2@northwind.example" });
    const records = [record(), second, record({ uri: "bo@northwind.example", displayName: "Bo" })];
    const changes = [{ at: NOW, from: record({ state: "away" }), to: second }];
    const shown = (columns: number) => {
      const twice = model({ records, changes, repeatedNames: new Set(["Ada Admin"]) });
      return plain(renderPresenceTable(twice, { columns, rows: 30, hasColors: false }));
    };
    expect(shown(79)).to.match(/^Ada Admin \(ada@northwind\.example\) +● available/m);
    expect(shown(60))
      .to.match(/^ada\.admin2@north.*… +● /m)
      .and.to.match(/^Bo +● /m);
    expect(shown(100)).to.match(/^Ada Admin +ada@northwind/m);
    expect(shown(100)).to.match(/14:02:11 {2}ada\.admin2@northwind\.e\S*… +○ away/);
  });

  it("says first how to quit where nobody can be selected", () => {
    for (const columns of [20, 59, 79, 120]) {
      const lines = renderPresenceTable(model(), { columns, rows: 20, hasColors: false });
      expect(lines.at(-1), `${columns} columns`)
        .to.match(/^q: quit/)
        .and.to.not.contain("…");
    }
  });

  it("lists the latest changes with their time and highlights the people who changed", () => {
    const to = record({ state: "onCall" });
    const changed = model({ records: [to], changes: [{ at: NOW, from: record(), to }] });
    const lines = renderPresenceTable(changed, { columns: 100, rows: 30, hasColors: true });
    expect(plain(lines)).to.match(/14:02:11 {2}Ada Admin +● available → ♪ on a call/);
    expect(lines.some((line) => line.startsWith("\u001b[1mAda"))).to.be.true;
    const later = renderPresenceTable(
      { ...changed, now: NOW + 5000 },
      { columns: 100, rows: 30, hasColors: true },
    );
    expect(later.some((line) => line.startsWith("\u001b[1mAda"))).to.be.false;
  });

  it("formats a change as one line", () => {
    const stale = record({ state: "unknown", reason: "stale", displayName: null });
    expect(changeText({ at: NOW, from: record(), to: stale })).to.equal(
      "ada@northwind.example  ● available → ? unknown (stale)",
    );
  });

  describe("with a cursor", () => {
    const records = people(80);
    const select = (cursor: number, columns = 79, rows = 24) => {
      const size = { columns, rows, hasColors: false };
      const selecting = model({ records, cursor, notes: [] });
      return { range: visibleRange(selecting, size), lines: renderPresenceTable(selecting, size) };
    };
    const markedLines = (lines: readonly string[]) => lines.filter((line) => line.startsWith("> "));

    it("marks the selected person, also without colors", () => {
      for (const columns of [30, 59, 79, 120]) {
        const { lines } = select(1, columns);
        expect(markedLines(lines), `${columns} columns`).to.have.length(1);
        expect(markedLines(lines)[0]).to.match(/^> Person 1 /);
        expect(lines.some((line) => line.startsWith("  NAME"))).to.be.true;
      }
    });

    it("marks nobody where nobody can be selected", () => {
      const lines = renderPresenceTable(model(), { columns: 79, rows: 24, hasColors: false });
      expect(markedLines(lines)).to.deep.equal([]);
      expect(plain(lines)).to.contain("NAME").and.to.not.contain("f: refresh");
    });

    it("always shows the selected person, and which part of the people it shows", () => {
      for (const rows of [3, 6, 10, 14, 24, 60, 100]) {
        for (const cursor of [0, 1, 7, 40, 78, 79]) {
          const { lines, range } = select(cursor, 79, rows);
          const place = `${rows} rows, cursor at ${cursor}`;
          expect(range.start, place).to.be.at.most(cursor);
          expect(range.end, place).to.be.above(cursor).and.to.be.at.most(80);
          expect(markedLines(lines), place).to.have.length(1);
          if (rows >= 10 && range.end - range.start < 80)
            expect(plain(lines)).to.contain(`${range.start + 1}–${range.end} of 80 people`);
        }
      }
      expect(select(0).range.start).to.equal(0);
      expect(select(79).range.end).to.equal(80);
    });

    it("moves the people by one row, not by a page, when the cursor leaves the middle", () => {
      const starts = [30, 31, 32].map((cursor) => select(cursor).range.start);
      expect(starts[1]).to.equal(starts[0]! + 1);
      expect(starts[2]).to.equal(starts[0]! + 2);
    });

    it("shows who is being refreshed, in place of the age", () => {
      const refreshing = new Set([record().uri]);
      const wide = plain(
        renderPresenceTable(model({ cursor: 0, refreshing }), {
          ...{ columns: 100, rows: 30, hasColors: false },
        }),
      );
      expect(wide).to.match(/^> Ada Admin .*● available +7 min +…$/m);
      const narrow = plain(
        renderPresenceTable(model({ cursor: 0, refreshing }), {
          ...{ columns: 40, rows: 20, hasColors: false },
        }),
      );
      expect(narrow).to.match(/^> Ada Admin +● available … *$/m);
    });

    it("names the keys in every width, until a message takes their place", () => {
      for (const columns of [20, 59, 79, 120]) {
        const help = plain(
          renderPresenceTable(model({ cursor: 0 }), { columns, rows: 24, hasColors: false }),
        );
        expect(help, `${columns} columns`).to.contain("? help").and.to.contain("q quit");
        if (columns >= 59)
          for (const key of ["/ search", "s state", "f refresh"]) expect(help).to.contain(key);
      }
      const message = "Ada Admin was not refreshed: Webex asked for a pause until 14:03:10.";
      const lines = renderPresenceTable(model({ cursor: 0, message }), {
        ...{ columns: 59, rows: 24, hasColors: false },
      });
      expect(lines).to.have.length(24);
      expect(lines.slice(-2).join(" ").replaceAll(/ +/g, " ")).to.equal(message);
      const small = renderPresenceTable(model({ cursor: 0, message }), {
        ...{ columns: 59, rows: 8, hasColors: false },
      });
      expect(small.at(-1)).to.equal("Ada Admin was not refreshed: Webex asked for a pause until…");
    });
  });

  describe("with a search", () => {
    const filter = { search: "ada", isTyping: true, state: null, total: 60 };
    const lineOf = (options: Partial<typeof filter> | object, columns = 79, found = 1) => {
      const filtered = model({
        ...{ notes: [], cursor: 0, filter: { ...filter, ...options } },
        records: people(found),
      });
      const size = { columns, rows: 20, hasColors: false };
      return renderPresenceTable(filtered, size)[2]!.trimEnd();
    };

    it("shows the text that is typed, the state, and how many people are left", () => {
      expect(lineOf({})).to.equal("Search: ada█  1 of 60 people");
      expect(lineOf({ isTyping: false })).to.equal("Search: ada  1 of 60 people  Esc: everyone");
      expect(lineOf({ isTyping: false, search: "", state: "onCall" })).to.equal(
        "State: ♪ on a call  1 of 60 people  Esc: everyone",
      );
      expect(lineOf({ state: "doNotDisturb" }, 59)).to.equal(
        "Search: ada█  State: ▬ do not disturb  1 of 60 people",
      );
    });

    it("shows the end of a text that does not fit, because it is being typed", () => {
      const search = "a".repeat(100) + "xyz";
      expect(lineOf({ search }, 59)).to.match(/^Search: …a+xyz█ {2}1 of 60 people$/);
      expect(lineOf({ search }, 20)).to.match(/^Search: …a+xyz█$/);
    });

    it("says so if nobody is found", () => {
      const nobody = model({ notes: [], records: [], cursor: 0, filter });
      const lines = renderPresenceTable(nobody, { columns: 79, rows: 20, hasColors: false });
      expect(plain(lines)).to.contain("Nobody matches.");
      const noFilter = renderPresenceTable(
        { ...nobody, filter: null },
        { columns: 79, rows: 20, hasColors: false },
      );
      expect(plain(noFilter)).to.not.contain("Nobody matches.");
    });

    it("shows people instead of the latest changes where both do not fit", () => {
      const text = (rows: number, active: typeof filter | null) =>
        plain(
          renderPresenceTable(model({ cursor: 0, filter: active }), {
            ...{ columns: 59, rows, hasColors: false },
          }),
        );
      expect(text(15, null)).to.contain("LATEST CHANGES");
      expect(text(15, filter)).to.not.contain("LATEST CHANGES");
      expect(text(24, filter)).to.contain("LATEST CHANGES");
    });

    it("marks the state among the totals", () => {
      const lines = renderPresenceTable(model({ filter: { ...filter, state: "onCall" } }), {
        ...{ columns: 100, rows: 20, hasColors: true },
      });
      expect(lines.join("")).to.contain("\u001b[31;7m♪ 4 on a call");
    });
  });

  it("explains every key and both columns on the smallest terminal", () => {
    const size = { columns: 59, rows: 15, hasColors: false };
    const busy = { ...fullModel, problems: PROBLEMS, cursor: 0, hasHelp: true };
    const help = plain(renderPresenceTable(busy, size).slice(1));
    for (const text of ["PgUp PgDn", "search by name or address", "s S", "Esc", "FOR", "AGE"])
      expect(help).to.contain(text);
    expect(help).to.not.contain("…").and.to.not.contain("LATEST CHANGES");
  });
});

import { expect } from "chai";

import { progressText } from "../../../src/cli/doctor.js";
import { failed, findingLines, ok, skipped, summaryText } from "../../../src/cli/doctor-finding.js";
import { clockOffset } from "../../../src/cli/doctor-system-checks.js";
import { countPeople } from "../../../src/cli/doctor-webex-checks.js";
import { paintFor } from "../../../src/cli/terminal/text.js";
import type { PersonSnapshot } from "../../../src/presence/polled-roster.js";
import { listedPersons } from "../../support/presence-fixture.js";

const paint = paintFor(false);
const UNLIMITED = Number.POSITIVE_INFINITY;

describe("cli/doctor", () => {
  const unresolved = failed({ code: "nameNotResolved", message: "No name.", hint: "Fix it." });

  it("prints a finding in one line, but on a terminal the hint below it", () => {
    expect(findingLines("DNS", unresolved, { paint, width: UNLIMITED })).to.deep.equal([
      "FAIL  DNS                No name. → Fix it.",
    ]);
    expect(findingLines("DNS", unresolved, { paint, width: 80 })).to.deep.equal([
      "FAIL  DNS                No name.",
      "                         → Fix it.",
    ]);
    expect(findingLines("DNS", ok("fine"), { paint, width: 80 })).to.deep.equal([
      "ok    DNS                fine",
    ]);
    expect(findingLines("DNS", skipped("not checked"), { paint, width: UNLIMITED })).to.deep.equal([
      "–     DNS                not checked",
    ]);
  });

  it("greys every line of what was not checked, and nothing else", () => {
    const format = { paint: paintFor(true), width: 50 };
    const lines = findingLines("DNS", skipped("one two three four five six"), format);
    expect(lines).to.have.length(2);
    const shade = paintFor(true)("six", "grey");
    expect(lines[1]?.trimStart()).to.equal(shade);
    expect(findingLines("DNS", ok("fine"), format)).to.deep.equal([
      "\u001b[32mok  \u001b[0m  DNS                fine",
    ]);
  });

  it("shows how many checks are done, and each name once", () => {
    const running = ["DNS", "address", "address"];
    expect(progressText({ running, done: 3, total: 18 })).to.equal(
      "3 of 18 checks done, running: DNS, address …",
    );
  });

  it("summarizes failures and warnings", () => {
    expect(summaryText(0, 0, paint)).to.equal("All checks passed.");
    expect(summaryText(0, 1, paint)).to.equal("No check failed, 1 warning.");
    expect(summaryText(1, 0, paint)).to.equal("1 check failed.");
    expect(summaryText(2, 3, paint)).to.equal("2 checks failed, 3 warnings.");
  });

  it("reports no larger clock offset than the Date header proves", () => {
    const date = "Sun, 22 Nov 2026 10:00:00 GMT";
    const serverTime = Date.parse(date);
    const offset = (sentAfterMs: number, receivedAfterMs: number, headers = { date }) =>
      clockOffset({
        headers,
        sentAt: serverTime + sentAfterMs,
        receivedAt: serverTime + receivedAfterMs,
      });
    expect(offset(100, 900)).to.equal(0);
    expect(offset(61_000, 61_500)).to.equal(60_000);
    expect(offset(-61_000, -60_000)).to.equal(-60_000);
    expect(offset(0, 0, { date: "soon" })).to.equal(null);
    expect(clockOffset({ headers: {}, sentAt: 0, receivedAt: 0 })).to.equal(null);
  });

  it("counts each person once over all pages, up to a limit", async () => {
    const person = (id: number) => ({ id: String(id) }) as PersonSnapshot;
    const pages = (last: number) => ({
      listPage: (page: { kind: string; url?: string }) => {
        const number = page.kind === "first" ? 0 : Number(page.url);
        return Promise.resolve({
          items: listedPersons([person(number), person(number + 1)], 1),
          next: number === last ? null : String(number + 1),
        });
      },
    });
    const { signal } = new AbortController();
    expect(await countPeople(pages(3), signal)).to.deep.equal({ persons: 5, isComplete: true });
    expect(await countPeople(pages(-1), signal)).to.deep.equal({ persons: 21, isComplete: false });
  });
});

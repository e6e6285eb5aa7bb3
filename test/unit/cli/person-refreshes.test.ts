import { expect } from "chai";

import { PersonRefreshes } from "../../../src/cli/person-refreshes.js";
import type { PresenceRecord } from "../../../src/presence/record.js";
import type { WorkerStatus } from "../../../src/supervisor/status.js";

const NOW = new Date(2026, 2, 4, 14, 2, 11).getTime();
const iso = (offsetMs: number): string => new Date(NOW + offsetMs).toISOString();

const record = (changes: Partial<PresenceRecord> = {}) =>
  ({
    uri: "ada@x.example",
    displayName: "Ada Admin",
    state: "available",
    reason: null,
    orgId: "o1",
    observedAt: iso(-42_000),
    ...changes,
  }) as PresenceRecord;

const status = (changes: object = {}, organization: object = {}) =>
  ({
    phase: "polling",
    problems: [],
    organizations: [
      { orgId: "o1", rateLimitedUntil: null, ...organization },
      { orgId: "o2", rateLimitedUntil: iso(60_000) },
    ],
    ...changes,
  }) as unknown as WorkerStatus;

const problem = (code: string, severity: string, orgId: string | null = "o1") => ({
  ...{ code, severity, orgId, message: "", hint: "" },
});

describe("cli/person-refreshes", () => {
  let now: number;
  let currentStatus: WorkerStatus;
  let asked: string[];
  let answers: ((record: PresenceRecord | Error) => void)[];
  let changes: number;
  let refreshes: PersonRefreshes;

  beforeEach(() => {
    now = NOW;
    currentStatus = status();
    asked = [];
    answers = [];
    changes = 0;
    refreshes = new PersonRefreshes({
      ask: (uri, maxWaitMs) => {
        asked.push(`${uri} within ${maxWaitMs} ms`);
        const askedAt = now;
        return new Promise((resolve, reject) => {
          answers.push((answer) => {
            if (answer instanceof Error) {
              reject(answer);
              return;
            }
            const isFresh = Date.parse(answer.observedAt ?? "") >= askedAt && now < askedAt + 2_990;
            resolve({ record: answer, isFresh, tookMs: now - askedAt });
          });
        });
      },
      status: () => Promise.resolve(currentStatus),
      nameOf: ({ displayName }) => displayName ?? "",
      now: () => now,
      onChange: () => (changes += 1),
    });
  });

  /** The message after an answer that took `tookMs`. */
  async function messageAfter(
    answer: PresenceRecord | Error,
    tookMs = 200,
    before = record(),
  ): Promise<string | null> {
    const refreshing = refreshes.refresh(before);
    now += tookMs;
    answers.at(-1)?.(answer);
    await refreshing;
    return refreshes.message;
  }

  it("asks Webex, and names who is being refreshed", async () => {
    const refreshing = refreshes.refresh(record());
    expect(asked).to.deep.equal(["ada@x.example within 3000 ms"]);
    expect([...refreshes.refreshing]).to.deep.equal(["ada@x.example"]);
    expect(refreshes.message).to.equal("Asking Webex for the presence of Ada Admin …");
    expect(changes).to.equal(1);
    const answer = record({ observedAt: iso(0) });
    answers[0]?.(answer);
    expect(await refreshing).to.equal(answer);
    expect([...refreshes.refreshing]).to.deep.equal([]);
    expect(changes).to.equal(2);
  });

  it("says what Webex answered, and how long it took", async () => {
    const onCall = record({ state: "onCall", observedAt: iso(150) });
    expect(await messageAfter(onCall)).to.equal(
      "Refreshed in 0.2 s: Ada Admin ● available → ♪ on a call",
    );
    expect(await messageAfter(record({ observedAt: iso(500) }))).to.equal(
      "Refreshed in 0.2 s: Ada Admin still ● available",
    );
    const nobody = record({ reason: "notFound", state: "unknown", observedAt: null });
    expect(await messageAfter(nobody)).to.match(/^Refreshed in .* → \? unknown \(not found\)$/);
  });

  it("does not count what came while the worker waited in vain", async () => {
    const late = record({ observedAt: iso(1_000) });
    for (const tookMs of [2_990, 3_000, 3_050]) {
      now = NOW;
      expect(await messageAfter(late, tookMs)).to.match(
        /was not refreshed: Webex did not answer within 3 s\. ● available, confirmed 2 s ago\.$/,
      );
    }
  });

  it("says in words why an answer is not fresh, and how old it is", async () => {
    currentStatus = status({}, { rateLimitedUntil: iso(59_000) });
    expect(await messageAfter(record())).to.equal(
      "Ada Admin was not refreshed: Webex asked for a pause until 14:03:10. ● available, confirmed 42 s ago.",
    );
    const causes: [object, PresenceRecord, number, RegExp][] = [
      [{ phase: "disabled" }, record(), 10, /: the worker is disabled\./],
      [{ phase: "blocked" }, record({ observedAt: null }), 10, /blocked\. .*never confirmed/],
      [{}, record({ reason: "invalidUri", observedAt: null }), 10, /: this is not an address\./],
      [{ problems: [problem("webexUnreachable", "warning")] }, record(), 10, /cannot be reached/],
      [{ problems: [problem("webexError", "warning")] }, record(), 10, /answers with an error/],
      [{ problems: [problem("adminRoleLost", "error")] }, record(), 10, /administrator must act/],
      [{ problems: [problem("adminRoleLost", "error", "o2")] }, record(), 10, /request limit/],
      [{}, record(), 3000, /: Webex did not answer within 3 s\./],
      [{}, record(), 10, /: the request limit leaves no request for it now\./],
    ];
    for (const [changed, answer, tookMs, expected] of causes) {
      now = NOW;
      currentStatus = status(changed);
      expect(await messageAfter(answer, tookMs)).to.match(expected);
    }
  });

  describe("after an answer that is not fresh", () => {
    const late = record({ state: "inMeeting", observedAt: iso(4_800) });
    beforeEach(async () => {
      await messageAfter(record(), 3_000, record({ state: "onCall" }));
      now = NOW + 5_000;
    });

    it("says what Webex answers later", () => {
      refreshes.handleRecord(late);
      expect(refreshes.message).to.equal(
        "Webex answered after 5 s: Ada Admin ♪ on a call → ■ in a meeting",
      );
      refreshes.handleRecord({ ...late, state: "away" });
      expect(refreshes.message).to.contain("in a meeting");
    });

    it("says that nobody has the address", () => {
      refreshes.handleRecord(record({ state: "unknown", reason: "notFound", observedAt: null }));
      expect(refreshes.message).to.match(/^Webex answered after 5 s: .*not found/);
    });

    it("keeps the message for other people, older records, and after a key", () => {
      refreshes.handleRecord({ ...late, uri: "bob@x.example" });
      refreshes.handleRecord(record({ observedAt: iso(-1) }));
      refreshes.handleRecord(record({ observedAt: null }));
      expect(refreshes.message).to.match(/was not refreshed/);
      refreshes.clearMessage();
      refreshes.handleRecord(late);
      expect(refreshes.message).to.equal(null);
    });

    it("keeps the message of a later request", async () => {
      const bob = record({ uri: "bob@x.example", displayName: "Bob" });
      await messageAfter({ ...bob, observedAt: iso(6_000) }, 100, bob);
      refreshes.handleRecord(late);
      expect(refreshes.message).to.match(/^Refreshed .* Bob/);
    });
  });

  it("does not ask twice for one person at a time, but for several persons", async () => {
    const first = refreshes.refresh(record());
    expect(await refreshes.refresh(record())).to.equal(null);
    const other = refreshes.refresh(record({ uri: "bob@x.example" }));
    expect(asked).to.have.length(2);
    for (const answer of answers) answer(record({ observedAt: iso(0) }));
    await Promise.all([first, other]);
    void refreshes.refresh(record());
    expect(asked).to.have.length(3);
  });

  it("reports a request that fails, and can ask again", async () => {
    expect(await messageAfter(new Error("presence/get: shutting down"))).to.equal(
      "Ada Admin was not refreshed: presence/get: shutting down",
    );
    expect(refreshes.refreshing.size).to.equal(0);
  });

  it("forgets the message after a while, or when told", async () => {
    await messageAfter(record({ observedAt: iso(0) }));
    now += 14_900;
    expect(refreshes.message).to.not.equal(null);
    now += 200;
    expect(refreshes.message).to.equal(null);
    await messageAfter(record({ observedAt: iso(60_000) }));
    refreshes.clearMessage();
    expect(refreshes.message).to.equal(null);
  });

  it("does not say that Webex has confirmed what the worker only does not know", async () => {
    currentStatus = status({ phase: "disabled" });
    const disabled = record({ state: "unknown", reason: "disabled", webexStatus: "call" });
    const message = (await messageAfter(disabled)) ?? "";
    expect(message).to.contain("the worker is disabled");
    expect(message).not.to.match(/unknown \(disabled\), confirmed/);
    expect(message).to.match(/disabled\. Webex last reported ♪ on a call, 42 s ago\.$/);
  });
});

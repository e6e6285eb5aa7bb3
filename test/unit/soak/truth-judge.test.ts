import { expect } from "chai";

import type { ReceivedRecord, RecordBatch, RecordSource } from "../../soak/messages.js";
import { TruthJudge, type LightSummary } from "../../soak/truth-judge.js";

const START = 1_700_000_000_000;
const STALE_AFTER_MS = 90_000;
const ID = "person-0";

describe("the judge of a soak", () => {
  let judge: TruthJudge;

  beforeEach(() => {
    const person = { id: ID, email: "ada@example.com", status: "active" };
    judge = new TruthJudge([person, { ...person, id: "person-1" }], STALE_AFTER_MS);
  });

  /** `seconds` after the start. */
  const at = (seconds: number): number => START + seconds * 1000;

  function record(changed: Partial<ReceivedRecord> & { seconds?: number } = {}): ReceivedRecord {
    const { seconds = 100, ...members } = changed;
    return {
      ...{ uri: "sip:ada@example.com", person: 0, personId: ID, observedAt: at(seconds) },
      ...{ state: "available", basic: "open", activities: [], reason: null, webexStatus: "active" },
      ...members,
    };
  }

  const MEETING = { state: "inMeeting", activities: ["meeting"], webexStatus: "meeting" };
  const unknown = (reason: string): Partial<ReceivedRecord> => {
    return { state: "unknown", basic: null, reason };
  };

  function receive(
    seconds: number,
    records: readonly ReceivedRecord[],
    source: RecordSource = "query",
    batch: Partial<RecordBatch> = {},
  ): void {
    const receivedAt = at(seconds);
    judge.receive({
      ...{ type: "records", source, calledAt: receivedAt, receivedAt, isFresh: false, records },
      ...batch,
    });
  }

  const become = (status: string | null, seconds: number): void =>
    judge.learn([{ person: 0, at: at(seconds), status }], at(seconds));

  /** What is said of the records so far. */
  function problems(): string[] {
    judge.learn([], at(100_000));
    return judge.falsehoods.map(({ problem }) => problem);
  }

  it("accepts what is true", () => {
    receive(101, [record()]);
    expect(problems()).to.deep.equal([]);
    expect(judge.counts.query).to.equal(1);
  });

  it("accepts what was true when Webex was asked", () => {
    become("meeting", 101);
    receive(140, [record({ seconds: 102 })]);
    expect(problems()).to.deep.equal([]);
  });

  it("finds what was not true any more when Webex was asked", () => {
    become("meeting", 101);
    receive(140, [record({ seconds: 106 })]);
    expect(problems()).to.deep.equal(["Webex did not say so then."]);
  });

  it("finds what became true only later", () => {
    become("meeting", 101);
    receive(140, [record({ ...MEETING, seconds: 99 })]);
    expect(problems()).to.deep.equal(["Webex did not say so then."]);
  });

  it("waits until it knows what was true", () => {
    receive(105, [record({ ...MEETING, seconds: 104 })]);
    judge.learn([], at(104));
    expect(judge.counts.query).to.equal(0);
    judge.learn([{ person: 0, at: at(103), status: "meeting" }], at(106));
    expect(judge.counts.query).to.equal(1);
    expect(problems()).to.deep.equal([]);
  });

  it("finds a record that is older than records may be, unless somebody did not run", () => {
    receive(195, [record({ seconds: 100 })]);
    expect(problems()[0]).to.include("It is 95 s old");
    judge.falsehoods.splice(0);
    judge.excuse(at(185), at(194));
    receive(195, [record({ seconds: 100 })]);
    expect(problems()).to.deep.equal([]);
  });

  it("accepts a record that admits its age, and finds one that does so too early", () => {
    receive(195, [record({ ...unknown("stale"), seconds: 100 })]);
    expect(problems()).to.deep.equal([]);
    receive(110, [record({ ...unknown("stale"), seconds: 100 })]);
    expect(problems()).to.deep.equal(["It is stale at an age of 10 s."]);
  });

  it("finds a state that does not follow from the status", () => {
    receive(101, [record({ state: "away" })]);
    receive(101, [record({ state: "offline", basic: "closed", webexStatus: null })]);
    expect(problems()).to.have.length(2);
    expect(problems()[1]).to.include("does not follow from null");
  });

  it("finds activities that do not follow from the status", () => {
    become("meeting", 99);
    receive(101, [record({ ...MEETING, activities: [] })]);
    expect(problems()[0]).to.include("does not follow from meeting");
  });

  it("finds what is not known shown as offline, whatever the reason", () => {
    become("unknown", 90);
    const offline = { state: "offline", basic: "closed" };
    receive(101, [record({ ...offline, webexStatus: "unknown", reason: "undetermined" })]);
    receive(195, [record({ ...offline, reason: "stale" })]);
    receive(195, [record({ ...unknown("stale"), basic: "closed" })]);
    expect(problems()).to.have.length(3);
    expect(problems()[0]).to.include("does not follow from unknown");
    expect(problems()[1]).to.include("is not what stale means");
  });

  it("finds somebody who is not found, and another person's record", () => {
    receive(101, [record({ ...unknown("notFound"), webexStatus: null, observedAt: null })]);
    receive(101, [record({ personId: "person-1" })]);
    expect(problems()[0]).to.equal("It is notFound, which is not so.");
    expect(problems()[1]).to.equal("It is another person's.");
  });

  it("finds a claim about which Webex was never asked", () => {
    receive(101, [record({ observedAt: null })]);
    expect(problems()).to.deep.equal(["It claims what Webex was never asked."]);
  });

  it("accepts disabled records while presence is disabled, and a moment longer", () => {
    judge.allow("disabled", at(100));
    judge.disallow("disabled", at(110));
    for (const seconds of [101, 112]) receive(seconds, [record(unknown("disabled"))]);
    expect(problems()).to.deep.equal([]);
    for (const seconds of [99, 115]) receive(seconds, [record(unknown("disabled"))]);
    expect(problems()).to.have.length(2);
  });

  it("wants a fresh decision to be true as of after the call", () => {
    become("meeting", 102);
    const decision = { calledAt: at(104), isFresh: true };
    receive(105, [record({ seconds: 104 })], "decision", decision);
    expect(problems()[0]).to.include("true only before the call");
    judge.falsehoods.splice(0);
    receive(105, [record({ seconds: 104 })], "decision", { ...decision, isFresh: false });
    receive(105, [record({ ...MEETING, seconds: 104 })], "decision", decision);
    expect(problems()).to.deep.equal([]);
  });

  it("finds a change that was lost: two queries in a row say something else", () => {
    receive(100, [record({ seconds: 99 })], "subscribe");
    become("meeting", 100.5);
    for (const seconds of [102, 107]) receive(seconds, [record({ ...MEETING, seconds })]);
    expect(problems()[0]).to.include("a change was lost");
  });

  it("accepts a change that comes just after a query", () => {
    receive(100, [record({ seconds: 99 })], "subscribe");
    become("meeting", 100.5);
    receive(102, [record({ ...MEETING, seconds: 102 })]);
    receive(103, [record({ ...MEETING, seconds: 102 })], "change");
    receive(107, [record({ ...MEETING, seconds: 107 })]);
    expect(problems()).to.deep.equal([]);
    expect(judge.counts.light).to.equal(2);
  });

  it("finds a light that has not been true for long", () => {
    receive(100, [record({ seconds: 99 })], "subscribe");
    become("meeting", 101);
    receive(190, []);
    expect(problems()).to.deep.equal([]);
    receive(200, []);
    expect(problems()).to.deep.equal(["The light shows what has not been true for long."]);
  });

  it("forgets lights when the host does", () => {
    receive(100, [record({ seconds: 99 })], "subscribe");
    become("meeting", 101);
    judge.unsubscribe(["sip:ada@example.com"]);
    receive(200, []);
    receive(201, [record({ ...MEETING, seconds: 200 })], "subscribe");
    judge.clear();
    receive(400, []);
    expect(problems()).to.deep.equal([]);
    expect(judge.counts.light).to.equal(0);
  });

  it("sums up what is known", () => {
    const summaries: LightSummary[] = [];
    judge.onSummary = (summary) => summaries.push(summary);
    receive(110, [record(), record({ ...unknown("notReady"), observedAt: null })]);
    problems();
    expect(summaries).to.deep.equal([{ at: at(110), known: 1, total: 2, ages: [10_000] }]);
  });
});

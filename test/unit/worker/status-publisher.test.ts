import { expect } from "chai";
import sinon from "sinon";

import { problemReport } from "../../../src/faults/problem-catalog.js";
import type { OrganizationStatus, WorkerStatus } from "../../../src/supervisor/status.js";
import { defaultSettings } from "../../../src/settings/keys.js";
import { type PublishedState, StatusPublisher } from "../../../src/worker/status-publisher.js";
import { FakeClock } from "../../support/clock-fake.js";
import { RecordingLogger } from "../../support/logger-fake.js";

function createHarness() {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const written: WorkerStatus[] = [];
  const texts: string[] = [];
  const file = {
    write: (text: string) => {
      texts.push(text);
      written.push(JSON.parse(text) as WorkerStatus);
      return Promise.resolve(true);
    },
  };
  const status = new StatusPublisher(
    { version: "1.2.3", pid: 7, secretStore: "memory", settingsPath: "/p.ini" },
    clock,
    file,
    logger,
  );
  let state: Omit<PublishedState, "organizations"> = {
    phase: "starting",
    settings: () => null,
    problems: [],
  };
  let organizations: OrganizationStatus[] = [];
  const publish = (
    change: Partial<typeof state> & { organizations?: OrganizationStatus[] } = {},
  ): void => {
    organizations = change.organizations ?? organizations;
    state = { ...state, ...change };
    status.publish({ ...state, organizations: () => organizations });
  };
  const statusChanged = sinon.spy();
  const problemsChanged = sinon.spy();
  status.events.on("statusChanged", statusChanged);
  status.events.on("problemsChanged", problemsChanged);
  return { clock, logger, written, texts, status, publish, statusChanged, problemsChanged };
}

function organization(persons: number, isSwept: boolean): OrganizationStatus {
  return {
    orgId: "org",
    orgName: "Org",
    persons,
    watched: 0,
    mode: "sweep",
    lastSweep: isSwept
      ? { startedAt: "2026-01-01T00:00:00.000Z", seconds: 1, persons, requests: 1 }
      : null,
    sweepProgress: null,
    requests: { perMinuteLimit: 60, lastMinute: 1, total: 1, rateLimited: 0, failed: 0 },
    rateLimitedUntil: null,
    nextRequestAt: null,
    ageSeconds: { watchedP50: null, watchedP95: null },
    onDemand: { lastMinute: 0, answeredInTime: 0, late: 0 },
  };
}

const PROBLEM = problemReport("webexUnreachable");

describe("worker/status-publisher", () => {
  it("emits a change of phase or problems, and nothing else", () => {
    const { publish, statusChanged, problemsChanged } = createHarness();
    publish();
    expect(statusChanged.callCount).to.equal(0);
    publish({ phase: "polling" });
    expect([statusChanged.callCount, problemsChanged.callCount]).to.deep.equal([1, 0]);
    publish({ problems: [PROBLEM] });
    publish();
    expect([statusChanged.callCount, problemsChanged.callCount]).to.deep.equal([2, 1]);
  });

  it("shows when the settings were last read, also if that changed nothing else", () => {
    const { publish, status } = createHarness();
    let loadedAt = 1_000;
    publish({
      settings: () => ({ settings: defaultSettings, certificates: null, loadedAt, problems: [] }),
    });
    loadedAt = 2_000;
    expect(status.current().settings.loadedAt).to.equal("1970-01-01T00:00:02.000Z");
  });

  it("keeps the time at which a phase and a problem began", async () => {
    const { clock, publish, status } = createHarness();
    await clock.advance(1_000);
    publish({ phase: "polling", problems: [PROBLEM] });
    await clock.advance(5_000);
    publish();
    const current = status.current();
    expect(current).to.include({
      phase: "polling",
      since: "2026-01-01T00:00:01.000Z",
      startedAt: "2026-01-01T00:00:00.000Z",
    });
    expect(current.problems[0]).to.include({
      since: "2026-01-01T00:00:01.000Z",
      severity: "warning",
    });
    publish({ problems: [] });
    await clock.advance(1_000);
    publish({ problems: [PROBLEM] });
    expect(status.current().problems[0]?.since).to.equal("2026-01-01T00:00:07.000Z");
  });

  it("writes the number of persons within a second, and at most once a second", async () => {
    const { clock, written, publish, status } = createHarness();
    const count = (persons: number, isSwept = true): void =>
      publish({ organizations: [organization(persons, isSwept)] });
    status.start();
    await clock.advance(2_000);
    count(0, false);
    expect(written.map(({ organizations }) => organizations[0]?.persons)).to.deep.equal([
      undefined,
      0,
    ]);
    count(30);
    expect(written).to.have.length(2);
    await clock.advance(1_000);
    expect(written.at(-1)?.organizations[0]?.persons).to.equal(30);
    for (let persons = 31; persons < 60; persons += 1) {
      count(persons);
      await clock.advance(100);
    }
    expect(written.length).to.be.within(5, 7);
    await clock.advance(1_000);
    expect(written.at(-1)?.organizations[0]?.persons).to.equal(59);
    await clock.advance(1_000);
    count(60);
    expect(written.at(-1)?.organizations[0]?.persons).to.equal(60);
    count(61);
    await status.stop();
    expect(clock.pendingTimers).to.equal(0);
  });

  it("publishes details that changed without an event before each regular write", async () => {
    const { clock, written, publish, status } = createHarness();
    status.start(() => publish({ problems: [PROBLEM] }));
    await clock.advance(10_000);
    expect(written.at(-1)?.problems.map(({ code }) => code)).to.deep.equal([PROBLEM.code]);
    await status.stop();
  });

  it("escapes in the file what would control a terminal that shows it", () => {
    const { publish, texts } = createHarness();
    publish({ organizations: [{ ...organization(1, false), orgName: "A\u202eB\u009bC\u001bD" }] });
    expect(texts.at(-1)).to.include("A\\u202eB\\u009bC\\u001bD");
  });

  it("writes the file at a change, every 10 s, and a last time when it stops", async () => {
    const { clock, written, publish, status } = createHarness();
    status.start();
    expect(written).to.have.length(1);
    publish({ phase: "disabled" });
    publish();
    expect(written.map(({ phase }) => phase)).to.deep.equal(["starting", "disabled"]);
    await clock.advance(30_000);
    expect(written).to.have.length(5);
    publish({ phase: "stopping" });
    await status.stop();
    expect(written.at(-1)?.phase).to.equal("stopping");
    expect(clock.pendingTimers).to.equal(0);
  });

  it("logs a problem as it comes, as its cause changes, and as it ends", async () => {
    const { clock, logger, publish } = createHarness();
    const detail = { organization: "Example", cause: "The name cannot be resolved." };
    const unreachable = (cause: string) =>
      problemReport("webexUnreachable", "org", { ...detail, cause });
    publish({ phase: "polling", problems: [unreachable(detail.cause)] });
    publish();
    await clock.advance(90_000);
    publish({ problems: [unreachable("The certificate has expired.")] });
    publish({ problems: [] });
    publish();
    const { message, hint } = unreachable(detail.cause).text;
    const { message: changed } = unreachable("The certificate has expired.").text;
    const subject = { code: "webexUnreachable", orgId: "org" };
    expect(logger.records).to.deep.equal([
      { level: "warn", message, fields: { ...subject, hint } },
      { level: "warn", message: changed, fields: { ...subject, hint } },
      {
        level: "info",
        message: "The problem has ended.",
        fields: { ...subject, seconds: 90, problem: changed },
      },
    ]);
  });

  it("logs a problem at the level of its severity", () => {
    const { logger, publish } = createHarness();
    publish({
      problems: [
        problemReport("adminRoleLost", "org"),
        problemReport("settingsInvalid", null, { key: "One" }),
        problemReport("settingsInvalid", null, { key: "Two" }),
        problemReport("memorySecretStore"),
      ],
    });
    expect(logger.records.map(({ level }) => level)).to.deep.equal([
      "error",
      "warn",
      "warn",
      "info",
    ]);
  });

  it("does not log a problem again because of a time, a number or a tracking ID in it", () => {
    const { logger, publish, problemsChanged } = createHarness();
    for (const n of [1, 2, 3]) {
      publish({
        problems: [
          problemReport("rateLimited", "org", { until: `2026-01-01T00:00:0${n}.000Z` }),
          problemReport("webexError", "org", { cause: "Webex failed.", trackingId: `T-${n}` }),
          problemReport("adminRoleLost", "org", { status: 403, trackingId: `T-${n}` }),
          problemReport("freshnessMissed", "org", { watchedP95: n, hint: `Set it to ${n}.` }),
          problemReport("organizationTooLarge", "org", { persons: 2_000 + n }),
        ],
      });
    }
    expect(problemsChanged.callCount).to.equal(3);
    expect(logger.records).to.have.length(5);
  });

  it("does not log causes that alternate again and again", () => {
    const { logger, publish } = createHarness();
    const publishCause = (cause: string): void =>
      publish({ problems: [problemReport("webexUnreachable", "org", { cause })] });
    for (let round = 0; round < 10; round += 1) ["One.", "Two."].forEach(publishCause);
    expect(logger.records).to.have.length(2);
    for (let round = 0; round < 100; round += 1) publishCause(`${round}`);
    expect(logger.records).to.have.length(20);
    publish({ problems: [] });
    publishCause("One.");
    expect(logger.records.map(({ level }) => level).slice(20)).to.deep.equal(["info", "warn"]);
  });

  it("does not say at its end that problems have ended", () => {
    const { logger, publish } = createHarness();
    publish({ phase: "polling", problems: [PROBLEM] });
    publish({ phase: "stopping", problems: [] });
    expect(logger.records).to.have.length(1);
  });
});

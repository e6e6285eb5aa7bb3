import { expect } from "chai";
import sinon from "sinon";

import type { ProblemReport } from "../../../src/supervisor/problem-list.js";
import type { OrganizationStatus, Phase, WorkerStatus } from "../../../src/supervisor/status.js";
import { StatusPublisher } from "../../../src/worker/status-publisher.js";
import { FakeClock } from "../../support/clock-fake.js";

function bench() {
  const clock = new FakeClock();
  const world: { phase: Phase; problems: ProblemReport[]; organizations: OrganizationStatus[] } = {
    phase: "starting",
    problems: [],
    organizations: [],
  };
  const written: WorkerStatus[] = [];
  const file = {
    write: (text: string) => {
      written.push(JSON.parse(text) as WorkerStatus);
      return Promise.resolve();
    },
  };
  const board = new StatusPublisher(
    {
      phase: () => world.phase,
      settings: () => null,
      problems: () => world.problems,
      organizations: () => world.organizations,
    },
    { version: "1.2.3", pid: 7, secretStore: "memory", settingsPath: "/p.ini" },
    clock,
    file,
  );
  const told = sinon.spy();
  board.events.on("statusChanged", told);
  return { clock, world, written, board, told };
}

function organization(persons: number, swept: boolean): OrganizationStatus {
  return {
    orgId: "org",
    orgName: "Org",
    persons,
    watched: 0,
    mode: "sweep",
    lastSweep: swept
      ? { startedAt: "2026-01-01T00:00:00.000Z", seconds: 1, persons, requests: 1 }
      : null,
    sweepProgress: null,
    requests: { perMinuteLimit: 60, lastMinute: 1, total: 1, rateLimited: 0, failed: 0 },
    rateLimitedUntil: null,
    nextRequestAt: null,
    ageSeconds: { watchedP50: null, watchedP95: null },
  };
}

const PROBLEM: ProblemReport = { code: "webexUnreachable", orgId: null, detail: {} };

describe("worker/status-board", () => {
  it("tells a change of phase or problems, and nothing else", () => {
    const { world, board, told } = bench();
    board.refresh();
    expect(told.callCount).to.equal(0);
    world.phase = "polling";
    board.refresh();
    world.problems = [PROBLEM];
    board.refresh();
    board.refresh();
    expect(told.callCount).to.equal(2);
  });

  it("keeps the time that a phase and a problem began", async () => {
    const { clock, world, board } = bench();
    await clock.advance(1_000);
    world.phase = "polling";
    world.problems = [PROBLEM];
    board.refresh();
    await clock.advance(5_000);
    board.refresh();
    const status = board.current();
    expect(status).to.include({
      phase: "polling",
      since: "2026-01-01T00:00:01.000Z",
      startedAt: "2026-01-01T00:00:00.000Z",
    });
    expect(status.problems[0]).to.include({
      since: "2026-01-01T00:00:01.000Z",
      severity: "warning",
    });
    world.problems = [];
    board.refresh();
    world.problems = [PROBLEM];
    await clock.advance(1_000);
    board.refresh();
    expect(board.current().problems[0]?.since).to.equal("2026-01-01T00:00:07.000Z");
  });

  it("writes the file when the persons are counted, within a second, and no oftener than once a second", async () => {
    const { clock, world, written, board } = bench();
    const counted = (persons: number, swept = true): void => {
      world.organizations = [organization(persons, swept)];
      board.refresh();
    };
    board.start();
    await clock.advance(2_000);
    counted(0, false);
    expect(written.map(({ organizations }) => organizations[0]?.persons)).to.deep.equal([
      undefined,
      0,
    ]);
    counted(30);
    expect(written).to.have.length(2);
    await clock.advance(1_000);
    expect(written.at(-1)?.organizations[0]?.persons).to.equal(30);
    for (let persons = 31; persons < 60; persons += 1) {
      counted(persons);
      await clock.advance(100);
    }
    expect(written.length).to.be.within(5, 7);
    await clock.advance(1_000);
    expect(written.at(-1)?.organizations[0]?.persons).to.equal(59);
    await clock.advance(1_000);
    counted(60);
    expect(written.at(-1)?.organizations[0]?.persons).to.equal(60);
    counted(61);
    await board.stop();
    expect(clock.pendingTimers).to.equal(0);
  });

  it("writes the file at a change, every 10 s, and a last time at the end", async () => {
    const { clock, world, written, board } = bench();
    board.start();
    expect(written).to.have.length(1);
    world.phase = "disabled";
    board.refresh();
    board.refresh();
    expect(written.map((s) => s.phase)).to.deep.equal(["starting", "disabled"]);
    await clock.advance(30_000);
    expect(written).to.have.length(5);
    world.phase = "stopping";
    await board.stop();
    expect(written.at(-1)?.phase).to.equal("stopping");
    expect(clock.pendingTimers).to.equal(0);
  });
});

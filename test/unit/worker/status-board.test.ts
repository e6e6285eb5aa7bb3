import { expect } from "chai";
import sinon from "sinon";

import type { ProblemReport } from "../../../src/supervisor/problem-book.js";
import type { OrganizationStatus, Phase, WorkerStatus } from "../../../src/supervisor/status.js";
import { StatusBoard } from "../../../src/worker/status-board.js";
import { FakeClock } from "../../support/fake-clock.js";

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
  const board = new StatusBoard(
    { phase: () => world.phase, settings: () => null, problems: () => world.problems, organizations: () => world.organizations },
    { version: "1.2.3", pid: 7, secretStore: "memory", settingsPath: "/p.ini" },
    clock,
    file,
  );
  const told = sinon.spy();
  board.onChanged(told);
  return { clock, world, written, board, told };
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
    expect(status).to.include({ phase: "polling", since: "2026-01-01T00:00:01.000Z", startedAt: "2026-01-01T00:00:00.000Z" });
    expect(status.problems[0]).to.include({ since: "2026-01-01T00:00:01.000Z", severity: "warning" });
    world.problems = [];
    board.refresh();
    world.problems = [PROBLEM];
    await clock.advance(1_000);
    board.refresh();
    expect(board.current().problems[0]?.since).to.equal("2026-01-01T00:00:07.000Z");
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

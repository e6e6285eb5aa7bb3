import { expect } from "chai";

import { factChanges, statusFacts } from "../../../src/cli/status-watch.js";
import type { StatusFileResult, WorkerFiles } from "../../../src/cli/worker-files.js";
import type { Problem, WorkerStatus } from "../../../src/supervisor/status.js";
import { statusFixture } from "../../support/status-fixture.js";

describe("cli/status-watch", () => {
  const files: WorkerFiles = {
    ...{ folder: "/log", isDefault: false, log: "/log/worker.log", status: "/log/status.json" },
  };
  const problem: Problem = {
    code: "webexUnreachable",
    severity: "error",
    since: "",
    orgId: "Y2lz",
    message: "Webex is silent.",
    hint: "Wait.",
  };
  const running = (changes: Partial<WorkerStatus> = {}): StatusFileResult => ({
    running: true,
    status: statusFixture(changes),
    ageMs: 0,
  });
  const MISSING: StatusFileResult = {
    ...{ running: false, status: null, reason: { kind: "missing" }, ageMs: null },
  };

  function changes(from: StatusFileResult | null, to: StatusFileResult): string[] {
    const before = from === null ? new Map() : statusFacts(from, files, undefined);
    const facts = statusFacts(to, files, undefined);
    return factChanges(before, facts, to.running).map(({ label, text }) => `${label} ${text}`);
  }

  it("tells a phase and a process", () => {
    expect(changes(null, running())).to.deep.equal(["Phase: polling (process 42, version 1.0.0)"]);
    expect(changes(running(), running({ phase: "blocked" }))).to.deep.equal([
      "Phase: blocked (process 42, version 1.0.0)",
    ]);
    expect(changes(running(), running({ pid: 43 }))).to.have.length(1);
  });

  it("tells each problem when it begins and when it ends, with the organization's name", () => {
    expect(changes(running(), running({ problems: [problem] }))).to.deep.equal([
      "error webexUnreachable of Example Ltd: Webex is silent. → Wait.",
    ]);
    expect(changes(running({ problems: [problem] }), running())).to.deep.equal([
      "ended: error webexUnreachable of Example Ltd",
    ]);
    const warning = { ...problem, severity: "warning" as const };
    expect(
      changes(running({ problems: [problem] }), running({ problems: [warning] })),
    ).to.have.length(2);
  });

  it("tells nothing for statistics and for other words of the same problem", () => {
    const later = { ...problem, message: "Webex is silent since 10 s." };
    expect(changes(running({ problems: [problem] }), running({ problems: [later] }))).to.deep.equal(
      [],
    );
    expect(changes(running(), running({ organizations: [] }))).to.deep.equal([]);
  });

  it("tells once that no worker is running, and not that its problems have ended", () => {
    const [text, ...others] = changes(running({ problems: [problem] }), MISSING);
    expect(text).to.match(/^Error: No worker is running .* → /);
    expect(others).to.deep.equal([]);
    expect(changes(MISSING, MISSING)).to.deep.equal([]);
    expect(changes(MISSING, running())).to.have.length(1);
  });
});

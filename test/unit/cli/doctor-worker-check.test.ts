import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import type { FindingState, NamedFinding } from "../../../src/cli/doctor-finding.js";
import { workerCheck } from "../../../src/cli/doctor-worker-check.js";

const PATH = "/srv/Presence.ini";
const organizationOf = (orgId: string, orgName: string): object => ({
  ...{ orgId, orgName, persons: 1, watched: 0, mode: "sweep", lastSweep: null },
  requests: { perMinuteLimit: 60, lastMinute: 0, total: 0, rateLimited: 0, failed: 0 },
  ...{ sweepProgress: null, rateLimitedUntil: null, nextRequestAt: null },
  ageSeconds: { watchedP50: null, watchedP95: null },
  onDemand: { lastMinute: 0, answeredInTime: 0, late: 0 },
});

describe("cli/doctor: the running worker", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-doctor-"));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  const writeStatus = (
    problems: readonly { code: string; orgId: string | null }[],
    changes: object = {},
  ): Promise<void> => {
    const since = "2026-01-01T00:00:00.000Z";
    const text = { severity: "error", message: "What happened.", hint: "Act.", since };
    const status = {
      ...{ phase: "blocked", enabled: true, since, version: "1.2.3", startedAt: since },
      ...{ pid: process.pid, secretStore: "memory" },
      settings: { path: PATH, loadedAt: null, values: {} },
      problems: problems.map((problem) => ({ ...text, ...problem })),
      organizations: [organizationOf("A", "Acme"), organizationOf("B", "Beta")],
      ...changes,
    };
    return writeFile(join(folder, "status.json"), JSON.stringify(status));
  };
  const findingsOf = (
    orgId: string,
    states: Partial<Record<string, FindingState>> = {},
  ): NamedFinding[] =>
    ["grant", "scopes", "role", "status sharing"].map((name) => {
      const state = states[name] ?? "ok";
      return { name, state, code: null, message: "", hint: null, orgId, orgName: null };
    });
  const run = async (findings: readonly NamedFinding[], settingsPath: string | null = PATH) => {
    const found = await workerCheck({ settingsPath, account: "svc" }, folder).run(findings);
    const isRequested = (await readdir(folder)).includes("poll.request");
    return { found: [found].flat(), isRequested };
  };

  for (const code of [
    "adminRoleLost",
    "scopeMissing",
    "authorizationExpired",
    "statusSharingOff",
  ]) {
    it(`asks the running worker to try again if it reports ${code} and Webex accepts`, async () => {
      await writeStatus([{ code, orgId: "A" }]);
      const { found, isRequested } = await run([...findingsOf("A", { role: "warning" })]);
      expect(isRequested).to.equal(true);
      expect(found).to.have.length(1);
      expect(found[0]).to.include({ state: "ok", hint: null });
      expect(found[0]?.message)
        .to.include("Acme")
        .and.to.include(code)
        .and.to.include("The running worker has been asked to try again.");
    });
  }

  it("asks for nothing while Webex still refuses the organization, or another one is accepted", async () => {
    await writeStatus([
      { code: "adminRoleLost", orgId: "A" },
      { code: "statusSharingOff", orgId: "B" },
    ]);
    const refused = findingsOf("A", { role: "failed" });
    const hidden = findingsOf("B", { "status sharing": "failed" });
    const { found, isRequested } = await run([...refused, ...hidden]);
    expect(isRequested).to.equal(false);
    expect(found[0]).to.include({ state: "warning" });
    expect(found[0]?.message).to.include("blocked, and reports adminRoleLost, statusSharingOff.");
    const unknown = findingsOf("A", { grant: "failed", role: "skipped" });
    expect((await run(unknown)).isRequested).to.equal(false);
    expect((await run([])).isRequested).to.equal(false);
    const recovered = await run([...findingsOf("A"), ...hidden]);
    expect(recovered.isRequested).to.equal(true);
    expect(recovered.found[0]?.message).to.include("Acme").and.not.to.include("Beta");
  });

  it("warns, without asking for anything, that no worker is running", async () => {
    const problems = [{ code: "adminRoleLost", orgId: "A" }];
    const none = await run(findingsOf("A"));
    expect(none.isRequested).to.equal(false);
    expect(none.found[0]).to.include({
      state: "warning",
      message: `No worker is running for the log folder ${folder}: there is no status.json.`,
    });
    await writeStatus(problems, { pid: 2 ** 22 + 1 });
    const exited = await run(findingsOf("A"));
    expect(exited.isRequested).to.equal(false);
    expect(exited.found[0]).to.include({ state: "warning" });
    expect(exited.found[0]?.message).to.include("is not running: its process 4194305 has exited");
  });

  it("says which worker is running, and its phase", async () => {
    await writeStatus([], { phase: "polling" });
    const { found } = await run([]);
    expect(found).to.deep.equal([
      {
        ...{ state: "ok", code: null, hint: null, orgId: null, orgName: null },
        message: `process ${process.pid}, version 1.2.3: polling`,
      },
    ]);
    await writeStatus([{ code: "clientNotConfigured", orgId: null }], { phase: "disabled" });
    expect((await run([])).found[0]).to.include({ state: "ok" });
  });

  it("warns, without asking for anything, if the worker has other settings", async () => {
    await writeStatus([{ code: "adminRoleLost", orgId: "A" }]);
    const { found, isRequested } = await run(findingsOf("A"), "/srv/Other.ini");
    expect(isRequested).to.equal(false);
    expect(found[0]).to.include({ state: "warning" });
    expect(found[0]?.message).to.include(PATH).and.to.include("/srv/Other.ini");
    expect((await run(findingsOf("A"), null)).isRequested, "without --settings").to.equal(true);
  });

  it("asks for nothing for other problems", async () => {
    await writeStatus([
      { code: "clientNotConfigured", orgId: null },
      { code: "webexError", orgId: "A" },
    ]);
    const { found, isRequested } = await run(findingsOf("A"));
    expect(isRequested).to.equal(false);
    expect(found[0]?.message).to.include("clientNotConfigured, webexError");
  });

  it("does not claim to know what it cannot read", async () => {
    await mkdir(join(folder, "status.json"));
    const { found } = await run([]);
    expect(found[0]).to.include({ state: "skipped", hint: null });
    expect(found[0]?.message)
      .to.include("It is unknown")
      .and.to.include("it is not a regular file");
  });

  it("warns if the log folder cannot be written", async () => {
    await writeStatus([{ code: "adminRoleLost", orgId: "A" }]);
    await mkdir(join(folder, "poll.request"));
    const { found } = await run(findingsOf("A"));
    expect(found[0]).to.include({ state: "warning" });
    expect(found[0]?.message).to.include("EISDIR");
    expect(found[0]?.hint).to.include("by itself");
  });
});

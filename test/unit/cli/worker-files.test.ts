import fs from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { describeNotRunning, readStatusFile } from "../../../src/cli/worker-files.js";

const ORGANIZATION = {
  ...{
    orgId: "org",
    orgName: "Org",
    persons: 1,
    watched: 0,
    mode: "sweep",
    lastSweep: null,
    sweepProgress: null,
  },
  requests: { perMinuteLimit: 60, lastMinute: 0, total: 0, rateLimited: 0, failed: 0 },
  ...{
    rateLimitedUntil: null,
    nextRequestAt: null,
    ageSeconds: { watchedP50: null, watchedP95: null },
    onDemand: { lastMinute: 0, answeredInTime: 0, late: 0 },
  },
};
const STATUS = {
  ...{ phase: "polling", enabled: true, since: "2026-01-01T00:00:00.000Z", version: "1.2.3" },
  ...{ startedAt: "2026-01-01T00:00:00.000Z", pid: process.pid, secretStore: "memory" },
  settings: { path: "/p.ini", loadedAt: null, values: {} },
  problems: [],
  organizations: [ORGANIZATION],
};

describe("cli/worker-files readStatusFile", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-status-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const readContent = async (content: unknown) => {
    const file = join(folder, "status.json");
    await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
    return readStatusFile(file);
  };

  it("accepts a complete status, also with members of a later version", async () => {
    expect(await readContent(STATUS)).to.deep.include({ running: true, status: STATUS });
    expect(
      await readContent({ ...STATUS, organizations: [{ ...ORGANIZATION, more: 1 }] }),
    ).to.include({ running: true });
  });

  it("takes no group of processes for a worker", async () => {
    for (const pid of [0, -1, -process.pid])
      expect(await readContent({ ...STATUS, pid })).to.include({ running: false, status: null });
  });

  it("accepts the status of an older worker, which tells nothing of requests on demand", async () => {
    const { onDemand: _onDemand, ...older } = ORGANIZATION;
    expect(await readContent({ ...STATUS, organizations: [older] })).to.deep.include({
      running: true,
      status: { ...STATUS, organizations: [older] },
    });
    const broken = { ...ORGANIZATION, onDemand: {} };
    expect(await readContent({ ...STATUS, organizations: [broken] })).to.include({
      running: false,
      status: null,
    });
  });

  it("does not take a file that it may not read for that of a worker that has ended", async () => {
    const { open } = fs.promises;
    try {
      for (const [code, kind] of [
        ["EACCES", "unreadable"],
        ["EPERM", "unreadable"],
        ["ENOENT", "missing"],
        ["EBUSY", "unreadable"],
      ] as const) {
        const refuse = () => Promise.reject(Object.assign(new Error(code), { code }));
        fs.promises.open = refuse;
        syncBuiltinESMExports();
        const result = await readStatusFile("status.json");
        expect(result.running ? "running" : result.reason.kind, code).to.equal(kind);
      }
    } finally {
      fs.promises.open = open;
      syncBuiltinESMExports();
    }
  });

  it("reads nothing but a regular file of at most 16 MB", async () => {
    const large = await readContent(" ".repeat(16 * 2 ** 20) + "{}");
    const other = await readStatusFile(folder);
    for (const [result, code] of [
      [large, "it is larger than 16 MB"],
      [other, "it is not a regular file"],
    ] as const)
      expect(result.running ? null : result.reason).to.deep.equal({ kind: "unreadable", code });
  });

  it("rejects an incomplete status and invalid JSON", async () => {
    const { requests: _requests, ...noRequests } = ORGANIZATION;
    const { settings: _settings, ...noSettings } = STATUS;
    for (const broken of [
      ...[
        { ...STATUS, organizations: [noRequests] },
        { ...STATUS, organizations: [{}] },
        { ...STATUS, organizations: [null] },
      ],
      ...[
        { ...STATUS, problems: [{}] },
        { ...STATUS, phase: "nonsense" },
        noSettings,
        {},
        [],
        null,
        "{",
        "",
      ],
    ]) {
      const { running, status, ...rest } = await readContent(broken);
      expect([running, status], JSON.stringify(broken)).to.deep.equal([false, null]);
      expect("reason" in rest && rest.reason).to.deep.equal({
        kind: "ended",
        text: "its status.json is not a valid status file",
      });
    }
  });
});

describe("cli/worker-files describeNotRunning", () => {
  const files = {
    ...{ folder: "/state/ucx", log: "/state/ucx/worker.log", status: "/state/ucx/status.json" },
    isDefault: true,
  };
  const describeReason = (
    reason: Parameters<typeof describeNotRunning>[1]["reason"],
    platform: "windows" | "linux" = "linux",
    isDefault = true,
  ) =>
    describeNotRunning(
      { ...files, isDefault },
      { running: false, status: null, ageMs: null, reason },
      { account: "root", platform },
    );

  it("names the folder and whose default it is, and --log-dir, if there is no status", () => {
    expect(describeReason({ kind: "missing" })).to.deep.equal({
      message:
        "No worker is running for the log folder /state/ucx (the default of account root): there is no status.json.",
      hint: "If the worker runs under another account or writes to another folder, pass that folder: --log-dir <dir>. Otherwise start the UCX Presence service, which launches the worker.",
    });
    const named = describeReason({ kind: "missing" }, "linux", false);
    expect(named.message).to.equal(
      "No worker is running for the log folder /state/ucx: there is no status.json.",
    );
    expect(named.hint).not.to.include("another account");
  });

  it("names no account on Windows, where all accounts have the same default", () => {
    const { message, hint } = describeReason({ kind: "missing" }, "windows");
    expect(message).to.include("/state/ucx (the default folder)").and.not.to.include("root");
    expect(hint).not.to.include("account");
  });

  it("names the log of a worker that has ended", () => {
    const { message, hint } = describeReason({ kind: "ended", text: "its process 7 has exited" });
    expect(message)
      .to.include("/state/ucx")
      .and.to.match(/not running: its process 7 has exited\.$/);
    expect(hint).to.match(/^Start the UCX .*\/state\/ucx\/worker\.log tells why.*--log-dir/);
  });

  it("does not claim that no worker runs if the file cannot be read", () => {
    for (const code of ["EACCES", "EPERM", "EIO"]) {
      const { message, hint } = describeReason({ kind: "unreadable", code });
      expect(message).to.include("It is unknown").and.to.include(code);
      expect(message.includes("closed to account root"), code).to.equal(code !== "EIO");
      expect(hint.includes("in the worker's account"), code).to.equal(code !== "EIO");
      expect(hint).to.include("--log-dir");
    }
  });
});

import fs from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { readStatusFile } from "../../../src/cli/worker-files.js";

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

  it("does not take a file that it may not read for that of a worker that has ended", async () => {
    const { stat } = fs.promises;
    try {
      for (const [code, isDenied] of [
        ["EACCES", true],
        ["EPERM", true],
        ["ENOENT", false],
        ["EBUSY", false],
      ] as const) {
        const refuse = () => Promise.reject(Object.assign(new Error(code), { code }));
        fs.promises.stat = refuse;
        syncBuiltinESMExports();
        expect(await readStatusFile("status.json"), code).to.include({ running: false, isDenied });
      }
    } finally {
      fs.promises.stat = stat;
      syncBuiltinESMExports();
    }
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
      expect("reason" in rest && rest.reason).to.match(
        /^.*status\.json is not a valid status file$/,
      );
    }
  });
});

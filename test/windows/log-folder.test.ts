import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect } from "chai";

import { LogFolder } from "../../src/platform/log-folder.js";
import { othersWithAccess, ownSid, runWindowsTool } from "../../src/platform/windows-tools.js";
import { WinstonLog } from "../../src/platform/winston-log.js";
import { waitUntil } from "../support/clock-fake.js";
import { requireWindows } from "../support/windows-fixture.js";
import { WorkerProcess } from "../support/worker-process-fixture.js";

describe("the log folder on Windows", function () {
  this.timeout(20_000);
  let folder: string;

  before(function () {
    requireWindows(this);
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-folder-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));

  it("is created for its account, the system and administrators, with Windows' own tools", async function () {
    const sid = await ownSid(runWindowsTool).catch(() => null);
    if (sid === null) {
      process.stderr.write("SKIPPED: Wine's whoami and icacls know no rights.\n");
      this.skip();
    }
    const reasons: string[] = [];
    const path = join(folder, "state", "log");
    await new LogFolder(path, {
      account: "unused",
      onUnrestricted: (reason) => reasons.push(reason),
    }).make();
    expect(await othersWithAccess(path, sid, runWindowsTool)).to.deep.equal([]);
    expect(reasons).to.deep.equal([]);
  });

  it("is used, and reported, if the tools fail", async () => {
    const reports: string[] = [];
    const path = join(folder, "log");
    const logFolder = new LogFolder(path, {
      account: "NOBODY\\nobody",
      run: () => Promise.reject(new Error("whoami.exe failed (ENOENT)")),
      onUnrestricted: (reason, command) => reports.push(reason, command),
    });
    const log = new WinstonLog(path, "info", {
      stderr: new Writable({ write: (_chunk, _encoding, done) => done() }),
      makeFolder: () => logFolder.make(),
    });
    log.info("Written.");
    await waitUntil(() => existsSync(join(path, "worker.log")));
    await log.close(5_000);
    expect(reports[0]).to.equal("whoami.exe failed (ENOENT)");
    expect(reports[1]).to.include(`icacls "${path}" /inheritance:r /grant:r`);
  });

  it("is closed by the worker, which says so if it cannot", async () => {
    const path = join(folder, "state", "log");
    const worker = new WorkerProcess([
      ...["--settings", join(folder, "Presence.ini"), "--log-dir", path],
      ...["--secret-store", "memory"],
    ]);
    await worker.waitForStatus("its settings", ({ phase }) => phase !== "starting");
    await worker.end();
    const log = await readFile(join(path, "worker.log"), "utf8");
    const isReported = log.includes("could not close it to other accounts");
    const sid = await ownSid(runWindowsTool).catch(() => null);
    // Wine's whoami and icacls know no rights.
    expect(isReported).to.equal(sid === null);
    if (sid !== null) expect(await othersWithAccess(path, sid, runWindowsTool)).to.deep.equal([]);
    else expect(log).to.include("whoami.exe does not name the account's SID");
  });

  it("runs Windows' tools by their full path, and reports one that fails", async () => {
    expect(await runWindowsTool("whoami", [])).to.match(/\\/);
    const root = process.env.SystemRoot;
    process.env.SystemRoot = join(folder, "nowhere");
    try {
      const error = await runWindowsTool("whoami", []).catch((thrown: unknown) => thrown);
      expect(String(error)).to.equal("Error: whoami.exe failed (ENOENT)");
    } finally {
      process.env.SystemRoot = root;
    }
  });
});

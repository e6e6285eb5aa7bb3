import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect } from "chai";

import { accountsWithAccess } from "../../src/platform/folder-rights.js";
import { findWindowsRisk } from "../../src/platform/log-folder-check.js";
import { LogFolder } from "../../src/platform/log-folder.js";
import { ownSid, readOwner, readRights, runWindowsTool } from "../../src/platform/windows-tools.js";
import { WinstonLog } from "../../src/platform/winston-log.js";
import { waitUntil } from "../support/clock-fake.js";
import {
  IS_WINE,
  requireSymlinks,
  requireWindows,
  skipUnderWine,
} from "../support/windows-fixture.js";
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
    skipUnderWine(this, "Wine's whoami and icacls know no rights");
    const sid = await ownSid(runWindowsTool);
    const problems: string[] = [];
    const path = join(folder, "state", "log");
    const makeFolder = (): Promise<void> =>
      new LogFolder(path, {
        account: "unused",
        onProblem: (problem, reason) => problems.push(problem, reason),
        checkDelayMs: 0,
      }).make();
    await makeFolder();
    expect(await readdir(join(folder, "state"))).to.deep.equal(["log"]);
    const accounts = accountsWithAccess(await readRights(path, runWindowsTool)) ?? [];
    expect(accounts.filter((other) => other !== sid)).to.deep.equal([]);
    expect(await findWindowsRisk(path, sid, runWindowsTool)).to.equal(null);
    expect(problems).to.deep.equal([]);
  });

  it("has an owner, whom PowerShell names", async function () {
    skipUnderWine(this, "Wine's PowerShell does nothing");
    const sid = await ownSid(runWindowsTool);
    expect([sid, "S-1-5-32-544"]).to.include(await readOwner(folder, runWindowsTool));
  });

  it("is recognized as a link if it is a junction", async function () {
    requireSymlinks(this);
    const path = join(folder, "log");
    await symlink(folder, path, "junction");
    const risk = await findWindowsRisk(path, "S-1-5-18", runWindowsTool);
    expect(risk?.command).to.equal(`rmdir "${path}"`);
  });

  it("is used, and reported, if the tools fail", async () => {
    const reports: string[] = [];
    const path = join(folder, "log");
    const logFolder = new LogFolder(path, {
      account: "NOBODY\\nobody",
      run: () => Promise.reject(new Error("whoami.exe failed (ENOENT)")),
      onProblem: (_problem, reason, command) => reports.push(reason, command),
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
    // Wine's whoami and icacls know no rights.
    expect(isReported).to.equal(IS_WINE);
    if (IS_WINE) {
      expect(log).to.include("whoami.exe does not name the account's SID");
    } else {
      const sid = await ownSid(runWindowsTool);
      expect(await findWindowsRisk(path, sid, runWindowsTool)).to.equal(null);
    }
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

import { spawnSync } from "node:child_process";
import fs, { closeSync, constants, existsSync, openSync, readFileSync, statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect } from "chai";
import sinon from "sinon";

import { nodeReplacedFile } from "../../src/platform/replaced-file.js";
import { diskLogFiles } from "../../src/platform/log-disk-files.js";
import { LogFile, type OpenLogFile } from "../../src/platform/log-file.js";
import { WinstonLog } from "../../src/platform/winston-log.js";
import { waitUntil } from "../support/clock-fake.js";
import { contentOf, LogFixture } from "../support/log-fixture.js";
import { requireDeletion } from "../support/open-file-fixture.js";
import { IS_WINDOWS, NO_MODES, skip, skipOnWindows } from "../support/windows-fixture.js";

const CHECK_NS = 2_000_000_000n;
const REOPEN_NS = 10_000_000_000n;
const RECOVERY = "The log file is written again. Records that are missing in it went to stderr.";

describe("a log file that is deleted, moved or cannot be written", function () {
  this.timeout(30_000);
  let fixture: LogFixture;
  let folder: string;
  let path: string;
  let log: WinstonLog;

  beforeEach(async () => {
    fixture = await LogFixture.create();
    folder = fixture.folder;
    path = join(folder, "log", "worker.log");
  });
  afterEach(() => fixture.remove());

  const open = (directory = join(folder, "log"), maxFileBytes?: number): void => {
    log = fixture.open(directory, maxFileBytes);
  };
  const messages = (): string[] =>
    contentOf(path)
      .split("\n")
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => (JSON.parse(line) as { message: string }).message);
  const waitForMessage = (text: string): Promise<void> =>
    waitUntil(() => messages().includes(text));
  const failures = (): number => fixture.count("cannot be written");

  for (const [what, change] of [
    ["its file is deleted", () => rm(path)],
    ["its file is moved", () => rename(path, `${path}.old`)],
    ["its file is replaced", () => rename(path, `${path}.old`).then(() => writeFile(path, ""))],
    ["its folder is deleted", () => rm(join(folder, "log"), { recursive: true })],
    ["its folder is moved", () => rename(join(folder, "log"), join(folder, "old"))],
  ] as const) {
    it(`starts a new file at the next record after ${what}`, async function () {
      open();
      if (what.endsWith("deleted")) await requireDeletion(this, folder);
      log.info("First.");
      await waitForMessage("First.");
      try {
        await change();
      } catch (error) {
        const isHeld = ["EPERM", "EBUSY", "EACCES"].includes((error as { code: string }).code);
        if (!IS_WINDOWS || !what.startsWith("its folder") || !isHeld) throw error;
        // Wine does not.
        skip(this, "Windows keeps a folder in its place while a file in it is open");
      }
      fixture.pass(CHECK_NS);
      log.info("Second.");
      log.info("Third.");
      await waitForMessage("Third.");
      expect(messages()).to.deep.equal(["Second.", "Third."]);
      expect(failures()).to.equal(0);
    });
  }

  it("keeps its file if nobody touches it", async () => {
    open();
    for (const text of ["First.", "Second.", "Third."]) {
      log.info(text);
      await waitForMessage(text);
      fixture.pass(CHECK_NS);
    }
    expect(messages()).to.deep.equal(["First.", "Second.", "Third."]);
  });

  it("reports once that a folder has the name of its file, and writes once it is gone", async () => {
    await mkdir(path, { recursive: true });
    open();
    log.info("First.");
    await waitUntil(() => failures() === 1);
    log.info("Second.");
    fixture.pass(REOPEN_NS);
    log.info("Third.");
    await waitUntil(() => fixture.stderrText.includes("Third."));
    // The attempt to open the file has to fail before the folder goes. Nothing tells its end.
    await new Promise((resolve) => setTimeout(resolve, 250));
    await rm(path, { recursive: true });
    fixture.pass(REOPEN_NS);
    log.info("Fourth.");
    await waitUntil(() => messages().length >= 2);
    expect(messages()).to.deep.equal(["Fourth.", RECOVERY]);
    expect(failures()).to.equal(1);
    expect(fixture.stderrText).to.match(/is written again.*"lostRecords":[34]/);
  });

  it("writes on, in whole lines, after a disk was full", async function () {
    const disk = join(folder, "disk");
    path = join(disk, "worker.log");
    await mkdir(disk);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).status !== 0) {
      open();
      skip(this, "a disk of limited size needs the right to mount one");
    }
    try {
      const ballast = join(disk, "ballast");
      await writeFile(ballast, "x".repeat(50_000));
      open(disk);
      const text = "y".repeat(1_000);
      for (let i = 0; i < 40; i += 1) log.info(`Record ${i}.`, { text });
      await waitUntil(() => failures() === 1);
      expect(fixture.stderrText).to.include("ENOSPC");
      await waitUntil(() => fixture.stderrText.includes("Record 39."));
      // The disk is still full when the worker tries again.
      fixture.pass(REOPEN_NS);
      log.info("Still full.", { text: text.repeat(20) });
      await waitUntil(() => fixture.stderrText.includes("Still full."));
      await rm(ballast);
      fixture.pass(REOPEN_NS);
      log.info("Space again.");
      await waitForMessage("Space again.");
      await waitForMessage(RECOVERY);
      expect(failures()).to.equal(1);
      const lost = Number(/"lostRecords":(\d+)/.exec(fixture.stderrText)?.[1]);
      // 40 records, one at the second try, and the warning, besides the two after the recovery. A
      // write of several lines that fails halfway counts all of them.
      expect(messages().length - 2 + lost).to.be.at.least(42);
      const cutOff = contentOf(path)
        .split("\n")
        .filter((line) => line !== "" && !line.endsWith("}"));
      expect(cutOff.length).to.be.at.most(2);
      expect(messages().at(0)).to.equal("Record 0.");
    } finally {
      await log.close(5_000);
      // Lazily: another program of the machine may be looking at it.
      spawnSync("umount", ["-l", disk]);
    }
  });

  it("goes on in a full file that cannot be renamed, keeps the old ones, and renames it later", async () => {
    const directory = join(folder, "log");
    const pathOf = (index: number): string => join(directory, `worker.${index}.log`);
    await mkdir(join(pathOf(9), "in the way"), { recursive: true });
    for (let i = 1; i < 9; i += 1) await writeFile(pathOf(i), `old ${i}`);
    open(directory, 1_000);
    const text = "z".repeat(600);
    const names = ["First.", "Second.", "Third.", "Third again."];
    for (const name of names) {
      log.info(name, { text });
      await waitForMessage(name);
      fixture.pass(REOPEN_NS);
    }
    expect(fixture.count("cannot be renamed")).to.equal(1);
    for (let i = 1; i < 9; i += 1) expect(readFileSync(pathOf(i), "utf8")).to.equal(`old ${i}`);

    await rm(pathOf(9), { recursive: true });
    log.info("Fourth.");
    await waitForMessage("The log files have been renamed again.");
    const previous = readFileSync(pathOf(1), "utf8");
    for (const name of names) expect(previous).to.include(name);
    expect(messages()).to.include("Fourth.");
    expect(readFileSync(pathOf(9), "utf8")).to.equal("old 8");
  });

  it("stops at ten times the limit of a file that cannot be renamed, and counts what it loses", async () => {
    const directory = join(folder, "log");
    const obstacle = join(directory, "worker.1.log", "in the way");
    const full = join(directory, "worker.9.log", "in the way");
    for (const name of [obstacle, full]) await mkdir(name, { recursive: true });
    for (let i = 2; i < 9; i += 1) await writeFile(join(directory, `worker.${i}.log`), "");
    open(directory, 1_000);
    const text = "z".repeat(600);
    for (let i = 0; i < 30; i += 1) log.info(`Record ${i}.`, { text });
    await waitUntil(() => failures() === 1 && fixture.stderrText.includes("Record 29."));
    await waitUntil(() => messages().includes("Record 12."));
    expect(statSync(path).size).to.be.within(10_000, 11_000);
    await rm(join(directory, "worker.9.log"), { recursive: true });
    fixture.pass(REOPEN_NS);
    log.info("Last.");
    await waitUntil(() => fixture.stderrText.includes("is written again"));
    expect(failures()).to.equal(1);
    const kept = readFileSync(join(directory, "worker.1.log"), "utf8").match(/Record \d+/g) ?? [];
    const lost = Number(/"lostRecords":(\d+)/.exec(fixture.stderrText)?.[1]);
    // The two warnings went to stderr and maybe to the file.
    expect(kept.length + lost).to.be.within(30, 32);
  });

  it("makes folder and files for its account alone, whatever the umask", async function () {
    // Its rights: test/unit/platform/folder-rights.test.ts, test/windows/log-folder.test.ts.
    skipOnWindows(this, NO_MODES);
    const directory = join(folder, "state", "log");
    const umask = process.umask(0o022);
    try {
      await mkdir(join(folder, "state"));
      for (const mask of [0o000, 0o027]) {
        process.umask(mask);
        await rm(directory, { recursive: true, force: true });
        path = join(directory, "worker.log");
        open(directory, 50);
        for (const text of ["First.", "Second."]) {
          log.info(text);
          await waitForMessage(text);
        }
        await nodeReplacedFile(join(directory, "status.json"), sinon.stub()).write("{}");
        await log.close(5_000);
        const names = await readdir(directory);
        expect(names).to.include("worker.1.log").and.to.include("status.json");
        const modes = [".", ...names].map((name) => statSync(join(directory, name)).mode & 0o777);
        expect(modes).to.deep.equal([0o700, ...names.map(() => 0o600)]);
        expect(statSync(join(folder, "state")).mode & 0o777).to.equal(0o755);
      }
    } finally {
      process.umask(umask);
    }
  });

  it("leaves the rights of an existing folder alone, and takes those of its file from others", async function () {
    skipOnWindows(this, NO_MODES);
    const directory = join(folder, "log");
    await mkdir(directory);
    await chmod(directory, 0o755);
    await writeFile(path, "");
    const predecessors = [1, 9].map((index) => join(directory, `worker.${index}.log`));
    for (const each of predecessors) await writeFile(each, "");
    for (const each of [path, ...predecessors]) await chmod(each, 0o644);
    open();
    log.info("First.");
    await waitForMessage("First.");
    expect(statSync(directory).mode & 0o777).to.equal(0o755);
    for (const each of [path, ...predecessors])
      expect(statSync(each).mode & 0o777, each).to.equal(0o600);
  });

  it("counts what the file has from before against its limit", async () => {
    await mkdir(join(folder, "log"));
    await writeFile(path, `${"old ".repeat(300)}\n`);
    open(join(folder, "log"), 1_000);
    log.info("First.");
    await waitForMessage("First.");
    expect(readFileSync(join(folder, "log", "worker.1.log"), "utf8")).to.match(/^old /);
    expect(contentOf(path)).to.not.include("old");
  });

  it("reports a pipe with the name of its file, and does not wait for its reader", async function () {
    skipOnWindows(this, "Windows has pipes in a place of their own");
    await mkdir(join(folder, "log"));
    expect(spawnSync("mkfifo", [path]).status).to.equal(0);
    open();
    try {
      log.info("First.");
      await waitUntil(() => failures() === 1);
    } finally {
      // Else a worker that waits would keep this process.
      closeSync(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    }
  });

  it("ends each line with LF on every system", async () => {
    open();
    log.info("First.");
    await waitUntil(() => contentOf(path).endsWith("\n"));
    expect(contentOf(path) + fixture.stderrText).to.not.include("\r");
  });

  it("writes no file without a folder", async () => {
    log = new WinstonLog(null, "info", { stderr: new Writable({ write: () => undefined }) });
    log.info("First.");
    await log.close(5_000);
    expect(existsSync(path)).to.equal(false);
  });
});

describe("platform/log-file: LogFile", () => {
  const written: string[] = [];
  const streams: Writable[] = [];
  const openFile = (): OpenLogFile => {
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        written.push(chunk.toString());
        done();
      },
    });
    streams.push(stream);
    return { stream, size: 0, isInPlace: () => Promise.resolve(true) };
  };
  const listener = {
    onFailure: sinon.stub(),
    onRecovery: sinon.stub(),
    onRotationFailure: sinon.stub(),
    onRotation: sinon.stub(),
  };
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  let rotations: number;
  const rotate = (): Promise<void> => {
    rotations += 1;
    return Promise.resolve();
  };

  beforeEach(() => {
    rotations = 0;
    written.length = 0;
    streams.length = 0;
    sinon.resetHistory();
  });

  it("keeps lines for 5 s while the file is being opened, and reports those that it drops", async () => {
    let finishOpening: (file: OpenLogFile) => void = () => undefined;
    const slowly = () => new Promise<OpenLogFile>((resolve) => (finishOpening = resolve));
    const clock = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const slow = new LogFile({ open: slowly, rotate }, 1_000, listener);
      slow.sink.write("early");
      clock.tick(4_999);
      slow.sink.write("later");
      finishOpening(openFile());
      await settled();
      slow.sink.write("written at once");
      await slow.close();
      expect(written.splice(0)).to.deep.equal(["early", "later", "written at once"]);
      expect(listener.onRecovery.callCount).to.equal(0);

      const late = new LogFile({ open: slowly, rotate }, 1_000, listener);
      late.sink.write("dropped");
      clock.tick(5_000);
      late.sink.write("dropped too");
      finishOpening(openFile());
      await settled();
      late.sink.write("written");
      await late.close();
      expect(written.splice(0)).to.deep.equal(["written"]);
      expect(listener.onRecovery.args).to.deep.equal([[2]]);
    } finally {
      clock.restore();
    }
  });

  it("rotates as often as a burst of lines needs, in order, also while it is being closed", async () => {
    const file = new LogFile({ open: () => Promise.resolve(openFile()), rotate }, 10, listener);
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    for (const line of lines) file.sink.write(line);
    await file.close();
    expect(written).to.deep.equal(lines);
    expect(rotations).to.equal(9);
    expect(streams).to.have.length(10);
    for (const stream of streams) expect(stream.closed).to.equal(true);
  });

  it("keeps a file whose place the system does not tell, and lets one go that is gone", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ucx-log-"));
    const { stat } = fs.promises;
    const file = await diskLogFiles(folder, () => Promise.resolve()).open();
    try {
      for (const [code, isInPlace] of [
        ["EACCES", true],
        ["EBUSY", true],
        ["ENOENT", false],
        ["EPERM", false],
      ] as const) {
        const refuse = () => Promise.reject(Object.assign(new Error(code), { code }));
        fs.promises.stat = refuse;
        syncBuiltinESMExports();
        expect(await file.isInPlace(), code).to.equal(isInPlace);
      }
    } finally {
      fs.promises.stat = stat;
      syncBuiltinESMExports();
      await new Promise<void>((resolve) => file.stream.end(resolve));
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});

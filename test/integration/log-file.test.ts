import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect } from "chai";
import sinon from "sinon";

import { LogFile, openRotatingFile, type OpenLogFile } from "../../src/platform/log-file.js";
import { WinstonLog } from "../../src/platform/winston-log.js";
import { waitUntil } from "../support/clock-fake.js";

const CHECK_NS = 2_000_000_000n;
const REOPEN_NS = 10_000_000_000n;

describe("a log file that is deleted, moved or cannot be written", function () {
  this.timeout(10_000);
  let folder: string;
  let path: string;
  let log: WinstonLog;
  let stderrText: string;
  let passed: bigint;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-log-"));
    path = join(folder, "log", "worker.log");
    stderrText = "";
    passed = 0n;
    const now = process.hrtime.bigint.bind(process.hrtime);
    sinon.stub(process.hrtime, "bigint").callsFake(() => now() + passed);
  });

  afterEach(async () => {
    sinon.restore();
    await log.close(5_000);
    await rm(folder, { recursive: true, force: true });
  });

  const open = (directory = join(folder, "log")): void => {
    const stderr = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        stderrText += chunk.toString();
        done();
      },
    });
    log = new WinstonLog(directory, "info", { stderr });
  };
  const content = (): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  const messages = (): string[] =>
    content()
      .split("\n")
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => (JSON.parse(line) as { message: string }).message);
  const waitForMessage = (text: string): Promise<void> =>
    waitUntil(() => messages().includes(text));
  const failures = (): number => stderrText.split("cannot be written").length - 1;

  for (const [what, change] of [
    ["its file is deleted", () => rm(path)],
    ["its file is moved", () => rename(path, `${path}.old`)],
    ["its file is replaced", () => rename(path, `${path}.old`).then(() => writeFile(path, ""))],
    ["its folder is deleted", () => rm(join(folder, "log"), { recursive: true })],
    ["its folder is moved", () => rename(join(folder, "log"), join(folder, "old"))],
  ] as const) {
    it(`starts a new file at the next record after ${what}`, async () => {
      open();
      log.info("First.");
      await waitForMessage("First.");
      await change();
      passed += CHECK_NS;
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
      passed += CHECK_NS;
    }
    expect(messages()).to.deep.equal(["First.", "Second.", "Third."]);
  });

  it("reports once that a folder has the name of its file, and writes once it is gone", async () => {
    await mkdir(path, { recursive: true });
    open();
    log.info("First.");
    await waitUntil(() => failures() === 1);
    log.info("Second.");
    passed += REOPEN_NS;
    log.info("Third.");
    await waitUntil(() => stderrText.includes("Third."));
    await rm(path, { recursive: true });
    passed += REOPEN_NS;
    log.info("Fourth.");
    await waitUntil(() => messages().length >= 2);
    expect(messages()).to.deep.equal([
      "Fourth.",
      "The log file is written again. Records that are missing in it went to stderr.",
    ]);
    expect(failures()).to.equal(1);
    expect(stderrText).to.match(/is written again.*"lostRecords":[34]/);
  });

  it("writes on, in whole lines, after a disk was full", async function () {
    const disk = join(folder, "disk");
    path = join(disk, "worker.log");
    await mkdir(disk);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).status !== 0) {
      open();
      process.stderr.write("SKIPPED: a disk of limited size needs the right to mount one.\n");
      this.skip();
    }
    try {
      const ballast = join(disk, "ballast");
      await writeFile(ballast, "x".repeat(50_000));
      open(disk);
      const text = "y".repeat(1_000);
      for (let i = 0; i < 40; i += 1) log.info(`Record ${i}.`, { text });
      await waitUntil(() => failures() === 1);
      expect(stderrText).to.include("ENOSPC");
      await waitUntil(() => stderrText.includes("Record 39."));
      // The disk is still full when the worker tries again.
      passed += REOPEN_NS;
      log.info("Still full.", { text: text.repeat(20) });
      await waitUntil(() => stderrText.includes("Still full."));
      await rm(ballast);
      passed += REOPEN_NS;
      log.info("Space again.");
      await waitForMessage("Space again.");
      await waitUntil(() => stderrText.includes("is written again"));
      expect(failures()).to.equal(1);
      const cutOff = content()
        .split("\n")
        .filter((line) => line !== "" && !line.endsWith("}"));
      expect(cutOff.length).to.be.at.most(2);
      expect(messages().at(0)).to.equal("Record 0.");
    } finally {
      await log.close(5_000);
      spawnSync("umount", [disk]);
    }
  });

  it("writes no file without a folder", async () => {
    log = new WinstonLog(null, "info", { stderr: new Writable({ write: () => undefined }) });
    log.info("First.");
    await log.close(5_000);
    expect(existsSync(path)).to.equal(false);
  });

  it("does not take a file that is being rotated for a deleted one", async () => {
    const file = await openRotatingFile(join(folder, "log"), "1K");
    const found: boolean[] = [];
    for (let i = 0; i < 20; i += 1) {
      const written = new Promise((resolve) => file.stream.write(`${"z".repeat(600)}\n`, resolve));
      found.push(await file.isInPlace());
      await written;
    }
    file.stream.end();
    open();
    expect(found).to.not.include(false);
    expect(existsSync(join(folder, "log", "worker.9.log"))).to.equal(true);
  });
});

describe("platform/log-file: LogFile", () => {
  const written: string[] = [];
  const openFile = (): OpenLogFile => ({
    stream: new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        written.push(chunk.toString());
        done();
      },
    }),
    isInPlace: () => Promise.resolve(true),
  });
  const listener = { onFailure: sinon.stub(), onRecovery: sinon.stub() };
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it("keeps lines for 5 s while the file is being opened", async () => {
    let finishOpening: (file: OpenLogFile) => void = () => undefined;
    const slowly = () => new Promise<OpenLogFile>((resolve) => (finishOpening = resolve));
    const clock = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const slow = new LogFile(slowly, listener);
      slow.sink.write("early");
      clock.tick(4_999);
      slow.sink.write("later");
      finishOpening(openFile());
      await settled();
      slow.sink.write("written at once");
      await slow.close();
      expect(written.splice(0)).to.deep.equal(["early", "later", "written at once"]);

      const late = new LogFile(slowly, listener);
      late.sink.write("dropped");
      clock.tick(5_000);
      late.sink.write("dropped too");
      finishOpening(openFile());
      await settled();
      late.sink.write("written");
      await late.close();
      expect(written.splice(0)).to.deep.equal(["written"]);
    } finally {
      clock.restore();
    }
  });
});

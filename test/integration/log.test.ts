import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect } from "chai";
import sinon from "sinon";

import { Secret } from "../../src/faults/secret.js";
import { LogFile } from "../../src/platform/log-file.js";
import { makeFolder } from "../../src/platform/make-folder.js";
import { nodeStatusFile } from "../../src/platform/status-file.js";
import { WinstonLog } from "../../src/platform/winston-log.js";

describe("log and status file on a real disk", function () {
  this.timeout(20_000);
  let folder: string;
  let stderr: Writable;
  let stderrText: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-log-"));
    stderrText = "";
    stderr = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        stderrText += chunk.toString();
        done();
      },
    });
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("writes a line a record to stderr and a JSON line to the file, in order, without secrets", async () => {
    const log = new WinstonLog(join(folder, "made", "when needed"), "info", stderr);
    log.info("First.", { token: new Secret("hidden-text"), count: 1 });
    log.debug("Not at this level.");
    log.setLevel("debug");
    log.warn("Second\nwith a line break.", { error: new Error("Bearer hidden-text") });
    await log.close(5_000);
    const lines = (await readFile(join(folder, "made", "when needed", "worker.log"), "utf8"))
      .trim()
      .split("\n");
    const records = lines.map((line) => JSON.parse(line) as { level: string; message: string });
    expect(records.map((r) => [r.level, r.message])).to.deep.equal([
      ["info", "First."],
      ["warn", "Second\nwith a line break."],
    ]);
    expect(stderrText.trim().split("\n")).to.have.length(2);
    expect(stderrText + lines.join()).to.not.include("hidden-text");
  });

  /** Waits until the record of that number, or a later one, stands in the file or in the one before. */
  async function waitUntilWritten(index: number): Promise<void> {
    for (const deadline = performance.now() + 30_000; performance.now() < deadline;) {
      for (const name of ["worker.log", "worker.1.log"]) {
        const last = (await readFile(join(folder, name), "utf8").catch(() => ""))
          .split("\n")
          .at(-2);
        if (index < 0 || (last !== undefined && (JSON.parse(last) as { i: number }).i >= index))
          return;
      }
    }
    expect.fail(`Record ${index} is not in the file.`);
  }

  it("keeps the latest ten files of 10 MB, and every record while it turns to the next", async () => {
    const log = new WinstonLog(
      folder,
      "info",
      new Writable({ write: (_chunk, _encoding, done) => done() }),
    );
    const text = "x".repeat(100_000);
    const count = 1_300;
    for (let i = 0; i < count; i += 1) {
      log.info("Much.", { i, text });
      // A disk that cannot keep up costs records, and that is not the question here.
      if (i % 50 === 0) await waitUntilWritten(i - 200);
    }
    await log.close(15_000);
    const names = (await readdir(folder)).sort();
    expect(names).to.have.length(10).and.to.include("worker.log");
    const seen: number[] = [];
    for (const name of names) {
      const content = await readFile(join(folder, name), "utf8");
      expect(content.length).to.be.lessThan(11_500_000);
      for (const line of content.split("\n"))
        if (line !== "") seen.push((JSON.parse(line) as { i: number }).i);
    }
    seen.sort((a, b) => a - b);
    const first = seen[0]!;
    expect(seen).to.deep.equal(Array.from({ length: count - first }, (_, k) => first + k));
    expect(first).to.be.within(1, count - 850);
  });

  it("loses records, never the service, where the folder cannot be made or stderr is gone", async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    const log = new WinstonLog("/dev/null/nowhere", "info", broken);
    for (let i = 0; i < 10; i += 1) log.info("Nobody hears this.");
    await log.close(5_000);
  });

  it("makes folders one by one, and gives up where the system makes none", async () => {
    await Promise.all([1, 2, 3].map(() => makeFolder(join(folder, "a", "b", "c"))));
    await makeFolder(join(folder, "a", "b", "c"));
    expect(await readdir(join(folder, "a", "b"))).to.deep.equal(["c"]);
    await writeFile(join(folder, "file"), "");
    await symlink(join(folder, "nowhere"), join(folder, "dangling"));
    for (const path of ["file", "file/below", "dangling", "dangling/below"]) {
      expect(await makeFolder(join(folder, path)).catch(() => "refused"), path).to.equal("refused");
    }
  });

  it("tells stderr all the same, and burns no time, where a folder that is there can hold none", async function () {
    if (process.platform !== "linux") this.skip();
    const log = new WinstonLog("/proc/1/nothing", "info", stderr);
    log.info("Heard.");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(stderrText)
      .to.include("Heard.")
      .and.to.match(/warn There can be no log file .*"\/proc\/1\/nothing","code":"ENOENT"/);
    const before = process.cpuUsage();
    await nodeStatusFile("/proc/1/nothing/status.json").write("{}");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(process.cpuUsage(before).user + process.cpuUsage(before).system).to.be.lessThan(150_000);
    await log.close(5_000);
  });

  it("keeps lines for a file that is slow to open, for a while, and never waits for one that does not", async () => {
    let open: (file: Writable) => void = () => undefined;
    const written: string[] = [];
    const collector = (): Writable =>
      new Writable({
        decodeStrings: false,
        write: (chunk: string, _encoding, done) => {
          written.push(chunk);
          done();
        },
      });
    const clock = sinon.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const slow = new LogFile(
        folder,
        sinon.stub(),
        () => new Promise((resolve) => (open = resolve)),
      );
      slow.sink.write("early");
      clock.tick(4_999);
      slow.sink.write("later");
      open(collector());
      await Promise.resolve().then(() => undefined);
      slow.sink.write("at once");
      await slow.close();
      expect(written).to.deep.equal(["early", "later", "at once"]);

      written.length = 0;
      const late = new LogFile(
        folder,
        sinon.stub(),
        () => new Promise((resolve) => (open = resolve)),
      );
      late.sink.write("forgotten");
      clock.tick(5_000);
      late.sink.write("forgotten too");
      open(collector());
      await Promise.resolve().then(() => undefined);
      late.sink.write("heard");
      await late.close();
      expect(written).to.deep.equal(["heard"]);
    } finally {
      clock.restore();
    }
  });

  it("replaces the status file whole: a reader never sees half of one", async () => {
    const path = join(folder, "deep", "status.json");
    const file = nodeStatusFile(path);
    const texts = Array.from({ length: 200 }, (_, i) =>
      JSON.stringify({ i, fill: "y".repeat(20_000) }),
    );
    const reading = new AbortController();
    const reader = (async () => {
      let seen = 0;
      while (!reading.signal.aborted) {
        const text = await readFile(path, "utf8").catch(() => null);
        if (text === null) continue;
        JSON.parse(text);
        seen += 1;
      }
      return seen;
    })();
    for (const text of texts) await file.write(text);
    reading.abort();
    expect(await reader).to.be.greaterThan(0);
    expect(await readFile(path, "utf8")).to.equal(texts.at(-1));
    expect(await readdir(join(folder, "deep"))).to.deep.equal(["status.json"]);
    await nodeStatusFile("/dev/null/nowhere/status.json").write("{}");
  });
});

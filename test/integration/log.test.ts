import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect } from "chai";
import sinon from "sinon";

import { Secret } from "../../src/faults/secret.js";
import { importers } from "../../src/platform/lazy-modules.js";
import { makePrivateFolder } from "../../src/platform/log-folder.js";
import { nodeReplacedFile } from "../../src/platform/replaced-file.js";
import { WinstonLog } from "../../src/platform/winston-log.js";
import { waitUntil } from "../support/clock-fake.js";
import { IS_WINDOWS, requireSymlinks, skip } from "../support/windows-fixture.js";

const MEGABYTE = 1024 * 1024;

interface WrittenRecord {
  readonly level: string;
  readonly message: string;
  readonly i: number;
}
const parseLog = (content: string): WrittenRecord[] =>
  JSON.parse(`[${content.trim().replaceAll("\n", ",")}]`) as WrittenRecord[];

const collect = (onChunk: (text: string) => void): Writable =>
  new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      onChunk(chunk.toString());
      done();
    },
  });
const discard = (): Writable => collect(() => undefined);
const busy = (): Error => Object.assign(new Error("EMFILE"), { code: "EMFILE" });

describe("log and status file on disk", function () {
  this.timeout(20_000);
  let folder: string;
  let stderr: Writable;
  let stderrText: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-log-"));
    stderrText = "";
    stderr = collect((text) => (stderrText += text));
  });

  const logs: WinstonLog[] = [];
  const track = (log: WinstonLog): WinstonLog => {
    logs.push(log);
    return log;
  };

  afterEach(async () => {
    sinon.restore();
    for (const log of logs.splice(0)) await log.close(5_000);
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  it("writes each record as a line to stderr and as JSON to the file, in order, without secrets", async () => {
    const log = track(new WinstonLog(join(folder, "made", "when needed"), "info", { stderr }));
    log.info("First.", { token: new Secret("hidden-text"), count: 1 });
    log.debug("Not at this level.");
    log.setLevel("debug");
    log.warn("Second\nwith a line break.", { error: new Error("Bearer hidden-text") });
    await log.close(5_000);
    const content = await readFile(join(folder, "made", "when needed", "worker.log"), "utf8");
    expect(parseLog(content).map((r) => [r.level, r.message])).to.deep.equal([
      ["info", "First."],
      ["warn", "Second\nwith a line break."],
    ]);
    expect(stderrText.trim().split("\n")).to.have.length(2);
    expect(stderrText + content).to.not.include("hidden-text");
  });

  it("keeps the latest ten files, and every record while it rotates", async () => {
    const log = track(
      new WinstonLog(folder, "info", { stderr: discard(), maxFileBytes: 10 * 1024 }),
    );
    const count = 1_300;
    const write = (i: number): void => log.info("Record.", { i, text: "x".repeat(100) });
    write(0);
    await waitUntil(() => existsSync(join(folder, "worker.log")));
    for (let i = 1; i < count; i += 1) write(i);
    await log.close(15_000);
    const names = await readdir(folder);
    expect(names).to.have.length(10).and.to.include("worker.log");
    const indexes: number[] = [];
    for (const name of names) {
      const content = await readFile(join(folder, name), "utf8");
      expect(content.length).to.be.lessThan(10 * 1024 + 500);
      indexes.push(...parseLog(content).map((record) => record.i));
    }
    indexes.sort((a, b) => a - b);
    const first = indexes[0]!;
    expect(indexes).to.deep.equal(Array.from({ length: count - first }, (_, k) => first + k));
    expect(first).to.be.within(1, count - 400);
  });

  it("rotates at 10 MB", async () => {
    const log = track(new WinstonLog(folder, "info", { stderr: discard() }));
    for (let i = 0; i < 250; i += 1) log.info("Record.", { i, text: "x".repeat(100_000) });
    await log.close(60_000);
    const sizeOf = async (name: string) => (await stat(join(folder, name))).size;
    expect(await sizeOf("worker.log")).to.be.lessThan(10 * MEGABYTE);
    for (const name of ["worker.1.log", "worker.2.log"])
      expect(await sizeOf(name)).to.be.within(10 * MEGABYTE, 10 * MEGABYTE + 200_000);
  }).timeout(90_000);

  it("loads winston again with a later record, and reports on stderr that it could not", async () => {
    sinon.stub(importers, "winston").callThrough().onFirstCall().rejects(busy());
    const log = track(new WinstonLog(folder, "info", { stderr }));
    log.info("First.");
    await waitUntil(() => stderrText !== "");
    expect(stderrText).to.match(
      /^\S+ error The worker's library winston could not be loaded \(EMFILE\)\..*virus scanning/,
    );
    log.info("Second.");
    await log.close(5_000);
    const records = parseLog(await readFile(join(folder, "worker.log"), "utf8"));
    expect(records.map(({ message }) => message)).to.deep.equal(["First.", "Second."]);
  });

  it("drops records if the folder cannot be created or stderr is closed", async () => {
    await writeFile(join(folder, "file"), "");
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    const log = track(new WinstonLog(join(folder, "file", "below"), "info", { stderr: broken }));
    for (let i = 0; i < 10; i += 1) log.info("Dropped.");
    await log.close(5_000);
  });

  const expectRefusal = async (path: string): Promise<void> => {
    expect(await makePrivateFolder(join(folder, path)).catch(() => "refused"), path).to.equal(
      "refused",
    );
  };

  it("creates folders one by one, and rejects where the system refuses", async () => {
    await Promise.all([1, 2, 3].map(() => makePrivateFolder(join(folder, "a", "b", "c"))));
    await makePrivateFolder(join(folder, "a", "b", "c"));
    expect(await readdir(join(folder, "a", "b"))).to.deep.equal(["c"]);
    await writeFile(join(folder, "file"), "");
    for (const path of ["file", "file/below"]) await expectRefusal(path);
  });

  it("rejects where a folder would be made through a dangling link", async function () {
    requireSymlinks(this);
    await symlink(join(folder, "nowhere"), join(folder, "dangling"));
    for (const path of ["dangling", "dangling/below"]) await expectRefusal(path);
  });

  it("still writes to stderr, without using CPU time, if a folder cannot be created in an existing one", async function () {
    if (process.platform !== "linux") skip(this, "only Linux has a folder like /proc/1");
    const log = track(new WinstonLog("/proc/1/nothing", "info", { stderr }));
    log.info("Written.");
    await waitUntil(() => stderrText.includes("cannot be written"));
    expect(stderrText)
      .to.include("Written.")
      .and.to.match(
        /warn The log file in this folder cannot be written, .*"\/proc\/1\/nothing","code":"ENOENT"/,
      );
    const before = process.cpuUsage();
    await nodeReplacedFile("/proc/1/nothing/status.json", sinon.stub()).write("{}");
    // Time in which a loop would show.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(process.cpuUsage(before).user + process.cpuUsage(before).system).to.be.lessThan(150_000);
    await log.close(5_000);
  });

  it("replaces the status file atomically", async () => {
    const path = join(folder, "deep", "status.json");
    const file = nodeReplacedFile(path, sinon.stub());
    const fill = "y".repeat(20_000);
    // On Windows, each replacement waits for the reader.
    const texts = Array.from({ length: IS_WINDOWS ? 30 : 200 }, (_, i) =>
      JSON.stringify({ i, fill }),
    );
    const reading = new AbortController();
    const reader = (async () => {
      let seen = 0;
      while (!reading.signal.aborted) {
        const text = await readFile(path, "utf8").catch(() => null);
        if (text !== null) JSON.parse(text);
        seen += text === null ? 0 : 1;
        // On Windows, a file cannot be replaced while it is being read.
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      return seen;
    })();
    for (const text of texts) await file.write(text);
    reading.abort();
    expect(await reader).to.be.greaterThan(0);
    expect(await readFile(path, "utf8")).to.equal(texts.at(-1));
    expect(await readdir(join(folder, "deep"))).to.deep.equal(["status.json"]);
  });

  it("reports once that the status file cannot be written, and again after it could be", async () => {
    const path = join(folder, "status.json");
    const onFailure = sinon.stub();
    const file = nodeReplacedFile(path, onFailure);
    await mkdir(path);
    for (const text of ["1", "2"]) await file.write(text, 0);
    expect(onFailure.callCount).to.equal(1);
    await rm(path, { recursive: true });
    await file.write("3");
    expect(await readFile(path, "utf8")).to.equal("3");
    await rm(path);
    await mkdir(path);
    await file.write("4", 0);
    expect(onFailure.callCount).to.equal(2);
    expect(await readdir(folder)).to.deep.equal(["status.json"]);
  });
});

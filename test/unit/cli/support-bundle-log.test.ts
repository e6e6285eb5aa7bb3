import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { withoutSecrets } from "../../../src/cli/support-bundle.js";
import {
  findLastLine,
  LogFolder,
  readLines,
  type LogText,
} from "../../../src/cli/support-bundle-log.js";
import { Secret } from "../../../src/faults/secret.js";
import { IS_WINDOWS } from "../../support/windows-fixture.js";

const START = '{"time":"t","level":"info","message":"The worker is starting."}';
const MUCH = { headBytes: 1e6, tailBytes: 1e6, olderBytes: 1e6 };
const record = (name: string, level = "info"): string => `{"level":"${level}","message":"${name}"}`;

describe("the log of a support bundle", () => {
  let folder: string;
  let log: LogFolder | null = null;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-log-"));
  });
  afterEach(async () => {
    await log?.close();
    await rm(folder, { recursive: true });
  });

  async function open(files: Readonly<Record<string, readonly string[]>>): Promise<LogFolder> {
    for (const [name, lines] of Object.entries(files))
      await writeFile(join(folder, name), lines.map((line) => `${line}\n`).join(""));
    return (log = await LogFolder.open(folder));
  }
  async function linesOf(text: LogText | null = null): Promise<string[]> {
    const lines: string[] = [];
    if (text !== null) for await (const line of readLines(text)) lines.push(line);
    return lines;
  }

  it("begins at the last start, also in an older file", async () => {
    const files = await open({
      "worker.log": [record("newest")],
      "worker.1.log": [record("new")],
      "worker.2.log": [START, record("old"), START, record("since")],
      "worker.3.log": [START, record("oldest")],
    });
    const { lastStart, older, hasStart } = await files.divide(MUCH);
    expect(hasStart).to.equal(true);
    expect(await linesOf(lastStart)).to.deep.equal([
      ...[START, record("since"), record("new"), record("newest")],
    ]);
    expect(older.map(({ name }) => name)).to.deep.equal(["worker.2.log", "worker.3.log"]);
    expect(await linesOf(older[0])).to.deep.equal([START, record("old")]);
  });

  it("takes the newest file for that of the last start if no file has one", async () => {
    const files = await open({ "worker.log": ["a"], "worker.1.log": ["b"] });
    const { lastStart, older, hasStart } = await files.divide(MUCH);
    expect(hasStart).to.equal(false);
    expect(await linesOf(lastStart)).to.deep.equal(["a"]);
    expect(await linesOf(older[0])).to.deep.equal(["b"]);
  });

  it("reads a file once that the worker renames while the files are being opened", async () => {
    await open({ "worker.log": [START, "a"], "worker.2.log": ["b"] });
    await log?.close();
    // Under its new name, it is what it was under the old one.
    await link(join(folder, "worker.log"), join(folder, "worker.1.log"));
    log = await LogFolder.open(folder);
    const { lastStart, older } = await log.divide(MUCH);
    expect(await linesOf(lastStart)).to.deep.equal([START, "a"]);
    expect(older.map(({ name }) => name)).to.deep.equal(["worker.2.log"]);
  });

  it("keeps beginning and end, and the newest of older records, and says what it cuts", async () => {
    const lines = Array.from({ length: 100 }, (_, at) => record(`number ${at}`));
    const files = await open({
      "worker.log": [START, ...lines],
      "worker.1.log": lines,
      "worker.2.log": lines,
    });
    const limits = { headBytes: START.length + 1, tailBytes: record("number 99").length + 1 };
    const { lastStart, older } = await files.divide({ ...limits, olderBytes: 100 });
    const kept = await linesOf(lastStart);
    expect(kept).to.deep.equal([
      START,
      `[${lastStart?.cut} bytes of the log were left out here]`,
      record("number 99"),
    ]);
    expect(older.map(({ name, bytes }) => [name, bytes])).to.deep.equal([["worker.1.log", 100]]);
    expect((await linesOf(older[0])).at(-1)).to.equal(record("number 99"));
  });

  it("finds the last error, and a start, wherever chunks of the file end", async () => {
    for (const length of [10, 256 * 1024 - 40, 256 * 1024, 400_000]) {
      const filler = record("x".repeat(1_000));
      const many = Array.from({ length: Math.ceil(length / filler.length) }, () => filler);
      const files = await open({
        "worker.log": [...many, START, record("first", "error"), record("last", "error"), ...many],
      });
      const { lastStart } = await files.divide({ ...MUCH, olderBytes: 0 });
      expect((await linesOf(lastStart))[0]).to.equal(START);
      expect(await findLastLine(lastStart!, '"level":"error"')).to.equal(record("last", "error"));
      expect(await findLastLine(lastStart!, "nowhere")).to.equal(null);
      await files.close();
    }
  });

  it("finds a start that lies across the end of a chunk", async () => {
    const phrase = '"message":"The worker is starting."';
    const begin = START.slice(0, START.indexOf(phrase));
    for (const overlap of [1, 16, phrase.length - 1]) {
      // So many bytes from the beginning of the phrase to the end of the file.
      const size = 256 * 1024 + overlap;
      const filler = "x".repeat(size - (START.length - begin.length) - 2);
      const files = await open({ "worker.log": [record("before"), START, filler] });
      const { hasStart, older } = await files.divide(MUCH);
      expect([hasStart, older.length], `${overlap} bytes`).to.deep.equal([true, 1]);
      await files.close();
    }
  });

  it("cuts lines that are longer than any record", async () => {
    const files = await open({ "worker.log": ["a", "x".repeat(1_000_000), "b\r"] });
    const lines = await linesOf((await files.divide(MUCH)).lastStart);
    expect(lines[1]).to.match(/^x{65536} \[934464 bytes of this line were left out\]$/);
    expect([lines[0], lines[2]]).to.deep.equal(["a", "b"]);
  });

  it("reads no link and no folder, and says so", async function () {
    await mkdir(join(folder, "worker.1.log"));
    const files = await open({ "worker.2.log": ["a"] });
    expect(files.unreadable.map(({ name }) => name)).to.deep.equal(["worker.1.log"]);
    // A link needs a privilege on Windows.
    if (IS_WINDOWS) return;
    await files.close();
    await symlink(join(folder, "worker.2.log"), join(folder, "worker.log"));
    log = await LogFolder.open(folder);
    expect(log.unreadable.map(({ name }) => name)).to.deep.equal(["worker.log", "worker.1.log"]);
  });

  it("leaves out a line with a secret of the keychain, in any encoding, and keeps the others", () => {
    const secret = "planted secret of a keychain";
    const base64 = Buffer.from(`user:${secret}`).toString("base64");
    for (const form of [secret, encodeURIComponent(secret), base64])
      expect(withoutSecrets(`a\nb ${form} c\nd\n`, [new Secret(secret)])).to.equal(
        "a\n[a line was left out, because it contained a secret]\nd\n",
      );
    expect(withoutSecrets(`a ${secret}`, [])).to.equal(`a ${secret}`);
  });

  it("is empty without a folder", async () => {
    log = await LogFolder.open(join(folder, "none"));
    expect(await log.divide(MUCH)).to.deep.equal({ lastStart: null, older: [], hasStart: false });
    await writeFile(join(folder, "file"), "");
    log = await LogFolder.open(join(folder, "file"));
    expect(log.unreadable).to.deep.equal([]);
    log = await LogFolder.open(null);
    expect((await log.divide(MUCH)).lastStart).to.equal(null);
  });
});

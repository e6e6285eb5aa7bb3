import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import type { WinstonLog } from "../../src/platform/winston-log.js";
import { waitUntil } from "../support/clock-fake.js";
import { contentOf, LogFixture } from "../support/log-fixture.js";
import { requireDeletion, requireReadOnly } from "../support/open-file-fixture.js";
import { holdFile } from "../support/share-mode-fixture.js";
import { requireWindows } from "../support/windows-fixture.js";

const RETRY_NS = 10_000_000_000n;
const MAX_FILE_BYTES = 1_000;
/** More than half of the limit, so that two records fill a file. */
const TEXT = "z".repeat(600);

describe("the log file, while other programs use it on Windows", function () {
  this.timeout(20_000);
  let fixture: LogFixture;
  let folder: string;
  let path: string;

  before(function () {
    requireWindows(this);
  });

  beforeEach(async () => {
    fixture = await LogFixture.create();
    folder = fixture.folder;
    path = join(folder, "worker.log");
  });
  afterEach(() => fixture.remove());

  const open = (): WinstonLog => fixture.open(folder, MAX_FILE_BYTES);
  const count = (text: string): number => fixture.count(text);
  /** Writes a record after the pause between two attempts, and waits until the log has it. */
  const write = async (log: WinstonLog, name: string): Promise<void> => {
    fixture.pass(RETRY_NS);
    log.info(name, { text: TEXT });
    await waitUntil(() => contentOf(path).includes(name));
  };
  /** The names of the records in all files. */
  const records = async (): Promise<string[]> => {
    const texts = (await readdir(folder)).map((name) => readFile(join(folder, name), "utf8"));
    return (await Promise.all(texts)).join("").match(/Record \w+/g) ?? [];
  };

  it("goes on in a full worker.log that a reader keeps from being renamed, and renames it later", async () => {
    const log = open();
    await write(log, "Record A");
    const release = await holdFile(path, { share: "readWrite" });
    for (const name of ["Record B", "Record C", "Record D"]) await write(log, name);
    expect(statSync(path).size).to.be.greaterThan(2 * MAX_FILE_BYTES);
    expect(count("cannot be renamed")).to.equal(1);
    release();
    await write(log, "Record E");
    await waitUntil(() => fixture.stderrText.includes("have been renamed again"));
    expect((await readdir(folder)).sort()).to.deep.equal(["worker.1.log", "worker.log"]);
    expect((await records()).sort()).to.deep.equal(
      ["A", "B", "C", "D", "E"].map((letter) => `Record ${letter}`),
    );
    expect(fixture.stderrText).to.not.include("lostRecords");
  });

  it("deletes one old file only, however often a reader of worker.3.log prevents the renaming", async () => {
    for (let i = 1; i <= 9; i += 1) await writeFile(join(folder, `worker.${i}.log`), `old ${i}`);
    const release = await holdFile(join(folder, "worker.3.log"), { share: "readWrite" });
    const log = open();
    for (const name of ["Record A", "Record B", "Record C", "Record D", "Record E"])
      await write(log, name);
    expect(count("cannot be renamed")).to.equal(1);
    release();
    await write(log, "Record F");
    await waitUntil(() => fixture.stderrText.includes("have been renamed again"));
    for (let i = 2; i <= 9; i += 1)
      expect(readFileSync(join(folder, `worker.${i}.log`), "utf8")).to.equal(`old ${i - 1}`);
    expect(await records()).to.have.length(6);
  });

  it("reports once that worker.log cannot be opened, and writes once it can", async () => {
    await writeFile(path, "");
    const release = await holdFile(path, { share: "none" });
    const log = open();
    log.info("Record A");
    await waitUntil(() => count("cannot be written") === 1);
    expect(fixture.stderrText).to.match(/"code":"(EBUSY|EPERM)"/);
    fixture.pass(RETRY_NS);
    log.info("Record B");
    await waitUntil(() => fixture.stderrText.includes("Record B"));
    release();
    await write(log, "Record C");
    await waitUntil(() => fixture.stderrText.includes("is written again"));
    expect(count("cannot be written")).to.equal(1);
    expect(fixture.stderrText).to.match(/"lostRecords":[23]/);
  });

  it("reports once that worker.log is read-only, and writes once it is not", async function () {
    await writeFile(path, "");
    await chmod(path, 0o444);
    await requireReadOnly(this, path);
    const log = open();
    log.info("Record A");
    await waitUntil(() => count("cannot be written") === 1);
    await chmod(path, 0o666);
    await write(log, "Record B");
    await waitUntil(() => fixture.stderrText.includes("is written again"));
    expect(count("cannot be written")).to.equal(1);
  });

  it("writes into a folder with the read-only attribute, which means nothing there", async () => {
    const attrib = join(process.env.SystemRoot ?? "", "System32", "attrib.exe");
    const setReadOnly = (option: "+r" | "-r"): void => {
      expect(spawnSync(attrib, [option, folder]).status).to.equal(0);
    };
    setReadOnly("+r");
    const log = open();
    await write(log, "Record A");
    setReadOnly("-r");
    expect(count("cannot be")).to.equal(0);
  });

  it("starts a new file after one that a reader still has open was deleted", async function () {
    await requireDeletion(this, folder);
    const log = open();
    await write(log, "Record A");
    const release = await holdFile(path, { share: "all" });
    await rm(path);
    fixture.pass(RETRY_NS);
    // Windows before 10 (1709) keeps the name in use until the reader closes the file.
    log.info("Record B");
    await waitUntil(() => contentOf(path).includes("Record B") || count("cannot be written") === 1);
    release();
    await write(log, "Record C");
    expect(contentOf(path)).to.not.include("Record A");
    const lost = contentOf(path).includes("Record B") ? 0 : 1;
    await waitUntil(() => count("is written again") === lost);
  });
});

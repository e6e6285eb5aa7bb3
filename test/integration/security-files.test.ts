import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  chmod,
  chown,
  link,
  lstat,
  lutimes,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import sinon from "sinon";

import { nodePollRequestFile, requestPoll } from "../../src/platform/poll-request-file.js";
import { nodeReplacedFile } from "../../src/platform/replaced-file.js";
import { waitUntil } from "../support/clock-fake.js";
import { contentOf, LogFixture } from "../support/log-fixture.js";
import { NO_MODES, skip, skipOnWindows } from "../support/windows-fixture.js";

const OTHER_UID = 54_321;
const NO_LINKS = "links need a right on Windows";

describe("a file that is replaced, in a folder where others may write", function () {
  this.timeout(20_000);
  let folder: string;
  let path: string;
  let victim: string;
  const onFailure = sinon.stub();

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-replaced-"));
    path = join(folder, "status.json");
    victim = join(folder, "victim");
    await writeFile(victim, "precious");
    onFailure.reset();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("is written beside it under a name that nobody can know, and that is new each time", async () => {
    const names: string[] = [];
    const replace = async (from: string, to: string): Promise<void> => {
      names.push(from);
      await rename(from, to);
    };
    const file = nodeReplacedFile(path, onFailure, { replace });
    for (const text of ["1", "2"]) expect(await file.write(text)).to.equal(true);
    const [first = "", second = ""] = names;
    const pattern = /^status\.json\.(\d+)\.[0-9a-f]{24}\.new$/;
    for (const name of [first, second]) {
      expect(name.startsWith(folder)).to.equal(true);
      expect(pattern.exec(name.slice(folder.length + 1))?.[1]).to.equal(String(process.pid));
    }
    expect(first).to.not.equal(second);
  });

  it("leaves the target of links alone that stand in its place", async function () {
    skipOnWindows(this, NO_LINKS);
    for (const name of ["status.json", `status.json.${process.pid}.new`])
      await symlink(victim, join(folder, name));
    expect(await nodeReplacedFile(path, onFailure).write("1")).to.equal(true);
    expect(await readFile(victim, "utf8")).to.equal("precious");
    expect((await lstat(path)).isFile()).to.equal(true);
    expect(await readFile(path, "utf8")).to.equal("1");
    expect(onFailure.callCount).to.equal(0);
  });

  it("removes what dead workers have left of it, and nothing else", async function () {
    skipOnWindows(this, NO_LINKS);
    const { pid: dead } = spawnSync(process.execPath, ["-e", ""]);
    const old = new Date(Date.now() - 120_000);
    const part = "0123456789abcdef01234567";
    const plant = async (name: string, at: Date | null = old): Promise<string> => {
      await writeFile(join(folder, name), "left");
      if (at !== null) await utimes(join(folder, name), at, at);
      return name;
    };
    const gone = [
      await plant(`status.json.${dead}.${part}.new`),
      // As earlier versions named it, and of this process ID before a reboot.
      await plant(`status.json.${dead}.new`),
      await plant(`status.json.${process.pid}.${part}.new`),
    ];
    const kept = [
      await plant(`status.json.${process.ppid}.${part}.new`),
      await plant(`status.json.${dead}.${part.replaceAll("0", "1")}.new`, null),
      await plant(`learned.json.${dead}.${part}.new`),
      await plant(`status.json.${dead}.${part}.new.txt`),
      await plant(`status.json.x.${part}.new`),
      await plant(`my status.json.${dead}.${part}.new`),
    ];
    const asLink = `status.json.${dead}.${part.replaceAll("0", "2")}.new`;
    await symlink(victim, join(folder, asLink));
    await lutimes(join(folder, asLink), old, old);
    const asFolder = `status.json.${dead}.${part.replaceAll("0", "3")}.new`;
    await mkdir(join(folder, asFolder));
    await utimes(join(folder, asFolder), old, old);
    const foreign = `status.json.${dead}.${part.replaceAll("0", "4")}.new`;
    if (process.getuid?.() === 0) {
      await plant(foreign);
      await chown(join(folder, foreign), OTHER_UID, OTHER_UID);
      await utimes(join(folder, foreign), old, old);
      kept.push(foreign);
    }
    expect(await nodeReplacedFile(path, onFailure).write("1")).to.equal(true);
    await waitUntil(() => !gone.some((name) => contentOf(join(folder, name)) !== ""));
    expect((await readdir(folder)).sort()).to.deep.equal(
      [...kept, asLink, asFolder, "status.json", "victim"].sort(),
    );
    expect(await readFile(victim, "utf8")).to.equal("precious");
  });

  it("is asked for a poll without a change to what a link names", async function () {
    skipOnWindows(this, NO_LINKS);
    const request = nodePollRequestFile(folder);
    await symlink(victim, join(folder, "poll.request"));
    const error = await requestPoll(folder).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(Error);
    expect(await readFile(victim, "utf8")).to.equal("precious");
    expect(await request.take()).to.equal(true);
    expect(await readFile(victim, "utf8")).to.equal("precious");
    // A pipe would wait for a reader, and a second name of a file is emptied with the first.
    spawnSync("mkfifo", [join(folder, "poll.request")]);
    expect(await requestPoll(folder).catch((thrown: unknown) => thrown)).to.be.instanceOf(Error);
    await rm(join(folder, "poll.request"));
    await link(victim, join(folder, "poll.request"));
    await requestPoll(folder).catch(() => undefined);
    expect(await readFile(victim, "utf8")).to.equal("precious");
    await rm(join(folder, "poll.request"));
    await requestPoll(folder);
    expect(await request.take()).to.equal(true);
  });
});

describe("the log file, in a folder where others may write", function () {
  this.timeout(20_000);
  let fixture: LogFixture;
  let directory: string;
  let path: string;
  let victim: string;

  beforeEach(async function () {
    skipOnWindows(this, NO_MODES);
    fixture = await LogFixture.create();
    directory = join(fixture.folder, "log");
    path = join(directory, "worker.log");
    victim = join(fixture.folder, "victim");
    await mkdir(directory);
    await chmod(directory, 0o1777);
    await writeFile(victim, "precious", { mode: 0o644 });
  });
  afterEach(async () => {
    await fixture.remove();
  });

  const refused = async (reason: RegExp): Promise<void> => {
    const log = fixture.open(directory);
    log.info("First.");
    await waitUntil(() => fixture.stderrText.includes("cannot be written"));
    expect(fixture.stderrText).to.match(reason);
    expect(fixture.stderrText).to.include(`rm '${path}'`);
    log.info("Second.");
    await waitUntil(() => fixture.stderrText.includes("Second."));
    // What the remedy promises.
    await rm(path);
    fixture.pass(10_000_000_000n);
    log.info("Third.");
    await waitUntil(() => contentOf(path).includes("Third."));
  };

  it("is not written through a link", async () => {
    await symlink(victim, path);
    await refused(/a link/);
    expect(readFileSync(victim, "utf8")).to.equal("precious");
    expect((await lstat(victim)).mode & 0o777).to.equal(0o644);
  });

  it("is not created where a link leads to nothing", async () => {
    await symlink(join(fixture.folder, "nothing"), path);
    await refused(/a link/);
    expect(await readdir(fixture.folder)).to.not.include("nothing");
  });

  it("is not written where it is another name of a file", async () => {
    await link(victim, path);
    await refused(/another name/);
    expect(readFileSync(victim, "utf8")).to.equal("precious");
    expect((await lstat(victim)).mode & 0o777).to.equal(0o644);
  });

  it("is not written where a pipe stands in its place, and nobody waits for its reader", async () => {
    expect(spawnSync("mkfifo", [path]).status).to.equal(0);
    await refused(/not a file/);
  });

  it("is not written where another account has created it", async function () {
    if (process.getuid?.() !== 0) skip(this, "only root can give a file to another account");
    await writeFile(path, "", { mode: 0o666 });
    await chown(path, OTHER_UID, OTHER_UID);
    await refused(/uid 54321/);
  });

  it("is written where another account owns it in a folder that only the worker's may change", async function () {
    if (process.getuid?.() !== 0) skip(this, "only root can give a file to another account");
    await chmod(directory, 0o755);
    await writeFile(path, "");
    await chown(path, OTHER_UID, OTHER_UID);
    fixture.open(directory).info("First.");
    await waitUntil(() => contentOf(path).includes("First."));
  });

  it("is renamed without a change to what its predecessors link to", async () => {
    const linked = `${victim}.linked`;
    await writeFile(linked, "precious", { mode: 0o644 });
    for (const index of [1, 2, 9]) await symlink(linked, join(directory, `worker.${index}.log`));
    await link(victim, join(directory, "worker.3.log"));
    const log = fixture.open(directory, 50);
    for (const text of ["First.", "Second.", "Third."]) {
      log.info(text);
      await waitUntil(() => contentOf(path).includes(text));
    }
    for (const file of [victim, linked]) {
      expect(readFileSync(file, "utf8")).to.equal("precious");
      expect((await lstat(file)).mode & 0o777).to.equal(0o644);
    }
  });
});

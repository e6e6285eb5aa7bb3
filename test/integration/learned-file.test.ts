import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import sinon from "sinon";

import { nodeLearnedFile } from "../../src/platform/learned-file.js";
import { NO_MODES, skipOnWindows } from "../support/windows-fixture.js";

describe("the file of learned facts", () => {
  let folder: string;
  let path: string;
  const onFailure = sinon.stub();

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "learned-"));
    path = join(folder, "log", "learned.json");
    onFailure.reset();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Returns the message of the error, or the text. */
  const read = (): Promise<string | null> =>
    nodeLearnedFile(path, onFailure)
      .read()
      .catch((error: unknown) => (error as Error).message);

  it("is read as it was written, for this account alone", async function () {
    const file = nodeLearnedFile(path, onFailure);
    expect(await file.read()).to.equal(null);
    await file.write("text €");
    expect(await file.read()).to.equal("text €");
    expect(await readdir(join(folder, "log"))).to.deep.equal(["learned.json"]);
    skipOnWindows(this, NO_MODES);
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
    expect((await stat(join(folder, "log"))).mode & 0o777).to.equal(0o700);
  });

  it("is read up to 1 MB", async () => {
    await mkdir(join(folder, "log"));
    await writeFile(path, "x".repeat(2 ** 20));
    expect(await read()).to.have.length(2 ** 20);
    await writeFile(path, "x".repeat(2 ** 20 + 1));
    expect(await read()).to.equal("is larger than 1 MB");
    await writeFile(path, "");
    expect(await read()).to.equal("");
  });

  it("is not read if it is something else", async function () {
    await mkdir(path, { recursive: true });
    expect(await read()).to.match(/^(is not a regular file|cannot be read \(\w+\))$/);
    skipOnWindows(this, "Windows has no named pipes in folders");
    await rm(path, { recursive: true });
    execFileSync("mkfifo", [path]);
    // A pipe without a writer would be waited for.
    expect(await read()).to.equal("is not a regular file");
  });

  it("costs nothing but itself where it can be neither read nor written", async () => {
    await writeFile(join(folder, "log"), "This is no folder.");
    const file = nodeLearnedFile(path, onFailure);
    await file.write("1");
    await file.write("2");
    expect(onFailure.callCount).to.equal(1);
    // To Windows, there is no such file.
    expect(await read()).to.be.oneOf(["cannot be read (ENOTDIR)", null]);
  });

  it("is whole whatever two workers write at the same time", async () => {
    const texts = ["a", "b"].map((letter) => letter.repeat(100_000));
    // Each process has a temporary file of its own.
    const files = texts.map((_, index) => {
      const pid = sinon.stub(process, "pid").value(1_000_000 + index);
      const file = nodeLearnedFile(path, onFailure);
      pid.restore();
      return file;
    });
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(files.map((file, index) => file.write(texts[index]!)));
      expect(texts).to.include(await readFile(path, "utf8"));
    }
    expect(onFailure.callCount).to.equal(0);
    expect(await readdir(join(folder, "log"))).to.deep.equal(["learned.json"]);
  });
});

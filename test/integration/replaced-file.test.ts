import { mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "chai";
import sinon from "sinon";

import { nodeReplacedFile } from "../../src/platform/replaced-file.js";
import { waitUntil } from "../support/clock-fake.js";

describe("the status file while another program holds it", function () {
  this.timeout(30_000);
  let folder: string;
  let path: string;
  let isHeld: boolean;
  let attempts: number;
  let code: string;
  const onFailure = sinon.stub();

  const replace = async (from: string, to: string): Promise<void> => {
    attempts += 1;
    if (isHeld) throw Object.assign(new Error("held"), { code });
    await rename(from, to);
  };
  const content = () => readFile(path, "utf8").catch(() => null);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "status-"));
    path = join(folder, "status.json");
    isHeld = true;
    attempts = 0;
    code = "EPERM";
    onFailure.reset();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("is replaced soon after the program has closed it, and few attempts are made", async () => {
    const written = nodeReplacedFile(path, onFailure, { replace }).write("1");
    await pause(1_000);
    isHeld = false;
    const releasedAt = performance.now();
    await written;
    expect(performance.now() - releasedAt).to.be.lessThan(500);
    expect(await content()).to.equal("1");
    expect(attempts).to.be.lessThan(12);
    expect(onFailure.callCount).to.equal(0);
  });

  for (const lockedCode of ["EACCES", "EBUSY"]) {
    it(`is tried again if the system calls that ${lockedCode}`, async () => {
      code = lockedCode;
      const written = nodeReplacedFile(path, onFailure, { replace }).write("1");
      await waitUntil(() => attempts === 2);
      isHeld = false;
      await written;
      expect(await content()).to.equal("1");
      expect(onFailure.callCount).to.equal(0);
    });
  }

  it("is given up at once for a reason that does not go away by itself", async () => {
    code = "ENOSPC";
    const written = await nodeReplacedFile(path, onFailure, { replace }).write("1");
    expect([written, attempts]).to.deep.equal([false, 1]);
    expect(onFailure.callCount).to.equal(1);
  });

  it("is not reported for a short hold a long time after another", async () => {
    let passed = 0n;
    const now = process.hrtime.bigint.bind(process.hrtime);
    const stub = sinon.stub(process.hrtime, "bigint").callsFake(() => now() + passed);
    try {
      const file = nodeReplacedFile(path, onFailure, { replace });
      for (const text of ["1", "2"]) {
        isHeld = true;
        attempts = 0;
        const written = file.write(text);
        await waitUntil(() => attempts === 1);
        isHeld = false;
        await written;
        expect(await content()).to.equal(text);
        passed += 60_000_000_000n;
      }
      expect(onFailure.callCount).to.equal(0);
    } finally {
      stub.restore();
    }
  });

  it("gets a newer text at once, and never the older one", async () => {
    const file = nodeReplacedFile(path, onFailure, { replace });
    const written = [file.write("1")];
    // The pause before the next attempt is a long one by now.
    await waitUntil(() => attempts === 6);
    isHeld = false;
    const at = performance.now();
    written.push(file.write("2"));
    expect(await Promise.all(written)).to.deep.equal([true, true]);
    expect(performance.now() - at).to.be.lessThan(200);
    expect(await content()).to.equal("2");
    expect(attempts).to.equal(7);
  });

  it("is given up after 5 s, which is reported once, and leaves nothing behind", async () => {
    const file = nodeReplacedFile(path, onFailure, { replace });
    const startedAt = performance.now();
    await file.write("1");
    expect(performance.now() - startedAt).to.be.within(4_900, 6_000);
    expect(onFailure.callCount).to.equal(1);
    expect(await file.write("2", 0)).to.equal(false);
    expect(onFailure.callCount).to.equal(1);
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it("is reported also if newer texts come before any of them is given up", async () => {
    const file = nodeReplacedFile(path, onFailure, { replace });
    const startedAt = performance.now();
    for (let n = 0; onFailure.callCount === 0; n += 1) {
      void file.write(`${n}`);
      await pause(200);
      expect(performance.now() - startedAt).to.be.lessThan(6_000);
    }
    isHeld = false;
    expect(await file.write("last")).to.equal(true);
    expect(await content()).to.equal("last");
    expect(onFailure.callCount).to.equal(1);
  });

  it("does not delay an exit, also while an older text is tried", async () => {
    const file = nodeReplacedFile(path, onFailure, { replace });
    void file.write("1");
    await waitUntil(() => attempts === 6);
    const startedAt = performance.now();
    await file.write("last", 250);
    expect(performance.now() - startedAt).to.be.lessThan(800);
    expect(await readdir(folder)).to.deep.equal([]);
  });
});

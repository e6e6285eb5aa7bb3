import { EventEmitter } from "node:events";
import fs from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import sinon from "sinon";

import { FolderWatcher } from "../../../src/platform/folder-watcher.js";
import { importers } from "../../../src/platform/lazy-modules.js";

const REOPEN_NS = 5_000_000_000n;

/** A watch of Node.js or of chokidar, which loses its listeners when it is closed. */
class WatchFake extends EventEmitter {
  isClosed = false;

  close(): Promise<void> {
    this.isClosed = true;
    this.removeAllListeners();
    return Promise.resolve();
  }
}

describe("platform/folder-watcher", () => {
  let base: string;
  let folder: string;
  let path: string;
  let passed: bigint;
  let events: boolean[];
  let watches: WatchFake[];
  let watcher: FolderWatcher;

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), "ucx-watcher-"));
    folder = join(base, "settings");
    path = join(folder, "Presence.ini");
    await mkdir(folder);
    passed = 0n;
    events = [];
    watches = [];
    const now = process.hrtime.bigint.bind(process.hrtime);
    sinon.stub(process.hrtime, "bigint").callsFake(() => now() + passed);
  });
  afterEach(async () => {
    watcher.close();
    sinon.restore();
    syncBuiltinESMExports();
    await rm(base, { recursive: true, force: true, maxRetries: 5 });
  });

  const create = (touchesFiles: boolean): void => {
    watcher = new FolderWatcher(path, touchesFiles, (isFile) => events.push(isFile));
  };
  const add = (): WatchFake => {
    const watch = new WatchFake();
    watches.push(watch);
    return watch;
  };
  const openStates = (): boolean[] => watches.map(({ isClosed }) => !isClosed);

  describe("that opens nothing but the folder", () => {
    let report: (event: string, name: string | null) => void;

    beforeEach(() => {
      sinon.stub(fs, "watch").callsFake(((_folder: string, listener: typeof report) => {
        report = listener;
        return add();
      }) as never);
      syncBuiltinESMExports();
      create(false);
    });

    it("tells events of the file, in any case, from those of others and those without a name", async () => {
      await watcher.ensureOpen();
      for (const name of ["Presence.ini", "PRESENCE.INI", null, "Presence.ini.tmp"])
        report("change", name);
      expect(events).to.deep.equal([true, true, false, false]);
    });

    it("closes the watch of a folder that is gone, and watches the next one 5 s after the last", async () => {
      await watcher.ensureOpen();
      await watcher.ensureOpen();
      expect(openStates()).to.deep.equal([true]);
      await rm(folder, { recursive: true });
      await watcher.ensureOpen();
      expect(openStates()).to.deep.equal([false]);
      await mkdir(folder);
      await watcher.ensureOpen();
      expect(watches).to.have.length(1);
      passed += REOPEN_NS;
      await watcher.ensureOpen();
      expect(openStates()).to.deep.equal([false, true]);
    });

    it("watches the folder that has replaced another", async () => {
      await watcher.ensureOpen();
      await mkdir(`${folder} of the next version`);
      await fs.promises.rename(folder, `${folder} of before`);
      await fs.promises.rename(`${folder} of the next version`, folder);
      passed += REOPEN_NS;
      await watcher.ensureOpen();
      expect(openStates()).to.deep.equal([false, true]);
    });

    it("closes a watch that fails, and tries again after 5 s", async () => {
      await watcher.ensureOpen();
      watches[0]!.emit("error", new Error("EPERM"));
      expect(openStates()).to.deep.equal([false]);
      passed += REOPEN_NS;
      await watcher.ensureOpen();
      expect(openStates()).to.deep.equal([false, true]);
    });

    it("opens nothing after it was closed", async () => {
      const opening = watcher.ensureOpen();
      watcher.close();
      await opening;
      passed += REOPEN_NS;
      await watcher.ensureOpen();
      expect(openStates().filter(Boolean)).to.deep.equal([]);
    });
  });

  describe("with chokidar", () => {
    let load: () => void;

    beforeEach(() => {
      const loading = new Promise((resolve) => {
        load = () => resolve({ watch: add });
      });
      sinon.stub(importers, "chokidar").returns(loading as never);
      create(true);
    });

    it("opens nothing if it was closed while chokidar was loaded", async () => {
      const opening = watcher.ensureOpen();
      while (!(importers.chokidar as sinon.SinonStub).called)
        await new Promise((resolve) => setImmediate(resolve));
      watcher.close();
      load();
      await opening;
      expect(watches).to.deep.equal([]);
    });

    it("closes a watch that fails, also again and late", async () => {
      load();
      await watcher.ensureOpen();
      const [watch] = watches;
      watch!.emit("all");
      expect(events).to.deep.equal([true]);
      watch!.emit("error", new Error("EMFILE"));
      expect(openStates()).to.deep.equal([false]);
      watch!.emit("error", new Error("late"));
      passed += REOPEN_NS;
      await watcher.ensureOpen();
      expect(openStates()).to.deep.equal([false, true]);
    });
  });
});

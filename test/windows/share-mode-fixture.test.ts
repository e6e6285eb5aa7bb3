import { expect } from "chai";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { holdFile, type ShareMode } from "../support/share-mode-fixture.js";
import { requireWindows } from "../support/windows-fixture.js";

describe("a file held with a share mode", function () {
  let folder: string;
  let path: string;

  before(function () {
    requireWindows(this);
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ucx-share-"));
    path = join(folder, "held.txt");
    writeFileSync(path, "text");
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** The names of the operations that fail. */
  function failures(): string[] {
    const otherPath = join(folder, "renamed.txt");
    const operations = {
      read: () => readFileSync(path),
      write: () => writeFileSync(path, "text"),
      rename: () => {
        renameSync(path, otherPath);
        renameSync(otherPath, path);
      },
    };
    return Object.entries(operations)
      .filter(([, operation]) => {
        try {
          operation();
          return false;
        } catch {
          return true;
        }
      })
      .map(([name]) => name);
  }

  const expected: Record<ShareMode, string[]> = {
    none: ["read", "write", "rename"],
    read: ["write", "rename"],
    readWrite: ["rename"],
    all: [],
  };
  for (const [share, failing] of Object.entries(expected)) {
    it(`shares ${share}: ${failing.join(", ") || "nothing"} fails, until it is released`, async () => {
      const release = await holdFile(path, { share: share as ShareMode });
      expect(failures()).to.deep.equal(failing);
      release();
      expect(failures()).to.deep.equal([]);
    });
  }
});

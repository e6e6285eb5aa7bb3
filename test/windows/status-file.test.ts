import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "chai";
import sinon from "sinon";

import { nodeReplacedFile } from "../../src/platform/replaced-file.js";
import { holdFile } from "../support/share-mode-fixture.js";
import { requireWindows } from "../support/windows-fixture.js";

describe("windows: status.json while a reader keeps it from being replaced", function () {
  this.timeout(30_000);
  let folder: string;
  const onFailure = sinon.stub();

  before(function () {
    requireWindows(this);
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "status-"));
    onFailure.reset();
  });
  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }));

  for (const holdMs of [1_000, 3_000]) {
    it(`has the new text within a second after a reader that held it for ${holdMs / 1000} s`, async () => {
      const path = join(folder, "status.json");
      const file = nodeReplacedFile(path, onFailure);
      await file.write("old");
      const release = await holdFile(path, { share: "readWrite" });
      const written = file.write("new");
      await pause(holdMs);
      expect(await readFile(path, "utf8")).to.equal("old");
      release();
      const releasedAt = performance.now();
      await written;
      // The writer tries again every 400 ms.
      expect(performance.now() - releasedAt).to.be.lessThan(1_000);
      expect(await readFile(path, "utf8")).to.equal("new");
      expect(onFailure.callCount).to.equal(0);
    });
  }
});

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";

import type { Disposer } from "../../src/faults/emitter.js";
import { DiskSettingsFile } from "../../src/platform/settings-file.js";
import { waitUntil } from "../support/clock-fake.js";
import {
  runSavingProgram,
  savedText,
  type Save,
  type SaveMethod,
} from "../support/saving-program-fixture.js";
import { requireWindows } from "../support/windows-fixture.js";

const METHODS: readonly SaveMethod[] = [
  "writes a new file beside it and renames it over the old",
  "writes a new file elsewhere and renames it over the old",
  "empties the file and writes it",
  "writes a new file, deletes the old, and renames",
  "keeps the old as a backup",
];
const PAUSES_MS = [0, 2, 5, 20, 50];
/** Between two saves: before the first look at the file, between both looks, and after the read. */
const GAPS_MS = [0, 0, 10, 40, 40, 90, 300, 560];

/** None on a quiet machine. A worker that opens the file at each event spoils a third or more. */
const LATE_EVENTS_SHARE = 0.05;

/** Every pause with every gap, in one way of saving. */
const savesOf = (method: SaveMethod): Save[] =>
  PAUSES_MS.flatMap((pauseMs) => GAPS_MS.map((gapMs) => ({ method, pauseMs, gapMs })));

describe("windows: programs that save Presence.ini while it is watched", function () {
  this.timeout(120_000);
  let folder: string;
  const disposers: Disposer[] = [];

  before(function () {
    requireWindows(this);
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "saving-"));
  });
  afterEach(async () => {
    for (const dispose of disposers.splice(0)) dispose();
    await rm(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  for (const method of METHODS) {
    it(`fail no more often than without the worker, and the last text is read: ${method}`, async () => {
      const saves = savesOf(method);
      const watched = join(folder, "watched", "Presence.ini");
      const control = join(folder, "control", "Presence.ini");
      await Promise.all([prepare(watched), prepare(control)]);
      let text = "";
      disposers.push(
        new DiskSettingsFile(watched).watch((content) => {
          text = content.kind === "content" ? Buffer.from(content.bytes).toString() : content.kind;
        }),
      );
      await waitUntil(() => text === "; old");
      // One after the other, so that they do not slow each other down.
      const result = await runSavingProgram(watched, saves);
      const controlSaves = saves.map((save) => ({ ...save, gapMs: 0 }));
      const controlResult = await runSavingProgram(control, controlSaves);
      const failed = `of ${saves.length} saves: ${result.failures.join(", ")}`;
      // On a busy machine, an event can come later than a look that it would have put off.
      const limit = controlResult.failures.length + saves.length * LATE_EVENTS_SHARE;
      expect(result.failures.length, failed).to.be.at.most(limit);
      await waitUntil(() => text === savedText(saves.length - 1));
    });
  }
});

async function prepare(path: string): Promise<void> {
  await mkdir(dirname(path));
  await writeFile(path, "; old");
}

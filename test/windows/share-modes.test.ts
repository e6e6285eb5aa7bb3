import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "chai";

import { holdFile, type HoldOptions } from "../support/share-mode-fixture.js";
import { requireWindows, skip } from "../support/windows-fixture.js";
import { type Status, WorkerHarness } from "../support/worker-harness.js";

/** Longer than an edit and its effect take: 1 s by contract, and a loaded machine's delay. */
const IN_EFFECT_WITHIN_MS = 4_000;

describe("Presence.ini that another program holds open on Windows", function () {
  this.timeout(30_000);
  let harness: WorkerHarness;

  before(function () {
    requireWindows(this);
  });

  beforeEach(async () => {
    harness = await WorkerHarness.start({ enable: 1 });
    await waitForEnabled(true);
  });

  afterEach(() => harness.stop());

  const isUnreadable = ({ problems }: Status): boolean =>
    problems.some(({ code }) => code === "settingsUnreadable");

  const waitForStatus = (what: string, matches: (status: Status) => boolean): Promise<Status> =>
    harness.waitFor(
      what,
      async () => {
        const status = await harness.status();
        return matches(status) ? status : null;
      },
      IN_EFFECT_WITHIN_MS,
    );

  const waitForEnabled = (expected: boolean): Promise<Status> =>
    waitForStatus(`enabled: ${expected}`, ({ enabled }) => enabled === expected);

  /** Edits the file and holds it before the worker has read it. */
  async function editAndHold(enable: 0 | 1, options: HoldOptions): Promise<() => void> {
    await harness.writeSettings(enable);
    return holdFile(harness.settingsPath, options);
  }

  it("keeps its settings while a program allows nobody to read it, and says why", async () => {
    const release = await editAndHold(0, { share: "none" });
    try {
      const { enabled, problems } = await waitForStatus("settingsUnreadable", isUnreadable);
      expect(enabled).to.equal(true);
      const problem = problems.find(({ code }) => code === "settingsUnreadable");
      expect(problem?.message).to.contain("another program keeps it locked");
    } finally {
      release();
    }
    const status = await waitForEnabled(false);
    expect(isUnreadable(status)).to.equal(false);
  });

  it("reads an edit late if the file is held for a second", async () => {
    const release = await editAndHold(0, { share: "none" });
    try {
      await pause(1_000);
      expect((await harness.status()).enabled).to.equal(true);
    } finally {
      release();
    }
    await waitForEnabled(false);
    await waitForStatus("no problem", (status) => !isUnreadable(status));
  });

  it("does not report a file that is held and was not edited", async () => {
    const release = await holdFile(harness.settingsPath, { share: "none" });
    try {
      // Some of the worker's regular checks.
      await pause(1_000);
      const status = await harness.status();
      expect(status.enabled).to.equal(true);
      expect(isUnreadable(status)).to.equal(false);
    } finally {
      release();
    }
  });

  it("says why it has no settings if the file is held at launch, and reads it afterwards", async () => {
    await harness.host.shutdown();
    const release = await holdFile(harness.settingsPath, { share: "none" });
    try {
      await harness.host.start();
      const { enabled } = await waitForStatus("settingsUnreadable", isUnreadable);
      expect(enabled).to.equal(false);
    } finally {
      release();
    }
    await waitForEnabled(true);
  });

  for (const options of [
    { share: "read", access: "readWrite" },
    { share: "readWrite", access: "readWrite" },
    { share: "all", access: "readWrite" },
  ] as const) {
    it(`reads an edit while a program that writes shares ${options.share}`, async () => {
      const release = await editAndHold(0, options);
      try {
        const status = await waitForEnabled(false);
        expect(isUnreadable(status)).to.equal(false);
      } finally {
        release();
      }
    });
  }

  it("keeps its settings while a program has locked the file's bytes", async function () {
    const release = await editAndHold(0, { share: "all", access: "readWrite", locked: true });
    try {
      if (isReadable(harness.settingsPath)) skip(this, "Wine does not enforce locks of bytes");
      const { enabled } = await waitForStatus("settingsUnreadable", isUnreadable);
      expect(enabled).to.equal(true);
    } finally {
      release();
    }
    await waitForEnabled(false);
  });
});

function isReadable(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

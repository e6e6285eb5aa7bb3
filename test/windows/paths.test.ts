import { expect } from "chai";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve, toNamespacedPath } from "node:path";

import {
  IS_WINE,
  requireDisposableWindows,
  requireWindows,
  skip,
} from "../support/windows-fixture.js";
import { WorkerProcess } from "../support/worker-process-fixture.js";

const DEFAULT_SETTINGS =
  "C:\\Program Files (x86)\\StonevoiceAS\\Apps\\Presence\\Settings\\Presence.ini";
const FILES = ["worker.log", "status.json"];

const settingsText = (enable: 0 | 1): string =>
  `WebexPresence.Enable=${enable}\r\nWebexPresence.Authorize=off\r\n`;

// Under Wine, the worker runs on drive Z: and the temporary folder is on C:.
describe("paths on Windows", function () {
  this.timeout(30_000);
  let folder: string;
  let worker: WorkerProcess | null = null;

  before(function () {
    requireWindows(this);
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "ucx-paths-"));
  });

  afterEach(async () => {
    await worker?.end();
    worker = null;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  async function expectFilesIn(logDirectory: string): Promise<void> {
    // The first status is written at once, a moment after the worker has answered.
    await worker!.waitForStatus("the files", () =>
      FILES.every((name) => existsSync(join(logDirectory, name))),
    );
  }

  /** Starts a worker with these arguments, edits the file, and checks that both files are used. */
  async function expectWorks(settings: string, logDirectory: string): Promise<void> {
    mkdirSync(dirname(settings), { recursive: true });
    writeFileSync(settings, settingsText(0));
    worker = new WorkerProcess([
      ...["--settings", settings, "--log-dir", logDirectory],
      ...["--secret-store", "memory"],
    ]);
    const { settings: read } = await worker.waitForStatus(
      "phase disabled",
      ({ phase, problems }) =>
        phase === "disabled" && problems.every(({ code }) => !code.startsWith("settings")),
    );
    expect(read.path).to.equal(resolve(settings));
    writeFileSync(settings, settingsText(1));
    await worker.waitForStatus("the edit", ({ enabled }) => enabled);
    await expectFilesIn(logDirectory);
  }

  it("uses the product's folder and %PROGRAMDATA% if no option names others", async function () {
    requireDisposableWindows(this);
    if (existsSync(DEFAULT_SETTINGS)) skip(this, `${DEFAULT_SETTINGS} belongs to a real host`);
    const data = join(folder, "Program Data");
    mkdirSync(data);
    mkdirSync(dirname(DEFAULT_SETTINGS), { recursive: true });
    writeFileSync(DEFAULT_SETTINGS, settingsText(1));
    try {
      worker = new WorkerProcess(["--secret-store", "memory"], { PROGRAMDATA: data });
      const { settings } = await worker.waitForStatus("the settings", ({ enabled }) => enabled);
      expect(settings.path).to.equal(DEFAULT_SETTINGS);
      await expectFilesIn(join(data, "ucx-webex-presence"));
    } finally {
      rmSync(DEFAULT_SETTINGS);
    }
  });

  it("writes to C:\\ProgramData if the host passes no environment on", async function () {
    requireDisposableWindows(this);
    const settings = join(folder, "Presence.ini");
    writeFileSync(settings, settingsText(1));
    const noData = { PROGRAMDATA: undefined, ProgramData: undefined, ALLUSERSPROFILE: undefined };
    worker = new WorkerProcess(["--settings", settings, "--secret-store", "memory"], noData);
    await worker.waitForStatus("the settings", ({ enabled }) => enabled);
    await expectFilesIn("C:\\ProgramData\\ucx-webex-presence");
  });

  for (const name of [
    "with spaces and (brackets)",
    "R&D 100% ^caret !mark; 'quoted', #1",
    "Präsenz Größe",
    "プレゼンス 日本語",
    "emoji 🟢",
  ]) {
    it(`works in a folder named "${name}"`, async () => {
      await expectWorks(join(folder, name, "Presence.ini"), join(folder, name, "log"));
    });
  }

  /** A path of more than 260 characters, the limit of Windows' older functions (MAX_PATH). */
  const longFolder = (): string => join(folder, ...Array.from({ length: 6 }, () => "x".repeat(50)));

  it("works in a folder whose path is longer than 260 characters", async () => {
    await expectWorks(join(longFolder(), "Presence.ini"), join(longFolder(), "log"));
  });

  it("works with long paths in their \\\\?\\ form", async () => {
    const long = toNamespacedPath(longFolder());
    expect(long).to.match(/^\\\\\?\\[A-Z]:/);
    await expectWorks(join(long, "Presence.ini"), join(long, "log"));
  });

  it("works with a lower-case drive letter and forward slashes", async () => {
    const path = folder[0]!.toLowerCase() + folder.slice(1).replaceAll("\\", "/");
    await expectWorks(`${path}/Presence.ini`, `${path}/log`);
  });

  it("works on a network share (UNC)", async function () {
    // Wine has no file server, but a UNC form of its own for each path of the machine below.
    const share = IS_WINE
      ? "\\\\?\\unix\\tmp"
      : `\\\\localhost\\${folder[0]}$${folder.slice(2, folder.lastIndexOf("\\"))}`;
    if (!existsSync(share)) skip(this, `${share} is not reachable`);
    const shared = mkdtempSync(join(share, "ucx-unc-"));
    try {
      await expectWorks(join(shared, "Presence.ini"), join(shared, "log"));
    } finally {
      await worker?.end();
      rmSync(shared, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});

import { execSync } from "node:child_process";
import { expect } from "chai";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { requireWindows } from "../support/windows-fixture.js";
import { type FullStatus, WorkerProcess } from "../support/worker-process-fixture.js";

const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF16LE_BOM = Buffer.from([0xff, 0xfe]);
const UTF16BE_BOM = Buffer.from([0xfe, 0xff]);

const utf16le = (text: string): Buffer => Buffer.from(text, "utf16le");

/** Each program's bytes for a text without characters beyond Windows-1252. */
const SAVED_BY: Readonly<Record<string, (text: string) => Buffer>> = {
  "PowerShell 5 (Out-File, >), Notepad (UTF-16 LE)": (text) =>
    Buffer.concat([UTF16LE_BOM, utf16le(text)]),
  "PowerShell 5 (Set-Content), Notepad (ANSI)": (text) => Buffer.from(text, "latin1"),
  "PowerShell 5 (-Encoding utf8), Notepad (UTF-8 with BOM)": (text) =>
    Buffer.concat([UTF8_BOM, Buffer.from(text)]),
  "PowerShell 7, Notepad (UTF-8)": (text) => Buffer.from(text),
  "Notepad (UTF-16 BE)": (text) => Buffer.concat([UTF16BE_BOM, utf16le(text).swap16()]),
  "an editor with line feeds only": (text) => Buffer.from(text.replaceAll("\r\n", "\n")),
};

// A file that does not exist is named in a problem, which shows how the name has been decoded.
const CERTIFICATES = "C:\\Zertifikate\\Größe.pem";

const settingsText = (enable: 0 | 1): string =>
  [
    "; Präsenz",
    `WebexPresence.Enable=${enable}`,
    "WebexPresence.Authorize=off",
    `WebexPresence.CaFile=${CERTIFICATES}`,
    "",
  ].join("\r\n");

describe("encodings of Presence.ini on Windows", function () {
  this.timeout(30_000);
  let folder: string;
  let path: string;
  let worker: WorkerProcess;

  before(async function () {
    requireWindows(this);
    folder = mkdtempSync(join(tmpdir(), "ucx-encodings-"));
    path = join(folder, "Presence.ini");
    writeFileSync(path, settingsText(0));
    worker = new WorkerProcess([
      ...["--settings", path, "--log-dir", join(folder, "log")],
      ...["--secret-store", "memory"],
    ]);
    await worker.waitForStatus("phase disabled", ({ phase }) => phase === "disabled");
  });

  after(async () => {
    // Not assigned where the suite was skipped.
    await (worker as WorkerProcess | undefined)?.end();
    if ((folder as string | undefined) !== undefined)
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const problemsOf = ({ problems }: FullStatus, code: string): string[] =>
    problems.filter((each) => each.code === code).map(({ message }) => message);

  async function expectEnabled(expected: boolean): Promise<void> {
    const status = await worker.waitForStatus(
      `Enable=${Number(expected)}`,
      ({ enabled }) => enabled === expected,
    );
    expect(problemsOf(status, "settingsUnreadable")).to.deep.equal([]);
    const [message] = problemsOf(status, "settingsInvalid");
    expect(message).to.contain(CERTIFICATES);
  }

  for (const [program, encode] of Object.entries(SAVED_BY)) {
    it(`reads a file saved by ${program}`, async () => {
      const expected = !(await worker.status()).enabled;
      writeFileSync(path, encode(settingsText(expected ? 1 : 0)));
      await expectEnabled(expected);
    });
  }

  for (const [program, encode] of Object.entries(SAVED_BY).slice(0, 4)) {
    it(`reads a line that cmd's echo appended to a file saved by ${program}`, async () => {
      const expected = !(await worker.status()).enabled;
      const bytes = encode(settingsText(expected ? 0 : 1));
      const line = `WebexPresence.Enable=${expected ? 1 : 0}`;
      writeFileSync(path, bytes);
      // Not `echo ${line}>>`, where cmd takes the digit before >> for the number of a stream.
      execSync(`>> "${path}" echo ${line}`);
      const appended = readFileSync(path).subarray(bytes.length);
      expect(appended.toString("latin1")).to.equal(`${line}\r\n`);
      await expectEnabled(expected);
    });
  }

  it("keeps its settings, and says why, after PowerShell 5 appended UTF-16 to another encoding", async () => {
    writeFileSync(path, settingsText(1));
    await expectEnabled(true);
    appendFileSync(path, utf16le("WebexPresence.Enable=0\r\n"));
    const status = await worker.waitForStatus(
      "settingsUnreadable",
      (each) => problemsOf(each, "settingsUnreadable").length > 0,
    );
    expect(problemsOf(status, "settingsUnreadable")[0]).to.contain("zero bytes");
    expect(status.enabled).to.equal(true);
    writeFileSync(path, settingsText(0));
    await expectEnabled(false);
  });
});

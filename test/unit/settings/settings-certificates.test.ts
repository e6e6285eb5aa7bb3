import { expect } from "chai";

import type { Disposer } from "../../../src/faults/emitter.js";
import { readIniLine } from "../../../src/platform/ini-line.js";
import type { CertificateFileResult } from "../../../src/ports/http.js";
import type { SettingsState } from "../../../src/settings/settings-store.js";
import { SettingsStore } from "../../../src/settings/settings-store.js";
import { FakeClock } from "../../support/clock-fake.js";
import { FakeSettingsFile } from "../../support/settings-file-fake.js";
import { RecordingLogger } from "../../support/logger-fake.js";

const MISSING: CertificateFileResult = {
  ok: false,
  reason: "names a file that is not there",
  hint: "Name another.",
};
const good = (pem: string): CertificateFileResult => ({ ok: true, pem });

describe("The certificates of the settings", () => {
  let clock: FakeClock;
  let file: FakeSettingsFile;
  let store: SettingsStore;
  let logger: RecordingLogger;
  let notifiedStates: SettingsState[];
  let stop: Disposer;
  let disk: Map<string, CertificateFileResult>;
  let reads: string[];
  /** How long the disk takes. */
  let latencyMs: number;

  beforeEach(async () => {
    clock = new FakeClock();
    logger = new RecordingLogger();
    notifiedStates = [];
    disk = new Map([
      ["/a.pem", good("PEM A")],
      ["/b.pem", good("PEM B")],
    ]);
    reads = [];
    latencyMs = 0;
    file = new FakeSettingsFile();
    const readCertificates = (path: string): Promise<CertificateFileResult> =>
      new Promise((resolve) => {
        reads.push(path);
        clock.schedule(latencyMs, () => resolve(disk.get(path) ?? MISSING));
      });
    store = new SettingsStore({
      file,
      clock,
      readIniLine,
      readCertificates,
      logger,
    });
    store.events.on("settingsChanged", (state) => notifiedStates.push(state));
    stop = store.start();
    await clock.advance(0);
  });

  afterEach(() => {
    stop();
    expect(clock.pendingTimers).to.equal(0);
  });

  const save = async (...lines: string[]): Promise<void> => {
    file.put(lines.map((line) => `WebexPresence.${line}\n`).join(""));
    await clock.advance(latencyMs);
  };
  const current = (): unknown => [store.current?.settings.caFile, store.current?.certificates];
  const messages = (): unknown => store.current?.problems.map(({ message }) => message);

  it("take effect with the edit that names them, and end with it", async () => {
    await save("CaFile=/a.pem", "Enable=1");
    expect(current()).to.deep.equal(["/a.pem", "PEM A"]);
    await save("CaFile=/b.pem", "Enable=1");
    expect(current()).to.deep.equal(["/b.pem", "PEM B"]);
    await save("Enable=1");
    expect(current()).to.deep.equal([null, null]);
    expect(notifiedStates).to.have.length(3);
    expect(reads).to.deep.equal(["/a.pem", "/b.pem"]);
  });

  it("stay in effect while new ones are invalid, which is reported with key, value, line and hint", async () => {
    await save("CaFile=/nope.pem");
    expect(current()).to.deep.equal([null, null]);
    expect(store.current?.problems).to.deep.equal([
      {
        code: "settingsInvalid",
        key: "WebexPresence.CaFile",
        message:
          "WebexPresence.CaFile=/nope.pem (line 1) names a file that is not there; it stays empty. Only the default root certificates are trusted.",
        hint: "Name another.",
      },
    ]);
    await save("CaFile=/a.pem");
    expect(messages()).to.deep.equal([]);
    await save("PollIntervalSeconds=3", "CaFile=/nope.pem", "RedirectPort=1", "Enable=1");
    expect(current()).to.deep.equal(["/a.pem", "PEM A"]);
    expect(store.current?.settings.enable).to.equal(true);
    expect(store.current?.problems.map(({ key }) => key)).to.deep.equal([
      "WebexPresence.PollIntervalSeconds",
      "WebexPresence.CaFile",
      "WebexPresence.RedirectPort",
    ]);
    expect(store.current?.problems[1]?.message).to.equal(
      "WebexPresence.CaFile=/nope.pem (line 2) names a file that is not there; it stays /a.pem. Its certificates remain trusted.",
    );
    await save("CaFile=/a.pem");
    expect(current()).to.deep.equal(["/a.pem", "PEM A"]);
    expect(messages()).to.deep.equal([]);
  });

  it("are retried every 10 s, and take effect once they are valid", async () => {
    await save("CaFile=/late.pem");
    await clock.advance(25_000);
    expect(reads).to.have.length(3);
    expect(notifiedStates).to.have.length(1);
    disk.set("/late.pem", { ...MISSING, reason: "names a file without a PEM certificate" });
    await clock.advance(10_000);
    expect(notifiedStates.at(-1)?.problems[0]?.message).to.include("without a PEM certificate");
    disk.set("/late.pem", good("PEM LATE"));
    await clock.advance(10_000);
    expect(current()).to.deep.equal(["/late.pem", "PEM LATE"]);
    expect(messages()).to.deep.equal([]);
  });

  it("take effect within 10 s when their file gets new content, and are otherwise left alone", async () => {
    await save("CaFile=/a.pem", "Enable=1");
    await clock.advance(60_000);
    expect(reads).to.have.length(7);
    expect(notifiedStates).to.have.length(1);
    disk.set("/a.pem", good("PEM A, RENEWED"));
    await clock.advance(10_000);
    expect(current()).to.deep.equal(["/a.pem", "PEM A, RENEWED"]);
    expect(messages()).to.deep.equal([]);
    expect(notifiedStates).to.have.length(2);
    expect(logger.text).to.include("The certificate file has new content, which is in effect.");
    await clock.advance(60_000);
    expect(notifiedStates).to.have.length(2);
  });

  it("stay in effect when their file disappears or becomes unreadable, which is reported", async () => {
    await save("CaFile=/a.pem", "Enable=1");
    disk.delete("/a.pem");
    await clock.advance(10_000);
    expect(current()).to.deep.equal(["/a.pem", "PEM A"]);
    expect(messages()).to.deep.equal([
      "WebexPresence.CaFile=/a.pem (line 1) names a file that is not there. The certificates that the file held before remain trusted.",
    ]);
    await save("CaFile=/a.pem", "Enable=0");
    expect(current()).to.deep.equal(["/a.pem", "PEM A"]);
    expect(messages()).to.have.length(1);
    disk.set("/a.pem", good("PEM A"));
    await clock.advance(10_000);
    expect(messages()).to.deep.equal([]);
    expect(current()).to.deep.equal(["/a.pem", "PEM A"]);
  });

  it("do not delay other settings when the disk is slow", async () => {
    latencyMs = 2_000;
    file.put("WebexPresence.CaFile=/a.pem\nWebexPresence.Enable=1");
    await clock.advance(299);
    expect(store.current).to.equal(null);
    await clock.advance(1);
    expect(store.current?.settings.enable).to.equal(true);
    expect(current()).to.deep.equal([null, null]);
    file.put("WebexPresence.CaFile=/a.pem\nWebexPresence.Enable=0");
    await clock.advance(300);
    expect(store.current?.settings.enable).to.equal(false);
    await clock.advance(1_400);
    expect(current()).to.deep.equal(["/a.pem", "PEM A"]);
    expect(reads).to.have.length(1);
  });

  it("take effect only as the last edit names them", async () => {
    latencyMs = 100;
    file.put("WebexPresence.CaFile=/a.pem\nWebexPresence.PollIntervalSeconds=30");
    await clock.advance(50);
    file.put("WebexPresence.CaFile=/b.pem\nWebexPresence.PollIntervalSeconds=3");
    await clock.advance(1_000);
    expect(current()).to.deep.equal(["/b.pem", "PEM B"]);
    expect(store.current?.settings.pollIntervalSeconds).to.equal(30);
    expect(notifiedStates.map(({ certificates }) => certificates)).to.not.include("PEM A");
    file.put("WebexPresence.CaFile=/a.pem");
    file.makeUnreadable();
    await clock.advance(20_000);
    expect(current()).to.deep.equal(["/b.pem", "PEM B"]);
    file.remove();
    await clock.advance(20_000);
    expect(current()).to.deep.equal([null, null]);
  });
});

import { expect } from "chai";

import type { Disposer } from "../../../src/faults/emitter.js";
import { readIniLine } from "../../../src/platform/ini-line.js";
import { defaultSettings, SETTING_KEYS } from "../../../src/settings/keys.js";
import type { SettingsState } from "../../../src/settings/settings-store.js";
import { SettingsStore } from "../../../src/settings/settings-store.js";
import { FakeClock } from "../../support/clock-fake.js";
import { FakeSettingsFile } from "../../support/settings-file-fake.js";
import { RecordingLogger } from "../../support/logger-fake.js";

const ON = "WebexPresence.Enable=1\n";
const readCertificates = () => Promise.reject(new Error("No certificates are named."));
const enabled = { ...defaultSettings, enable: true };

describe("SettingsStore", () => {
  let clock: FakeClock;
  let logger: RecordingLogger;
  let file: FakeSettingsFile;
  let store: SettingsStore;
  let notifiedStates: SettingsState[];
  let stop: Disposer;

  const startStore = async (text?: string): Promise<void> => {
    file = new FakeSettingsFile("/etc/ucx/Presence.ini", text);
    store = new SettingsStore({ file, clock, readIniLine, readCertificates, logger });
    store.events.on("settingsChanged", (state) => notifiedStates.push(state));
    stop = store.start();
    await clock.advance(0);
  };
  const codes = () => store.current?.problems.map(({ code }) => code);

  beforeEach(() => {
    clock = new FakeClock();
    logger = new RecordingLogger();
    notifiedStates = [];
  });
  afterEach(() => stop());

  it("has no state until the file is read", async () => {
    file = new FakeSettingsFile("/etc/ucx/Presence.ini", ON);
    store = new SettingsStore({ file, clock, readIniLine, readCertificates, logger });
    await clock.advance(0);
    expect(file.watchers).to.equal(0);
    stop = store.start();
    expect(store.current).to.equal(null);
    await clock.advance(0);
    expect(store.current).to.deep.equal({
      settings: enabled,
      certificates: null,
      loadedAt: clock.now(),
      problems: [],
    });
  });

  it("emits an event for each edit that changes something, and no other", async () => {
    await startStore(ON);
    await clock.advance(5000);
    file.put(`; a comment\n${ON}`);
    expect(notifiedStates).to.have.length(1);
    expect(store.current?.loadedAt).to.equal(clock.now());
    file.put("WebexPresence.Enable=0\n");
    expect(notifiedStates.map(({ settings }) => settings.enable)).to.deep.equal([true, false]);
    expect(notifiedStates[1]).to.equal(store.current);
  });

  it("also emits an event if the first settings are the defaults", async () => {
    await startStore("");
    expect(notifiedStates).to.deep.equal([
      { settings: defaultSettings, certificates: null, loadedAt: clock.now(), problems: [] },
    ]);
  });

  it("keeps a value when an edit makes it invalid, and reports all invalid values until they are fixed", async () => {
    await startStore(`${ON}WebexPresence.PollIntervalSeconds=30`);
    file.put(
      "WebexPresence.Enable=maybe\nWebexPresence.PollIntervalSeconds=3\nWebexPresence.RedirectPort=2000",
    );
    expect(store.current?.settings).to.deep.equal({
      ...enabled,
      pollIntervalSeconds: 30,
      redirectPort: 2000,
    });
    expect(codes()).to.deep.equal(["settingsInvalid", "settingsInvalid"]);
    expect(store.current?.problems[1]?.message)
      .to.contain("WebexPresence.PollIntervalSeconds=3 (line 2)")
      .and.contain("it stays 30");
    file.put(
      "WebexPresence.Enable=0\nWebexPresence.PollIntervalSeconds=3\nWebexPresence.RedirectPort=2000",
    );
    expect(codes()).to.deep.equal(["settingsInvalid"]);
    expect(store.current?.settings).to.deep.equal({
      ...defaultSettings,
      pollIntervalSeconds: 30,
      redirectPort: 2000,
    });
    file.put(ON);
    expect(store.current).to.deep.equal({
      settings: enabled,
      certificates: null,
      loadedAt: clock.now(),
      problems: [],
    });
    expect(notifiedStates).to.have.length(4);
  });

  it("emits an event when an invalid value replaces another one", async () => {
    await startStore("WebexPresence.LogLevel=loud");
    file.put("WebexPresence.LogLevel=quiet");
    expect(notifiedStates.map(({ problems }) => problems[0]?.message.slice(0, 28))).to.deep.equal([
      "WebexPresence.LogLevel=loud ",
      "WebexPresence.LogLevel=quiet",
    ]);
  });

  it("keeps all settings if the file cannot be read or decoded", async () => {
    await startStore(ON);
    const loadedAt = clock.now();
    await clock.advance(1000);
    for (const makeUnusable of [
      () => file.makeUnreadable(),
      () => file.put(Uint8Array.of(0x61, 0)),
    ]) {
      makeUnusable();
      expect(store.current?.settings).to.deep.equal(enabled);
      expect(store.current?.loadedAt).to.equal(loadedAt);
      expect(codes()).to.deep.equal(["settingsUnreadable"]);
      expect(store.current?.problems[0]?.message)
        .to.contain(file.path)
        .and.contain("all settings stay as they were");
    }
    expect(notifiedStates).to.have.length(3);
    file.put(ON);
    expect(codes()).to.deep.equal([]);
  });

  it("uses the defaults if the file cannot be read at the start", async () => {
    file = new FakeSettingsFile();
    file.makeUnreadable("it is a folder");
    store = new SettingsStore({ file, clock, readIniLine, readCertificates, logger });
    stop = store.start();
    await clock.advance(0);
    expect(store.current?.settings).to.deep.equal(defaultSettings);
    expect(store.current?.loadedAt).to.equal(null);
    expect(store.current?.problems[0]?.message)
      .to.contain("it is a folder")
      .and.contain("defaults");
  });

  it("waits 2 s for a file that is missing at the start, then uses the defaults", async () => {
    await startStore();
    await clock.advance(1999);
    expect(store.current).to.equal(null);
    await clock.advance(1);
    expect(store.current).to.deep.include({ settings: defaultSettings, loadedAt: null });
    expect(codes()).to.deep.equal(["settingsMissing"]);
    file.put(ON);
    expect(store.current).to.deep.include({ settings: enabled, problems: [] });
  });

  it("treats a file that appears within the first 2 s as if it had always existed", async () => {
    await startStore();
    await clock.advance(1500);
    file.put(ON);
    await clock.advance(10_000);
    expect(notifiedStates).to.have.length(1);
    expect(store.current).to.deep.include({ settings: enabled, problems: [] });
  });

  it("ignores an absence of up to 2 s", async () => {
    await startStore(ON);
    for (let times = 0; times < 3; times += 1) {
      file.remove();
      await clock.advance(1900);
      file.put(ON);
      await clock.advance(1900);
    }
    expect(notifiedStates).to.have.length(1);
  });

  it("uses the defaults, but keeps the read time, once the file is missing for 2 s", async () => {
    await startStore(ON);
    const loadedAt = clock.now();
    await clock.advance(500);
    file.remove();
    await clock.advance(2000);
    expect(store.current).to.deep.include({ settings: defaultSettings, loadedAt });
    expect(codes()).to.deep.equal(["settingsMissing"]);
    expect(store.current?.problems[0]?.message).to.contain(file.path);
  });

  it("measures each absence from its own beginning, also after an unreadable file", async () => {
    await startStore(ON);
    file.remove();
    await clock.advance(1500);
    file.makeUnreadable();
    expect(codes()).to.deep.equal(["settingsUnreadable"]);
    await clock.advance(1000);
    expect(store.current?.settings.enable).to.be.true;
    file.remove();
    await clock.advance(1999);
    expect(store.current?.settings.enable).to.be.true;
    await clock.advance(1);
    expect(codes()).to.deep.equal(["settingsMissing"]);
  });

  it("reports unknown names without their values, and logs the proxy without its user", async () => {
    await startStore(
      "WebexPresence.ClientSecret=hunter2\nWebexPresence.Proxy=http://alice@proxy:3128",
    );
    expect(store.current?.problems).to.deep.equal([
      {
        code: "settingsUnknown",
        key: null,
        message:
          "WebexPresence.ClientSecret (line 1) is not a setting of this worker and has no effect on presence. Secrets are in the keychain, not in this file.",
        hint: "Remove the line, and store the secret in the account that the worker runs under: ucx-webex-presence secret client",
      },
    ]);
    // The status logs them, as it does all problems.
    expect(logger.records.filter(({ level }) => level === "warn")).to.have.length(0);
    expect(logger.text)
      .to.contain("http://proxy:3128")
      .and.not.contain("hunter2")
      .and.not.contain("alice");
  });

  it("logs the full names of the keys that an edit changes, and other edits only at debug", async () => {
    const logged = () =>
      logger.records.flatMap(({ level, message, fields }) =>
        message === "The settings are in effect." ? [[level, fields.changed]] : [],
      );
    await startStore(ON);
    const names = Object.values(SETTING_KEYS).map(({ name }) => name);
    expect(logged()).to.deep.equal([["info", names]]);
    file.put(`${ON}WebexPresence.LogLevel=debug\nWebexPresence.RedirectPort=2000`);
    file.put(`${ON}WebexPresence.LogLevel=loud\nWebexPresence.RedirectPort=2000`);
    file.put(`${ON}WebexPresence.LogLevel=debug\nWebexPresence.RedirectPort=2000`);
    expect(logged().slice(1)).to.deep.equal([
      ["info", ["WebexPresence.RedirectPort", "WebexPresence.LogLevel"]],
      ["debug", []],
      ["debug", []],
    ]);
  });

  it("emits no events after stop, keeps its state, and leaves no timer and no watch", async () => {
    await startStore(ON);
    file.remove();
    stop();
    stop();
    await clock.advance(5000);
    file.put("WebexPresence.Enable=0");
    expect(notifiedStates).to.have.length(1);
    expect(store.current?.settings.enable).to.be.true;
    expect(clock.pendingTimers).to.equal(0);
    expect(file.watchers).to.equal(0);
  });
});

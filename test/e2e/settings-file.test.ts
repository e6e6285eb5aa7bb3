import { open, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "chai";

import { WorkerHarness } from "../support/worker-harness.js";

/** Longer than an edit and its effect take: 1 s by contract, and a loaded machine's delay. */
const IN_EFFECT_WITHIN_MS = 3_000;

describe("e2e: a Presence.ini that people and programs edit by hand", function () {
  this.timeout(60_000);
  let harness: WorkerHarness;

  afterEach(async () => {
    await harness.stop();
  });

  const waitForLogLevel = (level: string) =>
    harness.waitFor(
      `log level ${level}`,
      async () => {
        const status = await harness.status();
        return status.settings.values["WebexPresence.LogLevel"] === level ? status : null;
      },
      IN_EFFECT_WITHIN_MS,
    );

  it("reads headers as people write them, and reports each line that resembles a setting", async () => {
    harness = await WorkerHarness.start();
    const lines = [
      "[Presence] # main",
      "Enable=1",
      `[${"deep.".repeat(100_000)}]`,
      "  [ WebexPresence ] ; ours",
      "LogLevel=warn",
      "PollIntervallSeconds=30",
      "\t[RichPresence]; theirs",
      "LogLevel=debug",
      "WebexPresense.Enable=1",
      "[Webex-Presence]",
      "WebexPresence.CaFile=\\\\server\\share\\root.pem",
    ];
    await harness.writeSettings(0, lines);
    const { enabled, problems } = await waitForLogLevel("warn");
    expect(enabled).to.equal(false);
    const reported = problems.filter(({ code }) => code.startsWith("settings"));
    expect(reported.map(({ code, severity }) => `${severity} ${code}`)).to.deep.equal([
      "warning settingsUnknown",
      "warning settingsUnknown",
      "warning settingsUnknown",
      "warning settingsInvalid",
    ]);
    const messages = reported.map(({ message }) => message);
    expect(messages[0]).to.contain("(line 10)").and.contain("means WebexPresence.PollIntervalSeco");
    expect(messages[1]).to.contain("(line 13)").and.contain("means WebexPresence.Enable.");
    expect(messages[2]).to.contain("header in line 14");
    expect(messages[3]).to.contain(
      "CaFile=\\\\server\\share\\root.pem (line 15) names a file that",
    );
    const text = harness.settingsText(0, ["WebexPresence.LogLevel=error"]);
    await writeFile(harness.settingsPath, `${text}\u001a`);
    expect(
      (await waitForLogLevel("error")).problems.map(({ code }) => code),
    ).not.to.include.members(["settingsUnknown", "settingsInvalid", "settingsUnreadable"]);
  });

  it("reads a line that a shell appended in an encoding of its own", async () => {
    harness = await WorkerHarness.start();
    const utf16 = Buffer.from(`\ufeff${harness.settingsText(0, ["; Größe"])}`, "utf16le");
    const appended = Buffer.from("WebexPresence.LogLevel=error\r\n");
    await writeFile(harness.settingsPath, Buffer.concat([utf16, appended]));
    await waitForLogLevel("error");
    const utf8 = Buffer.from(`\ufeff${harness.settingsText(0)}`);
    const appendedUtf16 = Buffer.from("WebexPresence.LogLevel=debug\r\n", "utf16le");
    await writeFile(harness.settingsPath, Buffer.concat([utf8, appendedUtf16]));
    const problem = await harness.waitFor("a problem", async () => {
      const { problems } = await harness.status();
      return problems.find(({ code }) => code === "settingsUnreadable") ?? null;
    });
    expect(problem.message).to.contain("zero bytes (the first in line 5)");
    await waitForLogLevel("error");
  });

  it("starts with the settings that an editor is just writing, never with half of them", async () => {
    harness = await WorkerHarness.start();
    const last = ["WebexPresence.Enable=1", "WebexPresence.LogLevel=warn"];
    const text = harness.settingsText(0, last);
    const file = await open(harness.settingsPath, "w");
    const host = harness.newHost();
    const phases = new Set<string>();
    try {
      await host.start();
      for (let at = 0; at < text.length; at += 40) {
        await pause(150);
        await file.write(text.slice(at, at + 40));
        phases.add((await harness.status(host)).phase);
      }
      await harness.waitFor("the settings", async () => {
        const { phase, settings } = await harness.status(host);
        phases.add(phase);
        return settings.values["WebexPresence.LogLevel"] === "warn" ? true : null;
      });
      expect([...phases]).to.deep.equal(["starting", "blocked"]);
    } finally {
      await file.close();
      await host.shutdown();
    }
  });
});

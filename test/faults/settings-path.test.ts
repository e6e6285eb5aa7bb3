import { execFileSync } from "node:child_process";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { expect } from "chai";

import { expectLogLevel } from "../support/fault-files-fixture.js";
import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { processUsage } from "../support/process-usage-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

/** Everybody is `unknown`, because presence is off, until the settings are back. */
async function expectPresenceOff(trial: FaultTrial): Promise<void> {
  await trial.expectProblem("settingsMissing");
  const { phase } = await trial.harness.status();
  expect(phase).to.equal("disabled");
  const { state, reason } = await trial.harness.get(trial.watched[0] ?? "");
  expect([state, reason]).to.deep.equal(["unknown", "disabled"]);
}

describeFaults("The settings file", [
  {
    fault: "Something other than a file has the name of `Presence.ini`",
    made: "a folder, a named pipe without a writer, a socket, and links to `/dev/zero` and to itself, in turn",
    shown: "`settingsUnreadable`; all settings stay as they were; presence goes on; nothing hangs",
    heals: "by itself, within a second of the repair",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { harness } = trial;
      const path = harness.settingsPath;
      const descriptors = processUsage(harness.host.pid ?? 0)?.descriptors ?? 0;
      const server = createServer();
      trial.cleanUp(() => server.close());
      const kinds: readonly (readonly [string, RegExp, () => unknown])[] = [
        ["a folder", /it is a folder/, () => mkdir(path)],
        ["a pipe", /it is not a file/, () => execFileSync("mkfifo", [path])],
        ["a folder again", /it is a folder/, () => mkdir(path)],
        ["a socket", /it is not a file/, () => server.listen(path)],
        ["a folder again", /it is a folder/, () => mkdir(path)],
        ["a device", /it is not a file/, () => symlink("/dev/zero", path)],
        ["a link to itself", /ELOOP/, () => symlink(path, path)],
      ];
      for (const [, text, make] of kinds) {
        await rm(path, { recursive: true, force: true });
        await make();
        await trial.expectProblem("settingsUnreadable", text);
      }
      await trial.expectPresence();
      await trial.end(async () => {
        await rm(path);
        await harness.writeSettings(1, ["WebexPresence.LogLevel=warn"]);
      });
      await expectLogLevel(harness, "warn");
      await trial.expectRecovery();
      const left = processUsage(harness.host.pid ?? 0)?.descriptors ?? 0;
      expect(left, "open descriptors").to.be.at.most(descriptors + 4);
    },
  },
  {
    fault: "`Presence.ini` is a symbolic link that is swapped, then leads nowhere",
    made: "a link that is replaced by one to another file, then by one to no file",
    shown: "the other file's settings; then `settingsMissing`, and everybody is `unknown`",
    heals: "by itself, within a second of the link's repair",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { harness } = trial;
      const path = harness.settingsPath;
      const link = async (target: string): Promise<void> => {
        await symlink(target, `${path}.link`);
        await rename(`${path}.link`, path);
      };
      for (const level of ["info", "warn"]) {
        const text = harness.settingsText(1, [`WebexPresence.LogLevel=${level}`]);
        await writeFile(`${path}.${level}`, text);
      }
      await link(`${path}.info`);
      await trial.last(500);
      await link(`${path}.warn`);
      await expectLogLevel(harness, "warn");
      await trial.expectPresence();
      await link(`${path}.nowhere`);
      await expectPresenceOff(trial);
      await trial.end(() => link(`${path}.info`));
      await expectLogLevel(harness, "info");
      await trial.expectRecovery();
    },
  },
  {
    fault: "`Presence.ini` is deleted or renamed",
    made: "for a second, as editors do; then for good; then it is renamed back",
    shown:
      "nothing for a second; after two seconds `settingsMissing`, and everybody is `unknown`, because presence is off",
    heals: "by itself, within a second of the file's return",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { harness } = trial;
      const path = harness.settingsPath;
      const seen = harness.notifications.length;
      await rm(path);
      await trial.last(800);
      await harness.writeSettings(1);
      await trial.last(2_500);
      const methods = harness.notifications.slice(seen).map(({ method }) => method);
      expect(methods).to.not.include("worker/statusChanged");
      await trial.expectPresence();
      await rename(path, `${path}.away`);
      await expectPresenceOff(trial);
      trial.beginWaiting();
      await trial.last(5_000);
      await trial.end(() => rename(`${path}.away`, path));
      await trial.expectRecovery();
    },
  },
  {
    fault: "The folder of `Presence.ini` is deleted",
    made: "the folder is removed with all in it, later created again, and replaced by another",
    shown: "`settingsMissing`; everybody is `unknown`, because presence is off",
    heals: "by itself, within a second of the file's return",
    run: async (trial) => {
      await trial.watch(
        await WorkerHarness.startPolling({ settingsName: "settings/Presence.ini" }),
      );
      const { harness } = trial;
      const folder = dirname(harness.settingsPath);
      await rm(folder, { recursive: true });
      await expectPresenceOff(trial);
      await mkdir(folder);
      await harness.writeSettings(1, ["WebexPresence.LogLevel=warn"]);
      await harness.waitForPhase("polling");
      await trial.expectPresence();
      await rename(folder, `${folder}.old`);
      await expectPresenceOff(trial);
      trial.beginWaiting();
      await trial.last(5_000);
      await trial.end(async () => {
        await mkdir(folder);
        await harness.writeSettings(1, ["WebexPresence.LogLevel=error"]);
      });
      await expectLogLevel(harness, "error");
      await trial.expectRecovery();
    },
  },
]);

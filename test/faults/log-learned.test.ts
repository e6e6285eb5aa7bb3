import { execFileSync } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { describeFaults } from "../support/fault-harness.js";
import {
  KEYRING_MISSING,
  launchAgain,
  RESTART_LIMIT_MS,
  startWithKeyring,
} from "../support/fault-host-fixture.js";

const WRONG_TYPE = '{"organizations":{"x":{"requestsPerMinute":"many"}}}';

describeFaults("The log folder", [
  {
    fault: "`learned.json` is damaged, too large, a pipe or a folder",
    made: "each before another launch of the worker; then the folder is removed",
    shown:
      "a record in the log says why it is not read, or not written; presence is complete as always",
    heals:
      "by itself: the worker learns anew, and writes the file once it can, at the latest when it ends",
    missing: KEYRING_MISSING,
    timeoutMs: 90_000,
    run: async (trial) => {
      const harness = await startWithKeyring(trial);
      await trial.watch(harness);
      trial.allowExit();
      const path = join(harness.logDirectory, "learned.json");
      const kinds: readonly (readonly [string, () => unknown])[] = [
        ["empty", () => writeFile(path, "")],
        ["of another form", () => writeFile(path, "[1]")],
        ["with another type", () => writeFile(path, WRONG_TYPE)],
        ["too large", () => writeFile(path, " ".repeat(2 ** 20 + 1))],
        ["a pipe", () => execFileSync("mkfifo", [path])],
        ["a folder", () => mkdir(join(path, "in the way"), { recursive: true })],
      ];
      for (const [kind, make] of kinds) {
        await harness.host.shutdown();
        await rm(path, { recursive: true, force: true });
        await make();
        const before = (await trial.log()).length;
        const launchedAt = Date.now();
        await launchAgain(harness);
        await harness.waitForSweep(launchedAt, RESTART_LIMIT_MS);
        const log = (await trial.log()).slice(before);
        expect(log, kind).to.match(/learned.*(damaged|not JSON|larger|regular|cannot be)/i);
        expect(log, kind).to.not.match(/ (warn|error) /);
      }
      await trial.expectPresence();
      await rm(path, { recursive: true });
      await trial.end();
      await trial.expectRecovery();
      await harness.host.shutdown();
      const { organizations } = JSON.parse(await trial.readLogFolder("learned.json")) as {
        organizations: object;
      };
      expect(Object.keys(organizations).length).to.equal(1);
    },
  },
]);

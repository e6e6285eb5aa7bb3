import { chmod, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "chai";

import { makeCertificates } from "../support/certificates-fixture.js";
import {
  expectLogLevel,
  makeLauncher,
  MOUNT_MISSING,
  MountedDisk,
  ROOT_MISSING,
} from "../support/fault-files-fixture.js";
import { describeFaults } from "../support/fault-harness.js";
import { WorkerHarness } from "../support/worker-harness.js";

/** How often the worker reads the CA file, and the second in which an edit takes effect. */
const CERTIFICATES_LIMIT_MS = 11_500;

describeFaults("The settings file", [
  {
    fault: "The worker's account may not read `Presence.ini`",
    made: "the file's mode is 000, and the worker runs without root's right to read everything",
    shown: "`settingsUnreadable`; all settings stay as they were; presence goes on",
    heals: "by itself, within two seconds of the permission",
    missing: ROOT_MISSING,
    run: async (trial) => {
      const command = makeLauncher(
        trial,
        'exec setpriv --bounding-set=-dac_override,-dac_read_search node "$@"',
      );
      await trial.watch(await WorkerHarness.startPolling({ command }));
      const { harness } = trial;
      await chmod(harness.settingsPath, 0o000);
      await writeFile(
        harness.settingsPath,
        harness.settingsText(1, ["WebexPresence.LogLevel=warn"]),
      );
      await trial.expectProblem("settingsUnreadable", /not allowed to read it/);
      trial.beginWaiting();
      await trial.expectPresence();
      await trial.last(4_000);
      await trial.end(() => chmod(harness.settingsPath, 0o600));
      await expectLogLevel(harness, "warn");
      await trial.expectRecovery();
    },
  },
  {
    fault: "The disk of `Presence.ini` fails to read it",
    made: "the file is one whose reads fail with EIO (`/proc/self/mem`)",
    shown: "`settingsUnreadable` with the system's code; all settings stay as they were",
    heals: "by itself, within two seconds of the disk's repair",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { harness } = trial;
      await rm(harness.settingsPath);
      await symlink("/proc/self/mem", harness.settingsPath);
      await trial.expectProblem("settingsUnreadable", /EIO/);
      trial.beginWaiting();
      await trial.expectPresence();
      await trial.last(4_000);
      await trial.end(async () => {
        await rm(harness.settingsPath);
        await harness.writeSettings(1, ["WebexPresence.LogLevel=warn"]);
      });
      await expectLogLevel(harness, "warn");
      await trial.expectRecovery();
    },
  },
  {
    fault: "The disk of `Presence.ini` becomes read-only, then is unmounted",
    made: "a disk in memory over the file's folder is remounted, then unmounted",
    shown: "nothing while it is read-only; then `settingsMissing`, and everybody is `unknown`",
    heals: "by itself, within a second of the mount",
    missing: MOUNT_MISSING,
    run: async (trial) => {
      await trial.watch(
        await WorkerHarness.startPolling({ settingsName: "settings/Presence.ini" }),
      );
      const { harness } = trial;
      const folder = dirname(harness.settingsPath);
      const text = harness.settingsText(1, ["WebexPresence.LogLevel=warn"]);
      const mountDisk = async (): Promise<MountedDisk> => {
        const disk = new MountedDisk(trial, folder, "1m");
        await writeFile(harness.settingsPath, text);
        return disk;
      };
      const disk = await mountDisk();
      await expectLogLevel(harness, "warn");
      disk.remount("ro");
      await trial.expectPresence();
      // What the folder holds without the disk.
      disk.unmount();
      await rm(harness.settingsPath);
      await trial.expectProblem("settingsMissing");
      expect((await harness.status()).phase).to.equal("disabled");
      trial.beginWaiting();
      await trial.last(5_000);
      await trial.end(mountDisk);
      await trial.expectRecovery();
    },
  },
  {
    fault: "The file of `WebexPresence.CaFile` vanishes or is damaged while the worker polls",
    made: "Webex with a certificate of that authority; the file is deleted, then cut off",
    shown: "`settingsInvalid`; the certificates that it held remain trusted; presence goes on",
    heals: "by itself, within 10 s of the repair, when the worker reads the file again",
    timeoutMs: 90_000,
    run: async (trial) => {
      const { good, authority } = makeCertificates();
      const harness = await WorkerHarness.start({ tls: good });
      const path = join(harness.folder, "ca.pem");
      await writeFile(path, authority);
      await harness.writeSettings(1, [`WebexPresence.CaFile=${path}`]);
      await harness.authorize();
      await harness.waitForSweep();
      await trial.watch(harness);
      await rm(path);
      await trial.expectProblem("settingsInvalid", /does not exist \(ENOENT\).*remain trusted/);
      harness.webex.fail({ kind: "truncate", times: 1 });
      await trial.expectPresence();
      await writeFile(path, authority.slice(0, authority.length / 2));
      await trial.expectProblem("settingsInvalid", /cannot be read.*remain trusted/);
      trial.beginWaiting();
      await trial.expectPresence("presenting");
      await trial.last(2_000);
      await trial.end(() => writeFile(path, authority));
      await trial.expectRecovery(CERTIFICATES_LIMIT_MS);
    },
  },
]);

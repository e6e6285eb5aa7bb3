import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import {
  expectBlockedByKeychain,
  KEYCHAIN_RECOVERY_MS,
  missingKeyring,
  restartWorker,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";
import { MANIFEST } from "../support/worker-harness.js";

const missing = missingKeyring();
const timeoutMs = 120_000;
const shown =
  "`keychainUnavailable`, which names the library; phase `blocked`, nobody is asked to authorize";
/** Where keytar's install script puts it, which npm may not have run; else where it is shipped. */
const NATIVE_MODULE =
  ["build/Release", `prebuilds/${process.platform}-${process.arch}`]
    .map((place) => join("node_modules", "keytar", place, "keytar.node"))
    .find((path) => existsSync(path)) ?? "keytar.node";

/** A copy of the product that a trial may damage. */
function copyProduct(trial: FaultTrial): string {
  const folder = mkdtempSync(join(tmpdir(), "ucx-product-"));
  trial.cleanUp(() => rmSync(folder, { recursive: true }));
  cpSync("dist", join(folder, "dist"), { recursive: true });
  cpSync("package.json", join(folder, "package.json"));
  cpSync(MANIFEST, join(folder, MANIFEST));
  mkdirSync(join(folder, "node_modules"));
  cpSync("node_modules/keytar", join(folder, "node_modules", "keytar"), { recursive: true });
  return folder;
}

/** Damages the copy while the worker is down, and repairs it while the worker runs. */
async function tryDamage(
  trial: FaultTrial,
  damage: (folder: string) => unknown,
  repair: (folder: string) => unknown,
): Promise<void> {
  const folder = copyProduct(trial);
  const libraries = join(folder, "libraries");
  mkdirSync(libraries);
  await watchWithKeyring(trial, {
    manifestPath: join(folder, MANIFEST),
    env: { LD_LIBRARY_PATH: libraries },
  });
  await restartWorker(trial, () => damage(folder));
  await trial.expectProblem("keychainUnavailable");
  await expectBlockedByKeychain(trial);
  trial.beginWaiting();
  await trial.last(6_000);
  await trial.end(() => repair(folder));
  await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
}

describeFaults("The keychain's libraries", [
  {
    missing,
    timeoutMs,
    fault: "Keytar is not installed",
    made: "the folder of the module is moved away before the worker is launched",
    shown,
    heals: "without a restart, within 12 s of the repair",
    run: (trial) => {
      const path = join("node_modules", "keytar");
      return tryDamage(
        trial,
        (folder) => renameSync(join(folder, path), join(folder, "away")),
        (folder) => renameSync(join(folder, "away"), join(folder, path)),
      );
    },
  },
  {
    missing,
    timeoutMs,
    fault: "The native module of keytar is cut",
    made: "keytar.node has half of its bytes when the worker is launched",
    shown,
    heals: "without a restart, within 12 s of the repair",
    run: (trial) =>
      tryDamage(
        trial,
        async (folder) => {
          const path = join(folder, NATIVE_MODULE);
          const content = await readFile(path);
          await copyFile(path, join(folder, "whole.node"));
          await writeFile(path, content.subarray(0, content.length / 2));
        },
        (folder) => renameSync(join(folder, "whole.node"), join(folder, NATIVE_MODULE)),
      ),
  },
  {
    missing,
    timeoutMs,
    fault: "Libsecret is missing",
    made: "LD_LIBRARY_PATH names a folder whose libsecret-1.so.0 is an empty file",
    shown,
    heals: "without a restart, within 12 s of the installation",
    run: (trial) => {
      const library = join("libraries", "libsecret-1.so.0");
      return tryDamage(
        trial,
        (folder) => writeFileSync(join(folder, library), ""),
        (folder) => rmSync(join(folder, library)),
      );
    },
  },
]);

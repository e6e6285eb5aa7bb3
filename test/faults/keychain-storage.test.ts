import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import {
  expectGrantKept,
  KEYCHAIN_RECOVERY_MS,
  missingKeyring,
  storedRefreshToken,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";
import { Keyring } from "../support/keyring-fixture.js";

/** A file system of its own: only root may mount one. */
function mountDisk(folder: string): void {
  const options = ["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", folder];
  execFileSync("mount", options, { stdio: "ignore" });
}

function missingDisk(): string | null {
  const folder = mkdtempSync(join(tmpdir(), "ucx-disk-"));
  try {
    mountDisk(folder);
    execFileSync("umount", [folder]);
    return null;
  } catch {
    return "This account may not mount a file system.";
  } finally {
    rmdirSync(folder);
  }
}

/** A keyring whose files are on a small disk of their own. */
async function startKeyringOnSmallDisk(trial: FaultTrial): Promise<Keyring> {
  const keyring = new Keyring();
  const folder = keyring.env.XDG_DATA_HOME!;
  mountDisk(folder);
  trial.cleanUp(async () => {
    await keyring.stopDaemon();
    execFileSync("umount", [folder]);
    await keyring.stop();
  });
  await keyring.startBus();
  await keyring.startDaemon();
  return keyring;
}

describeFaults("The keychain's disk", [
  {
    missing: missingKeyring() ?? missingDisk(),
    timeoutMs: 120_000,
    fault: "The disk of the keyring is full while the token is renewed",
    made: "the keyring is on a tmpfs of 256 KiB that another file fills; Webex issues a new refresh token",
    shown:
      "`keychainUnavailable`: it can be neither read nor written; the new tokens stay in memory, and presence stays fresh",
    heals: "by itself, within 10 s of the space: the new tokens are stored",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial, {
        keyring: await startKeyringOnSmallDisk(trial),
        rotateRefreshToken: true,
      });
      const { webex, host } = trial.harness;
      const filler = join(keyring.env.XDG_DATA_HOME!, "filler");
      expect(() => writeFileSync(filler, Buffer.alloc(2 ** 20))).to.throw(/ENOSPC/);
      webex.expireAccessTokens();
      const renewed = webex.nextRequest({ path: "/v1/access_token", status: 200 }, 15_000);
      await host.request("worker/poll");
      await renewed;
      await trial.expectProblem("keychainUnavailable");
      expect(webex.isRefreshTokenValid((await storedRefreshToken(trial, keyring))!)).to.equal(
        false,
      );
      trial.beginWaiting();
      await trial.last(6_000);
      await trial.end(() => rmSync(filler));
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
      await expectGrantKept(trial, keyring);
    },
  },
]);

import { expect } from "chai";

import { grantAccount } from "../../src/authorization/keychain-records.js";
import type { FaultTrial } from "./fault-harness.js";
import { KEYRING_TOOLS, startKeyring, type Keyring } from "./keyring-fixture.js";
import { hasTool } from "./required-tool-fixture.js";
import { WorkerHarness, type WorkerHarnessOptions } from "./worker-harness.js";

/** The keychain is read again within 10 s, and a first sweep follows at once. */
export const KEYCHAIN_RECOVERY_MS = 12_000;

/** Why there can be no real keyring on this machine, or null. */
export function missingKeyring(): string | null {
  const missing = [...KEYRING_TOOLS, ["secret-tool", "libsecret-tools"] as const]
    .filter(([tool]) => !hasTool(tool))
    .map(([tool, debianPackage]) => `${tool} (Debian package ${debianPackage})`);
  return missing.length === 0 ? null : `There is no ${missing.join(", no ")}.`;
}

/** Watches a worker that polls, with a real keyring; a given one is for the caller to stop. */
export async function watchWithKeyring(
  trial: FaultTrial,
  options: WorkerHarnessOptions & { readonly keyring?: Keyring } = {},
): Promise<Keyring> {
  const { keyring = await startKeyring(), ...rest } = options;
  if (options.keyring === undefined) trial.cleanUp(() => keyring.stop());
  const env = { ...keyring.env, ...rest.env };
  await trial.watch(await WorkerHarness.startPolling({ ...rest, secretStore: "keychain", env }));
  return keyring;
}

/** Stops the worker, lets `change` happen and launches it again. */
export async function restartWorker(trial: FaultTrial, change: () => unknown): Promise<void> {
  const { host } = trial.harness;
  trial.allowExit();
  await host.shutdown();
  await change();
  await host.start();
  await trial.followRestart();
}

/** A worker that cannot read the keychain knows nothing: neither presence nor that none exists. */
export async function expectBlockedByKeychain(trial: FaultTrial): Promise<void> {
  const { problems } = await trial.harness.waitForPhase("blocked");
  expect(problems.map(({ code }) => code)).to.not.include("authorizationRequired");
  for (const uri of trial.watched)
    expect(await trial.harness.get(uri)).to.include({ state: "unknown", reason: "blocked" });
}

/** The running worker uses the keychain now, and not only within 30 s. */
export async function useKeychain(trial: FaultTrial): Promise<void> {
  await trial.harness.host
    .request("authorization/revoke", { orgId: "nobody" })
    .catch(() => undefined);
}

/** Reads the refresh token that is stored, with another program; null if there is none. */
export async function storedRefreshToken(
  trial: FaultTrial,
  keyring: Keyring,
): Promise<string | null> {
  const { id } = trial.harness.webex.organizations[0]!;
  const text = await keyring.lookup(grantAccount(id));
  return text === null ? null : (JSON.parse(text) as { refreshToken: string }).refreshToken;
}

/** The keychain has the refresh token that Webex accepts. */
export async function expectGrantKept(trial: FaultTrial, keyring: Keyring): Promise<void> {
  const { webex } = trial.harness;
  await trial.harness.waitFor(
    "a refresh token in the keychain that Webex accepts",
    async () => {
      const token = await storedRefreshToken(trial, keyring);
      return token !== null && webex.isRefreshTokenValid(token) ? true : null;
    },
    KEYCHAIN_RECOVERY_MS,
  );
}

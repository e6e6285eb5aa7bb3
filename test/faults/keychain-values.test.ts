import { expect } from "chai";

import { ADMIN_SCOPES } from "../../simulator/token-store.js";
import { grantAccount } from "../../src/authorization/keychain-records.js";
import { ChildProcessKeytar } from "../../src/platform/keytar-binding.js";
import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { missingKeyring, useKeychain, watchWithKeyring } from "../support/keyring-fault-fixture.js";
import type { Keyring } from "../support/keyring-fixture.js";

const missing = missingKeyring();
const timeoutMs = 150_000;
const SERVICE = "ucx-webex-presence";
/** The keychain is read every 30 s, and Webex is asked at once. */
const REREAD_LIMIT_MS = 33_000;

interface Damage {
  readonly account: (grantAccount: string) => string;
  /** The new value, or null to delete it. */
  readonly change: (text: string) => string | null;
}

/** Writes to a keyring as another program does. */
async function damageValue(
  trial: FaultTrial,
  keyring: Keyring,
  { account, change }: Damage,
): Promise<() => Promise<void>> {
  const keytar = new ChildProcessKeytar(keyring.env);
  trial.cleanUp(() => keytar.discard());
  const name = account(grantAccount(trial.harness.webex.organizations[0]!.id));
  const text = await keytar.getPassword(SERVICE, name);
  expect(text, name).to.be.a("string");
  const changed = change(text ?? "");
  if (changed === null) await keytar.deletePassword(SERVICE, name);
  else await keytar.setPassword(SERVICE, name, changed);
  return async () => {
    await keytar.setPassword(SERVICE, name, text ?? "");
  };
}

async function expectBlocked(trial: FaultTrial): Promise<void> {
  await trial.harness.waitForPhase("blocked");
  for (const uri of trial.watched)
    expect(await trial.harness.get(uri)).to.include({ state: "unknown", reason: "blocked" });
}

const shown =
  "`authorizationRequired`, phase `blocked`; records are unknown; the value stays as it is";

describeFaults("Values in the keychain that somebody has damaged", [
  {
    missing,
    timeoutMs,
    fault: "A grant is not JSON, and is put right by hand",
    made: "another program writes `x` to `grant:<uuid>`, and later the former value",
    shown,
    heals: "by itself, within 33 s: the keychain is read every 30 s",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      const repair = await damageValue(trial, keyring, {
        account: (grant) => grant,
        change: () => "x",
      });
      await useKeychain(trial);
      await trial.expectProblem("authorizationRequired");
      await expectBlocked(trial);
      trial.beginWaiting();
      await trial.last(4_500);
      await trial.end(repair);
      await trial.expectRecovery(REREAD_LIMIT_MS);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "A grant has another version",
    made: "another program writes `version: 2` to `grant:<uuid>`",
    shown,
    heals: "with the next authorization of the organization, at once",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      await damageValue(trial, keyring, {
        account: (grant) => grant,
        change: (text) => JSON.stringify({ ...(JSON.parse(text) as object), version: 2 }),
      });
      await useKeychain(trial);
      await trial.expectProblem("authorizationRequired");
      await expectBlocked(trial);
      await trial.end(() => trial.harness.authorize());
      await trial.expectRecovery();
    },
  },
  {
    missing,
    timeoutMs,
    fault: "A half of a split grant is missing",
    made: "a grant of more than 2,560 bytes is stored in parts; another program deletes the second one",
    shown,
    heals: "with the next authorization of the organization, at once",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      const { host, webex } = trial.harness;
      const scopes = [...ADMIN_SCOPES, "x".repeat(3_000)];
      const { orgId: _, ...longGrant } = webex.issueGrant({ scopes });
      await host.request("authorization/import", longGrant);
      await damageValue(trial, keyring, {
        account: (grant) => `${grant}#a.1`,
        change: () => null,
      });
      await useKeychain(trial);
      await trial.expectProblem("authorizationRequired");
      await expectBlocked(trial);
      await trial.end(() => trial.harness.authorize());
      await trial.expectRecovery();
    },
  },
  {
    missing,
    timeoutMs,
    fault: "The list of organizations cannot be read",
    made: "another program writes `[]` to `grants`",
    shown: "`authorizationRequired`, phase `blocked`; records are unknown; the grants stay",
    heals: "with the next authorization, at once",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      await damageValue(trial, keyring, { account: () => "grants", change: () => "[]" });
      await useKeychain(trial);
      await trial.expectProblem("authorizationRequired");
      await expectBlocked(trial);
      await trial.end(() => trial.harness.authorize());
      await trial.expectRecovery();
    },
  },
  {
    missing,
    timeoutMs,
    fault: "The client secret cannot be read",
    made: "another program writes half of the value to `client`",
    shown: "`clientNotConfigured`, phase `blocked`; records are unknown; the grants stay",
    heals: "with `authorization/setClient` or `secret client`, at once",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      await damageValue(trial, keyring, {
        account: () => "client",
        change: (text) => text.slice(0, text.length / 2),
      });
      await useKeychain(trial);
      await trial.expectProblem("clientNotConfigured");
      await expectBlocked(trial);
      const { host, webex } = trial.harness;
      await trial.end(() => host.request("authorization/setClient", webex.client));
      await trial.expectRecovery();
    },
  },
]);

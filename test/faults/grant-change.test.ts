import { spawn } from "node:child_process";
import { expect } from "chai";

import type { RpcError } from "../../src/client/client.js";
import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { forceRenewal } from "../support/grant-fault-fixture.js";
import {
  expectGrantKept,
  KEYCHAIN_RECOVERY_MS,
  missingKeyring,
  storedRefreshToken,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";
import type { Keyring } from "../support/keyring-fixture.js";

const missing = missingKeyring();
const timeoutMs = 150_000;

/** The error of a request to the worker. */
async function errorOf(trial: FaultTrial, method: string, params: object): Promise<RpcError> {
  const answer = await trial.harness.host
    .request(method, params)
    .catch((error: unknown) => error as RpcError);
  expect(answer, method).to.be.an.instanceOf(Error);
  return answer as RpcError;
}

/** Imports a grant on the command line, in the worker's account. Returns the exit code. */
async function importOnCommandLine(trial: FaultTrial, keyring: Keyring): Promise<number | null> {
  const { orgId: _, ...grant } = trial.harness.webex.issueGrant();
  const args = ["dist/cli.cjs", "import", "--settings", trial.harness.settingsPath];
  const child = spawn(process.execPath, args, {
    env: keyring.env,
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.stdin.end(JSON.stringify(grant));
  return new Promise((resolve) => child.once("close", resolve));
}

describeFaults("Import, revocation and repair of a grant", [
  {
    missing,
    timeoutMs,
    fault: "A grant is imported and another revoked while the keychain is locked",
    made: "the collection is locked; the host sends `authorization/import` and `authorization/revoke`",
    shown:
      "both fail with 1105 and a hint; `keychainLocked`; presence stays fresh with the former grant",
    heals: "by itself, within 10 s of the unlocking; the grant is stored as before",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial, { rotateRefreshToken: true });
      const { webex } = trial.harness;
      const before = await storedRefreshToken(trial, keyring);
      await keyring.lock();
      const { orgId, ...grant } = webex.issueGrant();
      // Without an access token, the import would have to use up the refresh token.
      const { accessToken: _, ...refreshable } = grant;
      for (const [method, params] of [
        ["authorization/import", refreshable],
        ["authorization/revoke", { orgId }],
      ] as const) {
        const error = await errorOf(trial, method, params);
        expect(error.code, method).to.equal(1105);
      }
      expect(webex.isRefreshTokenValid(grant.refreshToken), "the caller's token").to.equal(true);
      await trial.expectProblem("keychainLocked");
      await keyring.unlock();
      await trial.end();
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
      expect(await storedRefreshToken(trial, keyring)).to.equal(before);
      await expectGrantKept(trial, keyring);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "A grant is imported while Webex cannot be reached",
    made: "the server resets each connection; the host sends `authorization/import`",
    shown: "the import fails with 1301; the former grant stays in use",
    heals: "by itself, within one interval of the first response; the same import then succeeds",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial, { rotateRefreshToken: true });
      const { webex, host } = trial.harness;
      const before = await storedRefreshToken(trial, keyring);
      const { orgId: _, ...grant } = webex.issueGrant();
      webex.fail({ kind: "reset", times: null });
      expect((await errorOf(trial, "authorization/import", grant)).code).to.equal(1301);
      await trial.expectProblem("webexUnreachable");
      expect(await storedRefreshToken(trial, keyring)).to.equal(before);
      await trial.end(() => webex.clearFaults());
      await trial.expectRecovery();
      await host.request("authorization/import", grant);
      expect(await storedRefreshToken(trial, keyring)).to.equal(grant.refreshToken);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "A grant is revoked while Webex does not respond",
    made: "requests to revoke hang; the host sends `authorization/revoke`, and authorizes again later",
    shown:
      "`revokedAtWebex: false` within 6 s; the grant is deleted; `authorizationRequired`, records `blocked`",
    heals: "with the next authorization, at once",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      const { webex, host } = trial.harness;
      webex.fail({ kind: "hang", path: "/idb/oauth2/v1/revoke", times: null });
      const startedAt = performance.now();
      const orgId = webex.organizations[0]!.id;
      const answer = await host.request("authorization/revoke", { orgId });
      expect(answer).to.deep.equal({ revokedAtWebex: false });
      expect(performance.now() - startedAt).to.be.below(6_000);
      expect(await storedRefreshToken(trial, keyring)).to.equal(null);
      await trial.expectProblem("authorizationRequired");
      expect(await trial.harness.get(trial.watched[0]!)).to.include({ reason: "blocked" });
      webex.clearFaults();
      await trial.end(() => trial.harness.authorize());
      await trial.expectRecovery();
      await expectGrantKept(trial, keyring);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "Webex has ended a grant, and another process imports a new one",
    made: "the administrator's password changes; later, `ucx-webex-presence import` in the worker's account",
    shown: "`authorizationExpired` 2 s after the refusal; records are `blocked`",
    heals:
      "by itself: the worker reads the keychain every 2 s for 30 s after the report, later every 30 s",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial);
      const { webex } = trial.harness;
      webex.endGrants();
      void forceRenewal(trial);
      await trial.expectProblem("authorizationExpired");
      expect(await trial.harness.get(trial.watched[0]!)).to.include({ reason: "blocked" });
      trial.beginWaiting();
      await trial.last(5_000);
      await trial.end(async () => {
        expect(await importOnCommandLine(trial, keyring)).to.equal(0);
      });
      await trial.expectRecovery();
      await expectGrantKept(trial, keyring);
    },
  },
]);

import type { FaultRule } from "../../simulator/faults.js";
import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { forceRenewal, TOKEN_PATH } from "../support/grant-fault-fixture.js";
import {
  expectGrantKept,
  missingKeyring,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";

const missing = missingKeyring();
const timeoutMs = 240_000;
const made = (what: string): string =>
  `access tokens are valid for 20 s, refresh tokens for one use; ${what}, until 8 s after the problem shows`;
const shown = (code: string): string =>
  `\`${code}\` once the access token has expired; records keep their age, nobody is asked to authorize`;

/** The token endpoint fails from the issue of an access token until after its expiry. */
async function failRenewals(
  trial: FaultTrial,
  rule: FaultRule,
  code: string,
  limitMs?: number,
): Promise<void> {
  const keyring = await watchWithKeyring(trial, {
    rotateRefreshToken: true,
  });
  const { webex } = trial.harness;
  webex.set({ accessTokenSeconds: 20 });
  await forceRenewal(trial);
  webex.fail({ ...rule, path: TOKEN_PATH, times: null });
  await trial.expectProblem(code, /./, 60_000);
  trial.beginWaiting();
  await trial.last(8_000);
  await trial.end(() => webex.clearFaults());
  await trial.expectRecovery(limitMs);
  await expectGrantKept(trial, keyring);
}

describeFaults("Renewals that fail", [
  {
    missing,
    timeoutMs,
    fault: "The token endpoint resets each connection",
    made: made("each request to the token endpoint is reset"),
    shown: shown("webexUnreachable"),
    heals: "by itself, within one interval of the first response",
    run: (trial) => failRenewals(trial, { kind: "reset" }, "webexUnreachable"),
  },
  {
    missing,
    timeoutMs,
    fault: "A gateway answers for the token endpoint with 400",
    made: made("each request to the token endpoint gets a 400 that is not of Webex's form"),
    shown: shown("webexError"),
    heals: "by itself, within one interval of the first response of Webex",
    run: (trial) =>
      failRenewals(trial, { kind: "status", status: 400, body: "html" }, "webexError"),
  },
]);

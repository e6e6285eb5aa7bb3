import { spawn } from "node:child_process";
import { expect } from "chai";

import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import {
  forceRenewal,
  observeRequests,
  poll,
  startSecondWorker,
  TOKEN_PATH,
  waitForPresence,
} from "../support/grant-fault-fixture.js";
import {
  expectGrantKept,
  KEYCHAIN_RECOVERY_MS,
  missingKeyring,
  watchWithKeyring,
} from "../support/keyring-fault-fixture.js";
import type { Keyring } from "../support/keyring-fixture.js";

const missing = missingKeyring();
const timeoutMs = 180_000;
const ROUNDS = 5;
/** The settings make a worker without a grant open a page. No test uses the port 8469. */
const ini = ["WebexPresence.Authorize=browser", "WebexPresence.RedirectPort=8469"];

/** Runs a command in the worker's account. Returns the object that it prints. */
async function runCommand(
  trial: FaultTrial,
  keyring: Keyring,
  command: string,
): Promise<{ readonly checks?: readonly { readonly name: string; readonly state: string }[] }> {
  const args = ["dist/cli.cjs", command, "--json", "--settings", trial.harness.settingsPath];
  const child = spawn(process.execPath, args, {
    env: keyring.env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => child.once("close", resolve));
  return JSON.parse(output) as { checks?: { name: string; state: string }[] };
}

/** Webex holds its response to the renewal of one worker, and has refused that of a second one. */
async function refuseSecondWorker(trial: FaultTrial) {
  const keyring = await watchWithKeyring(trial, { rotateRefreshToken: true, ini });
  const second = await startSecondWorker(trial);
  const hosts = [trial.harness.host, second];
  const expectNobodyAsked = observeRequests(trial, hosts);
  const { webex } = trial.harness;
  const response = webex.holdNext(({ path }) => path === TOKEN_PATH, 15_000);
  trial.cleanUp(() => response.release());
  void forceRenewal(trial);
  await response.held;
  const refusal = webex.nextRequest({ path: TOKEN_PATH, status: 400 }, 15_000);
  await poll(second);
  await refusal;
  return { keyring, second, response, expectNobodyAsked };
}

describeFaults("Several processes with one grant", [
  {
    missing,
    timeoutMs,
    fault: "Two workers, `doctor` and `authorizations` renew at once",
    made: `the access token expires ${ROUNDS} times; Webex issues a new refresh token each time and refuses the former`,
    shown: "nothing: every process gets the new tokens; no page opens",
    heals: "by itself, within one interval",
    run: async (trial) => {
      const keyring = await watchWithKeyring(trial, { rotateRefreshToken: true, ini });
      const second = await startSecondWorker(trial);
      const hosts = [trial.harness.host, second];
      const expectNobodyAsked = observeRequests(trial, hosts);
      const { webex } = trial.harness;
      const mark = webex.mark();
      for (let round = 0; round < ROUNDS; round += 1) {
        const status = round % 2 === 0 ? "call" : "active";
        for (const uri of trial.watched) trial.setStatus(uri, status);
        webex.expireAccessTokens();
        const [doctor] = await Promise.all([
          runCommand(trial, keyring, "doctor"),
          runCommand(trial, keyring, "authorizations"),
          poll(...hosts),
        ]);
        expect(doctor.checks?.find(({ name }) => name === "grant")).to.include({ state: "ok" });
        for (const host of hosts) await waitForPresence(trial, host, status);
      }
      await trial.end();
      await trial.expectRecovery();
      expectNobodyAsked();
      await expectGrantKept(trial, keyring);
      const requests = webex.requestsSince(mark, { path: TOKEN_PATH });
      const refused = requests.filter(({ status }) => status === 400).length;
      trial.measure(`${requests.length} renewals sent, ${refused} of them refused`);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "Webex takes 9 s for the renewal of one worker, and refuses that of another",
    made: "the response is held for 9 s; Webex has issued a new refresh token and refuses the former",
    shown: "nothing at the second worker: it waits for the tokens of the first; no page opens",
    heals: "by itself: both workers go on within one interval after the response",
    run: async (trial) => {
      const { keyring, second, response, expectNobodyAsked } = await refuseSecondWorker(trial);
      trial.beginWaiting();
      await trial.last(6_000);
      await trial.end(() => response.release());
      await trial.expectRecovery();
      await waitForPresence(trial, second, "meeting");
      expectNobodyAsked();
      await expectGrantKept(trial, keyring);
    },
  },
  {
    missing,
    timeoutMs,
    fault: "The keychain is slow to store the renewal of one worker, and Webex refuses another",
    made: "gnome-keyring stands still for 8 s, from before the response of Webex on: the first worker cannot store its tokens",
    shown:
      "`keychainUnavailable`; the second worker waits for the tokens of the first; no page opens",
    heals: "by itself, within 10 s after the keychain responds",
    run: async (trial) => {
      const { keyring, second, response, expectNobodyAsked } = await refuseSecondWorker(trial);
      keyring.freeze();
      response.release();
      await trial.last(8_000);
      await trial.end(() => keyring.unfreeze());
      await trial.expectRecovery(KEYCHAIN_RECOVERY_MS);
      await waitForPresence(trial, second, "meeting");
      expectNobodyAsked();
      await expectGrantKept(trial, keyring);
    },
  },
]);

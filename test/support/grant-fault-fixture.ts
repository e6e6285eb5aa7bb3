import { expect } from "chai";

import type { ReferenceHost } from "../../simulator/reference-host.js";
import type { FaultTrial } from "./fault-harness.js";
import type { PresenceRecord } from "./worker-harness.js";

export const TOKEN_PATH = "/v1/access_token";

/**
 * Ends the access token, and has the worker ask Webex at once for somebody's presence: it renews
 * the token. Resolves with the answer, or with null if the worker ends before.
 */
export async function forceRenewal(trial: FaultTrial): Promise<unknown> {
  const { webex, host } = trial.harness;
  webex.expireAccessTokens();
  const [uri] = trial.watched;
  return host
    .request("presence/get", { uri, maxAgeSeconds: 0, maxWaitMs: 5_000 })
    .catch(() => null);
}

/** Has a worker ask Webex now: if the access token has ended, it renews it. */
export async function poll(...hosts: readonly ReferenceHost[]): Promise<void> {
  await Promise.all(hosts.map((host) => host.request("worker/poll")));
}

/** Launches another worker with the same settings, keychain and simulated Webex. */
export async function startSecondWorker(trial: FaultTrial): Promise<ReferenceHost> {
  const second = trial.harness.newHost();
  trial.cleanUp(() => second.shutdown());
  await second.start();
  await waitForPresence(trial, second, "active");
  return second;
}

/** Waits until a worker has no problem and shows this status of the watched persons. */
export async function waitForPresence(
  trial: FaultTrial,
  host: ReferenceHost,
  expected: string,
): Promise<void> {
  await trial.harness.waitFor(
    `the status ${expected} from each worker`,
    async () => {
      const { problems } = await trial.harness.status(host);
      const answer = await host.request("presence/getMany", { uris: trial.watched });
      const { records } = answer as { records: PresenceRecord[] };
      const isTrue = records.every(({ webexStatus }) => webexStatus === expected);
      return problems.length === 0 && isTrue ? true : null;
    },
    15_000,
  );
}

/**
 * From now on, no worker says that somebody has to authorize, and none opens a page for it: throws
 * otherwise, when it is called.
 */
export function observeRequests(trial: FaultTrial, hosts: readonly ReferenceHost[]): () => void {
  const logOf = (host: ReferenceHost): string => host.transcript.text("stderr");
  const seen = trial.harness.notifications.length;
  const logged = hosts.map((host) => logOf(host).length);
  return () => {
    for (const { method, params } of trial.harness.notifications.slice(seen)) {
      if (method !== "worker/statusChanged") continue;
      const { phase, problems } = params as { phase: string; problems: { code: string }[] };
      expect(phase, "a phase").to.not.equal("blocked");
      expect(problems.map(({ code }) => code)).to.not.include("authorizationExpired");
    }
    for (const [index, host] of hosts.entries())
      expect(logOf(host).slice(logged[index])).to.not.match(/To authorize|authorizationExpired/);
  };
}

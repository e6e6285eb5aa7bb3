import { expect } from "chai";

import { describeFaults } from "../support/fault-harness.js";
import { PAGES } from "../support/webex-answers-fixture.js";
import { WorkerHarness, type PresenceRecord } from "../support/worker-harness.js";

/** The least that the settings allow. */
const STALE_AFTER_SECONDS = 30;
const OUTAGE_MS = 40_000;

describeFaults("Webex's answers", [
  {
    fault: "Webex is out of order for longer than presence is fresh",
    made: "503 for all requests for 40 s, with `StaleAfterSeconds=30`; statuses change meanwhile",
    shown:
      "`webexError`; presence is what it was until it is 30 s old, then `unknown`, `stale`, also for subscribers",
    heals: "by itself, within one interval of the first response",
    timeoutMs: 300_000,
    run: async (trial) => {
      const ini = [`WebexPresence.StaleAfterSeconds=${STALE_AFTER_SECONDS}`];
      await trial.watch(await WorkerHarness.startPolling({ ini }));
      const { harness, watched } = trial;
      const ask = async (): Promise<PresenceRecord[]> => {
        const answer = await harness.host.request("presence/getMany", { uris: watched });
        return (answer as { records: PresenceRecord[] }).records;
      };
      harness.webex.fail({ kind: "status", ...PAGES, times: null });
      const beganAt = Date.now();
      for (const uri of watched) trial.setStatus(uri, "inactive");
      await trial.expectProblem("webexError");
      trial.beginWaiting();
      const records = await harness.waitFor(
        "stale records",
        async () => {
          const present = await ask();
          return present.every(({ reason }) => reason === "stale") ? present : null;
        },
        OUTAGE_MS,
      );
      for (const { uri, state, observedAt } of records) {
        const ageMs = Date.now() - Date.parse(observedAt ?? "");
        expect(ageMs, "the age").to.be.within(STALE_AFTER_SECONDS * 1000, OUTAGE_MS);
        expect(state, "the state").to.equal("unknown");
        await harness.waitFor("the change", () =>
          harness.changesOf(uri).at(-1)?.reason === "stale" ? true : null,
        );
      }
      trial.measure(`stale ${((Date.now() - beganAt) / 1000).toFixed(1)} s after the beginning`);
      await trial.last(beganAt + OUTAGE_MS - Date.now());
      for (const { reason } of await ask()) expect(reason).to.equal("stale");
      await trial.end(() => harness.webex.clearFaults());
      await trial.expectRecovery();
    },
  },
]);

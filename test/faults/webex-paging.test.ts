import { expect } from "chai";

import { describeFaults } from "../support/fault-harness.js";
import {
  LATER_PAGES,
  PAGES,
  recover,
  startWithSeveralPages,
} from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

describeFaults("Webex's paging", [
  {
    fault: "The next link or a redirect points to another server",
    made: "first in the `Link` header of each page, then as a 302",
    shown: "`webexError` that names the server; it never gets a request, let alone a token",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { webex } = trial.harness;
      webex.fail({ kind: "foreignLink", times: null });
      await trial.expectProblem("webexError", /the link to the next page points to another server/);
      webex.clearFaults();
      webex.fail({ kind: "redirect", ...PAGES, times: null });
      await trial.expectProblem("webexError", /a redirect points to another server/);
      expect(webex.foreignRequests).to.deep.equal([]);
      await recover(trial);
    },
  },
  {
    fault: "The links to further pages form a loop",
    made: "each page's next link points to the first page",
    shown: "`webexError`: people on later pages may be missing; the pages read are fresh",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await startWithSeveralPages());
      const { webex } = trial.harness;
      webex.fail({ kind: "linkLoop", times: null });
      await trial.expectProblem("webexError", /form a loop/);
      const mark = webex.mark();
      trial.beginWaiting();
      await trial.last(6_000);
      expect(webex.requestsSince(mark).length, "requests").to.be.at.most(6);
      await recover(trial);
    },
  },
  {
    fault: "Webex rejects its own link to the next page",
    made: "400, then 404 in Webex's form, for the second of three pages",
    shown:
      "`webexError`: people on later pages may be missing; no lost role, and nobody is `notFound`",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await startWithSeveralPages());
      const { webex } = trial.harness;
      const last = webex.people(0).at(-1)?.emails[0] ?? "";
      for (const status of [400, 404]) {
        webex.clearFaults();
        webex.fail({ kind: "status", status, body: "webex", ...LATER_PAGES, times: null });
        await trial.expectProblem("webexError", new RegExp(`its own link.*\\(${status}\\)`));
      }
      expect((await trial.harness.get(last)).reason).to.equal(null);
      await recover(trial);
    },
  },
  {
    fault: "A page is empty, and has a next link",
    made: "one page without items in a list of three pages",
    shown: "nothing: the sweep follows the link, and nobody is taken for gone",
    heals: "there is nothing to heal",
    run: async (trial) => {
      await trial.watch(await startWithSeveralPages());
      const { webex } = trial.harness;
      webex.fail({ kind: "emptyPage", ...LATER_PAGES, times: 1 });
      await trial.harness.waitFor(
        "a sweep that includes the empty page",
        async () => {
          const { organizations } = await trial.harness.status();
          const { lastSweep = null } = organizations[0] ?? {};
          return lastSweep?.requests === 4 && lastSweep.persons === 30 ? true : null;
        },
        15_000,
      );
      const { problems } = await trial.harness.status();
      expect(problems.map(({ code }) => code)).to.deep.equal(["memorySecretStore"]);
      await recover(trial);
    },
  },
  {
    fault: "Every page is empty, and has a next link, without end",
    made: "pages without items; each next link is another one, and leads to the same page",
    shown: "`webexError`: people on later pages may be missing; nobody is taken for gone",
    heals: "by itself, within one interval",
    run: async (trial) => {
      await trial.watch(await startWithSeveralPages());
      const { webex } = trial.harness;
      webex.fail({ kind: "emptyPage", ...PAGES, times: null });
      await trial.expectProblem("webexError", /form a loop/);
      expect((await trial.harness.status()).organizations[0]?.persons).to.equal(30);
      await recover(trial);
    },
  },
]);

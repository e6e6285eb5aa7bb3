import { expect } from "chai";

import type { FaultRule } from "../../simulator/faults.js";
import { describeFaults } from "../support/fault-harness.js";
import { recover } from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const importAnswers: readonly FaultRule[] = [
  { kind: "status", status: 500, body: "webex" },
  { kind: "status", status: 503, body: "empty" },
  { kind: "status", status: 403 },
  { kind: "status", status: 429, body: "webex", headers: { "retry-after": "1" } },
  { kind: "status", status: 200 },
  { kind: "truncatedJson" },
  { kind: "reset" },
  { kind: "truncate" },
];

describeFaults("Webex's answers to an authorization", [
  {
    fault: "Webex fails while a grant is imported, or a device code requested",
    made: "5xx, a firewall's 403, 429, HTML, cut-off JSON, a reset, a body that breaks off, each to `/people/me`, `/organizations/{id}`, the token endpoint and `/device/authorize`",
    shown:
      "`authorization/import` and `authorization/begin` fail with `webexUnreachable` (1301), and store nothing; presence goes on with the authorization that is there",
    heals: "with the next call",
    timeoutMs: 90_000,
    run: async (trial) => {
      // The owner of each grant is two requests of the budget.
      const ini = ["WebexPresence.RequestsPerMinute=300"];
      await trial.watch(await WorkerHarness.startPolling({ ini }));
      const { host, webex } = trial.harness;
      const before = await host.request("authorization/list");
      const importGrant = () => {
        const { orgId: _orgId, ...grant } = webex.issueGrant();
        return host.request("authorization/import", grant);
      };
      const importToken = () => {
        const { refreshToken } = webex.issueGrant();
        return host.request("authorization/import", { refreshToken });
      };
      const begin = () => host.request("authorization/begin", { method: "device" });
      let failed = 0;
      for (const [path, call] of [
        ["/v1/people/me", importGrant],
        ["/v1/organizations", importGrant],
        ["/v1/access_token", importToken],
        ["/v1/device/authorize", begin],
      ] as const) {
        for (const rule of importAnswers) {
          webex.clearFaults();
          webex.fail({ ...rule, path, times: null });
          const error: unknown = await call().catch((thrown: unknown) => thrown);
          expect(error, `${path} ${JSON.stringify(rule)}`).to.have.property("code", 1301);
          failed += 1;
        }
      }
      expect(await host.request("authorization/list")).to.deep.equal(before);
      trial.measure(`${failed} calls failed`);
      await recover(trial);
      await importToken();
    },
  },
  {
    fault: "Webex fails while a grant is revoked",
    made: "503 to the revocation",
    shown:
      "`revokedAtWebex` is false; the grant is gone from the keychain, and records are unknown",
    heals: "with the next authorization",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { host, webex } = trial.harness;
      const orgId = (await trial.harness.status()).organizations[0]?.orgId;
      webex.fail({ kind: "status", status: 503, path: "/idb/oauth2/v1/revoke", times: null });
      const answer = await host.request("authorization/revoke", { orgId });
      expect(answer).to.deep.equal({ revokedAtWebex: false });
      expect((await trial.harness.get(trial.watched[0] ?? "")).state).to.equal("unknown");
      await trial.end(async () => {
        webex.clearFaults();
        await trial.harness.authorize();
      });
      await trial.expectRecovery();
    },
  },
]);

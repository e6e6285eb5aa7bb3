import { expect } from "chai";

import {
  DnsServer,
  missingForNames as missing,
  watchWorkerWithNames,
} from "../support/dns-fixture.js";
import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { TemporaryFolder } from "../support/network-fixture.js";
import type { Status } from "../support/worker-harness.js";

/** No status so far has had a problem of the connection. */
function expectNoProblem({ harness }: FaultTrial): void {
  const statuses = harness.notifications.filter(({ method }) => method === "worker/statusChanged");
  const codes = statuses.flatMap(({ params }) => (params as Status).problems.map((p) => p.code));
  expect(codes).not.to.include("webexUnreachable");
}

describeFaults("Names that take long", [
  {
    fault: "The DNS server responds after 4 s",
    made: "dnsmasq is stopped for 4 s (SIGSTOP) from the moment at which all connections are cut",
    shown: "nothing: records keep their age",
    heals: "by itself, with the response",
    missing,
    run: async (trial) => {
      const { front, dns } = await watchWorkerWithNames(trial);
      dns.signal("SIGSTOP");
      front.cut();
      await trial.last(4_000);
      await trial.end(() => dns.signal("SIGCONT"));
      await trial.expectRecovery();
      expectNoProblem(trial);
    },
  },
  {
    fault: "The first of two DNS servers is dead",
    made: "resolv.conf names a stopped dnsmasq first: each name takes 5 s; connections are cut",
    shown: "nothing: records keep their age",
    heals: "by itself, by the second server: within one interval and the 5 s",
    missing,
    run: async (trial) => {
      const { front, dns, useServer } = await watchWorkerWithNames(trial);
      const folder = new TemporaryFolder();
      const other = new DnsServer(folder);
      trial.cleanUp(async () => {
        await other.stop();
        folder.close();
      });
      await other.start();
      dns.signal("SIGSTOP");
      useServer(`${dns.address}\nnameserver ${other.address}`);
      await trial.end(() => front.cut());
      await trial.expectRecovery(12_500);
      expectNoProblem(trial);
    },
  },
  {
    fault: "The machine gets another DNS server",
    made: "resolv.conf names another dnsmasq, the previous one is killed, connections are cut",
    shown: "at most `webexUnreachable` until the next attempt",
    heals: "by itself, within one interval",
    missing,
    run: async (trial) => {
      const { front, dns, useServer } = await watchWorkerWithNames(trial);
      const folder = new TemporaryFolder();
      const other = new DnsServer(folder);
      trial.cleanUp(async () => {
        await other.stop();
        folder.close();
      });
      await other.start();
      await dns.stop();
      front.cut();
      await trial.expectProblem("webexUnreachable", /could not be resolved/);
      await trial.end(() => useServer(other.address));
      await trial.expectRecovery();
    },
  },
]);

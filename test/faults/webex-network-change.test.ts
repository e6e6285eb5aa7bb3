import { execFileSync } from "node:child_process";

import { describeFaults } from "../support/fault-harness.js";
import { PAGES } from "../support/webex-answers-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const INTERFACE = `ucxa${process.pid}`;
const PEER = `ucxb${process.pid}`;
const ip = (...args: string[]): void => {
  execFileSync("ip", args, { stdio: "pipe" });
};

/** Why this machine cannot have another network for a moment; null if it can. */
function findMissing(): string | null {
  if (process.platform !== "linux") return "only Linux has virtual interfaces for a test";
  try {
    ip("link", "add", INTERFACE, "type", "veth", "peer", "name", PEER);
    ip("link", "del", INTERFACE);
    return null;
  } catch {
    return "virtual network interfaces need root and the command ip";
  }
}

describeFaults("Webex's transport", [
  {
    fault: "The machine gets another network while its connections are dead",
    made: "silence on the open connection, then an address on a new network interface",
    shown: "`webexUnreachable` after 10 s, until the network has changed",
    heals: "by itself within 2 s of the change, on a new connection",
    missing: findMissing(),
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling());
      const { webex } = trial.harness;
      webex.fail({ kind: "hang", ...PAGES, times: null });
      await trial.expectProblem("webexUnreachable", /has not responded for more than 10 s/);
      await trial.end(() => {
        webex.clearFaults();
        ip("link", "add", INTERFACE, "type", "veth", "peer", "name", PEER);
        trial.cleanUp(() => ip("link", "del", INTERFACE));
        ip("address", "add", "198.51.100.7/32", "dev", INTERFACE);
        // Without its peer, an interface has no carrier, and no program sees its addresses.
        for (const name of [PEER, INTERFACE]) ip("link", "set", name, "up");
      });
      await trial.expectRecovery(3_500);
    },
  },
]);

import { execFileSync } from "node:child_process";

import { expect } from "chai";

import { describeFaults } from "../support/fault-harness.js";
import { RecordingFront } from "../support/recording-front-fixture.js";
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
    made: "silence on both open connections for good, then an address on a new network interface",
    shown: "`webexUnreachable` after 10 s, until the network has changed",
    heals: "by itself within 2 s of the change, on a new connection",
    missing: findMissing(),
    run: async (trial) => {
      const harness = await WorkerHarness.start({ maxPageSize: 11 });
      const { host, webex } = harness;
      const front = await RecordingFront.start(webex.url);
      trial.cleanUp(() => front.stop());
      const apiUrl = `http://127.0.0.1:${front.port}/v1`;
      await harness.writeSettings(1, [`WebexPresence.ApiUrl=${apiUrl}`]);
      await harness.waitFor("the settings", async () => {
        const { settings } = await harness.status();
        return settings.values["WebexPresence.ApiUrl"] === apiUrl ? true : null;
      });
      await harness.authorize();
      await harness.waitForSweep();
      await trial.watch(harness);
      // A request at a time would leave one connection, which ends with the request that hangs.
      webex.set({ latencyMs: 300 });
      const mark = webex.mark();
      const ofSeveralPages = webex.people(0).flatMap(({ emails: [uri = ""] }, index) => {
        return index % 11 === 0 ? [uri] : [];
      });
      await Promise.all([
        ...ofSeveralPages.map((uri) => harness.decide(uri)),
        host.request("worker/poll", {}),
      ]);
      await harness.waitFor("responses", () =>
        webex.requestsSince(mark).every(({ completedAt }) => completedAt !== null) ? true : null,
      );
      const before = front.connections;
      expect(before, "connections").to.be.greaterThan(1);
      front.silence();
      await trial.expectProblem("webexUnreachable", /has not responded for more than 10 s/);
      expect(front.connections, "connections before the change").to.equal(before);
      await trial.end(() => {
        ip("link", "add", INTERFACE, "type", "veth", "peer", "name", PEER);
        trial.cleanUp(() => ip("link", "del", INTERFACE));
        ip("address", "add", "198.51.100.7/32", "dev", INTERFACE);
        // Without its peer, an interface has no carrier, and no program sees its addresses.
        for (const name of [PEER, INTERFACE]) ip("link", "set", name, "up");
      });
      await trial.expectRecovery(3_500);
      expect(front.connections, "connections after the change").to.be.greaterThan(before);
    },
  },
]);

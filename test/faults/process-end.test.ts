import { expect } from "chai";

import { isAlive } from "../../src/platform/node-process.js";
import { waitUntil } from "../support/clock-fake.js";
import { DnsServer, missingForNames, WEBEX_NAME } from "../support/dns-fixture.js";
import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { SilentServer, TemporaryFolder } from "../support/network-fixture.js";
import { childrenOf } from "../support/proc-fixture.js";
import { WorkerHarness, type WorkerHarnessOptions } from "../support/worker-harness.js";

/** By contract. */
const EXIT_LIMIT_MS = 1_000;

/** The ways in which a host ends its worker. */
const ENDS: Readonly<Record<string, (harness: WorkerHarness) => unknown>> = {
  "shutdown and exit": ({ host }) => host.shutdown(30_000),
  "the end of stdin": ({ host }) => host.stdin?.end(),
  SIGTERM: ({ host }) => host.kill("SIGTERM"),
  "SIGTERM to the process group": ({ host }) => host.killProcessGroup("SIGTERM"),
};

/** For each end: starts a worker that asks Webex, and ends it while it waits for an answer. */
async function endEach(
  trial: FaultTrial,
  options: WorkerHarnessOptions,
  isWaiting: (harness: WorkerHarness) => boolean,
  prepare: (harness: WorkerHarness) => void = () => undefined,
): Promise<void> {
  const durations: number[] = [];
  for (const [name, end] of Object.entries(ENDS)) {
    const harness = await WorkerHarness.start({ enable: 1, ownProcessGroup: true, ...options });
    trial.cleanUp(() => harness.stop());
    prepare(harness);
    // The import asks Webex whose grant it is.
    harness.authorize().catch(() => undefined);
    await harness.waitFor("a request", () => (isWaiting(harness) ? true : null), 15_000);
    const children = childrenOf(harness.host.pid ?? 0);
    const endedAt = performance.now();
    void end(harness);
    expect(await harness.host.exited(), name).to.deep.equal({ code: 0, signal: null });
    durations.push(performance.now() - endedAt);
    await waitUntil(() => !children.some((pid) => isAlive(pid)), EXIT_LIMIT_MS);
  }
  const longest = Math.max(...durations);
  trial.measure(`exited within ${(longest / 1000).toFixed(2)} s`);
  expect(longest, "the longest end").to.be.below(EXIT_LIMIT_MS);
}

const heals =
  "exits with code 0 within a second, after `shutdown` and `exit`, the end of stdin, SIGTERM, and SIGTERM to its process group";

describeFaults("The end of the process", [
  {
    fault: "The worker has to end while a name is being resolved",
    made: "the only DNS server of its resolv.conf is stopped (SIGSTOP)",
    shown: "nothing",
    heals,
    missing: missingForNames,
    run: async (trial) => {
      const folder = new TemporaryFolder();
      const dns = new DnsServer(folder);
      trial.cleanUp(async () => {
        await dns.stop();
        folder.close();
      });
      await dns.start();
      dns.signal("SIGSTOP");
      folder.write("resolv.conf", `nameserver ${dns.address}\n`);
      const command = folder.writeLauncher("-m", [
        `mount --bind ${folder.path}/resolv.conf /etc/resolv.conf`,
      ]);
      const ini = [`WebexPresence.ApiUrl=https://${WEBEX_NAME}/v1`];
      // A query to the stopped server waits in the buffer of its socket.
      await endEach(trial, { command, ini }, () => dns.takeWaitingQuery());
    },
  },
  {
    fault: "The worker has to end while a TLS handshake hangs",
    made: "a server accepts the connection and says nothing",
    shown: "nothing",
    heals,
    run: async (trial) => {
      const server = await SilentServer.start();
      trial.cleanUp(() => server.stop());
      const ini = [`WebexPresence.ApiUrl=https://127.0.0.1:${server.port}/v1`];
      await endEach(trial, { ini }, () => server.takeConnection());
    },
  },
  {
    fault: "The worker has to end while a proxy is silent",
    made: "a proxy accepts the connection and says nothing",
    shown: "nothing",
    heals,
    run: async (trial) => {
      const server = await SilentServer.start();
      trial.cleanUp(() => server.stop());
      const ini = [`WebexPresence.Proxy=http://127.0.0.1:${server.port}`];
      await endEach(trial, { ini }, () => server.takeConnection());
    },
  },
  {
    fault: "The worker has to end while Webex is silent",
    made: "the server does not respond to any request",
    shown: "nothing",
    heals,
    run: async (trial) => {
      const isWaiting = ({ webex }: WorkerHarness): boolean => webex.requestsSince(0).length > 0;
      await endEach(trial, {}, isWaiting, ({ webex }) => webex.fail({ kind: "hang", times: null }));
    },
  },
]);

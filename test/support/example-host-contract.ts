// What each host of `examples/` does, with the built worker, a simulated Webex and a real keychain.
import { existsSync } from "node:fs";
import { expect } from "chai";

import { ExampleHost, type ShownLine } from "./example-host-fixture.js";
import { requireKeychain, startKeychain, type TestKeychain } from "./keychain-fixture.js";
import { processTree } from "./proc-fixture.js";
import { MANIFEST, WorkerHarness } from "./worker-harness.js";

/** The first delay of the manifest, less what a timer may be early. */
const RESTART_DELAY_MS = 950;

/** `command` is called once, when the tests start. */
export function describeExampleHost(
  title: string,
  command: (context: Mocha.Context) => Promise<readonly string[]> | readonly string[],
): void {
  describe(title, function () {
    this.timeout(90_000);
    let keychain: TestKeychain | null = null;
    let running: WorkerHarness | null = null;
    let program: readonly string[] = [];
    let host: ExampleHost | null = null;

    before(async function () {
      requireKeychain(this);
      program = await command(this);
      keychain = await startKeychain();
      running = await WorkerHarness.start({
        secretStore: "keychain",
        env: keychain.env as Record<string, string>,
        enable: 1,
        settingsName: "Präsenz für alle/Presence.ini",
      });
      // The worker of the example finds the grant in the keychain.
      await running.authorize();
      await running.host.shutdown();
    });

    afterEach(() => host?.kill("SIGKILL"));

    after(async () => {
      await running?.stop();
      await keychain?.stop();
    });

    function worker(): WorkerHarness {
      if (running === null) throw new Error("There is no worker to share its settings.");
      return running;
    }

    function start(...addresses: string[]): ExampleHost {
      const harness = worker();
      const options = ["--manifest", MANIFEST, "--settings", harness.settingsPath];
      const workerArguments = ["--log-dir", harness.logDirectory].flatMap((argument) => [
        "--worker-argument",
        argument,
      ]);
      const args = [...program, ...options, ...workerArguments, "--", ...addresses];
      host = new ExampleHost(args, keychain?.env);
      return host;
    }

    function workerPid(): number {
      const below = processTree(host!.pid, false);
      const found = below.find(({ commandLine }) => commandLine.includes("worker.cjs"));
      expect(found, "the worker's process").not.to.equal(undefined);
      return found!.pid;
    }

    it("shows presence, asks at once, shows unknown after a crash, and restores it", async () => {
      const harness = worker();
      const [, , email = ""] = harness.webex.people().map(({ emails }) => emails[0]!);
      const address = `"Ærøskøbing, Ünal" <sip:${email}>`;
      harness.webex.setStatus(email, "active");
      const shown = start(address, "nobody@absent.example");
      await shown.shows(`${address}\tavailable\t-`);
      await shown.shows("nobody@absent.example\tunknown\tnotFound");
      expect(shown.lines.slice(0, 2).map(({ text }) => text)).to.deep.equal([
        `${address}\tunknown\tnotReady`,
        "nobody@absent.example\tunknown\tnotReady",
      ]);

      harness.webex.setStatus(email, "call");
      await shown.shows(`${address}\tonCall\t-`);

      harness.webex.setStatus(email, "meeting");
      shown.ask(address);
      await shown.shows(`${address}\tinMeeting\t-\tfresh`);

      const pid = workerPid();
      const before = shown.lines.length;
      process.kill(pid, "SIGKILL");
      const unknown = await shown.shows(`${address}\tunknown\tnotReady`, before);
      shown.ask(address);
      await shown.shows(`${address}\tunknown\tnotReady\tnot fresh`, before);
      const restored = await shown.shows(`${address}\tinMeeting\t-`, before);
      expect(restored.at - unknown.at).to.be.greaterThan(RESTART_DELAY_MS);
      expect(workerPid()).not.to.equal(pid);

      expectEachLineOnce(shown.lines);
      await expectCleanEnd(shown, () => shown.kill("SIGTERM"));
    });

    it("ends with its stdin", async () => {
      const shown = start("nobody@absent.example");
      await shown.shows("nobody@absent.example\tunknown\tnotFound");
      await expectCleanEnd(shown, () => shown.endInput());
    });

    it("refuses options that it does not know with exit code 2", async () => {
      host = new ExampleHost([...program, "--manifest", MANIFEST, "--color", "red"]);
      expect(await host.exited()).to.equal(2);
      expect(host.stderr).to.contain("--color");
      expect(host.lines).to.deep.equal([]);
    });

    /** Exit code 0, and the worker has ended in order before the host. */
    async function expectCleanEnd(shown: ExampleHost, end: () => void): Promise<void> {
      const pid = workerPid();
      const before = shown.lines.length;
      end();
      expect(await shown.exited(), shown.stderr).to.equal(0);
      expect(existsSync(`/proc/${pid}`), "the worker is still there").to.equal(false);
      expect(shown.lines.slice(before)).to.deep.equal([]);
      expect(shown.stderr).not.to.match(/Traceback|Exception|Unhandled/);
    }
  });
}

/** Nothing is shown twice in a row for an address, but what it was asked. */
function expectEachLineOnce(lines: readonly ShownLine[]): void {
  const last = new Map<string, string>();
  for (const { text } of lines) {
    const [address = "", state, reason, freshness] = text.split("\t");
    const value = `${state}\t${reason}`;
    if (freshness === undefined) expect(value, text).not.to.equal(last.get(address));
    last.set(address, value);
  }
}

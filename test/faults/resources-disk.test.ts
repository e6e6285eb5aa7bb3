import { cp, mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { makeLauncher, MOUNT_MISSING, MountedDisk } from "../support/fault-files-fixture.js";
import { describeFaults, type FaultTrial } from "../support/fault-harness.js";
import { KEYRING_MISSING, startWithKeyring } from "../support/fault-host-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const PRODUCT = ["dist", "node_modules/keytar", "openrpc.json", "plugin.manifest.json"];

/** The built product on a disk of its own, which a launcher runs. */
class ProductDisk {
  readonly command: string;
  readonly #trial: FaultTrial;
  readonly #folder: string;
  #disk: MountedDisk | null = null;

  private constructor(trial: FaultTrial, folder: string) {
    this.#trial = trial;
    this.#folder = folder;
    this.command = makeLauncher(trial, `shift; exec node "${folder}/dist/worker.cjs" "$@"`);
  }

  static async create(trial: FaultTrial): Promise<ProductDisk> {
    const folder = await mkdtemp(join(tmpdir(), "ucx-product-"));
    trial.cleanUp(() => rm(folder, { recursive: true, force: true }));
    const disk = new ProductDisk(trial, folder);
    await disk.mount();
    return disk;
  }

  async mount(): Promise<void> {
    this.#disk = new MountedDisk(this.#trial, this.#folder, "64m");
    for (const part of PRODUCT)
      await cp(part, join(this.#folder, part), { recursive: true, dereference: true });
  }

  unmount(): void {
    this.#disk?.unmount();
  }
}

/** A proxy for plain http on a free port. */
async function startProxy(trial: FaultTrial): Promise<string> {
  const server = createServer((incoming, response) => {
    const { method, headers, url = "" } = incoming;
    const outgoing = request(url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on("error", () => response.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  trial.cleanUp(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describeFaults("The machine's resources", [
  {
    fault: "The disk of the product is unmounted while the worker polls",
    made: "a disk in memory with the product; then a proxy is set, for which the worker has loaded no library yet",
    shown: "nothing; with the proxy, `webexUnreachable` names the library; records keep their age",
    heals: "by itself, within one interval of the mount",
    missing: MOUNT_MISSING,
    timeoutMs: 90_000,
    run: async (trial) => {
      const disk = await ProductDisk.create(trial);
      await trial.watch(await WorkerHarness.startPolling({ command: disk.command }));
      const { harness } = trial;
      disk.unmount();
      await trial.expectPresence();
      const proxy = await startProxy(trial);
      await harness.writeSettings(1, [`WebexPresence.Proxy=${proxy}`]);
      await trial.expectProblem("webexUnreachable", /library/);
      trial.beginWaiting();
      await trial.last(4_000);
      await trial.end(() => disk.mount());
      await trial.expectRecovery();
    },
  },
  {
    fault: "The disk of the product is unmounted as soon as the worker runs",
    made: "before it has loaded the libraries for Webex; mounted after 10 s",
    shown: "`webexUnreachable`; the worker answers",
    heals: "by itself, within one interval of the mount",
    missing: MOUNT_MISSING ?? KEYRING_MISSING,
    timeoutMs: 90_000,
    run: async (trial) => {
      const disk = await ProductDisk.create(trial);
      const harness = await startWithKeyring(trial, { command: disk.command });
      await harness.host.shutdown();
      await harness.host.start();
      await harness.status();
      disk.unmount();
      const [person] = harness.webex.people(0);
      const uri = person?.emails[0] ?? "";
      for (const until = performance.now() + 10_000; performance.now() < until;) {
        const { state } = await harness.get(uri);
        expect(state).to.equal("unknown");
        await trial.last(100);
      }
      await disk.mount();
      const mountedAt = performance.now();
      await harness.waitForSweep(0, 20_000);
      trial.measure(`recovered in ${((performance.now() - mountedAt) / 1000).toFixed(1)} s`);
      await trial.watch(harness);
      await trial.end();
      await trial.expectRecovery();
    },
  },
  {
    fault: "There is no folder for temporary files",
    made: "`TMPDIR` names a folder that is missing",
    shown: "nothing: the worker uses no temporary files",
    heals: "nothing is to be healed",
    run: async (trial) => {
      await trial.watch(await WorkerHarness.startPolling({ env: { TMPDIR: "/nowhere" } }));
      await trial.expectPresence();
      await trial.end();
      await trial.expectRecovery();
    },
  },
]);

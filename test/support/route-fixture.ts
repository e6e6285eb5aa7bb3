import { execFileSync } from "node:child_process";

import { makeCertificates, type TestCertificates } from "./certificates-fixture.js";
import { WEBEX_NAME } from "./dns-fixture.js";
import type { FaultTrial } from "./fault-harness.js";
import { TemporaryFolder, TlsFront, whyNoNamespaces, whyNoTool } from "./network-fixture.js";

let lastNetwork = 0;
let certificates: TestCertificates | undefined;

/** Why this machine cannot make these faults. */
export const missingForRoutes = whyNoNamespaces() ?? whyNoTool("ip", "iproute2");

/** A network of its own for a worker, which one cable (veth) connects with this machine. */
export class WorkerNetwork {
  readonly name = `ucx${process.pid % 100_000}x${(lastNetwork += 1)}`;
  readonly #subnet = `10.53.${process.pid % 250}.${lastNetwork * 8}`;

  /** This machine's address, as the worker sees it. */
  get hostAddress(): string {
    return this.#address(1);
  }

  open(): void {
    this.#ip("netns", "add", this.name);
    this.#ip("link", "add", this.name, "type", "veth", "peer", "eth0", "netns", this.name);
    this.#ip("addr", "add", `${this.hostAddress}/29`, "dev", this.name);
    this.#ip("link", "set", this.name, "up");
    this.#inside("link", "set", "lo", "up");
    this.#inside("addr", "add", `${this.#address(2)}/29`, "dev", "eth0");
    this.setInterface("up");
  }

  /** Of the worker: without it, there is no route. */
  setInterface(state: "up" | "down"): void {
    this.#inside("link", "set", "eth0", state);
  }

  /** At the other end of the cable: without it, packets are lost. */
  setCable(state: "up" | "down"): void {
    this.#ip("link", "set", this.name, state);
  }

  /** The worker's interface gets another address, and loses the first one. */
  changeAddress(): void {
    this.#inside("addr", "flush", "dev", "eth0");
    this.#inside("addr", "add", `${this.#address(3)}/29`, "dev", "eth0");
  }

  close(): void {
    this.#ip("link", "del", this.name);
    this.#ip("netns", "del", this.name);
  }

  #address(host: number): string {
    const [a, b, c, base] = this.#subnet.split(".").map(Number);
    return [a, b, c, (base ?? 0) + host].join(".");
  }

  #ip(...args: string[]): void {
    execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
  }

  #inside(...args: string[]): void {
    this.#ip("-n", this.name, ...args);
  }
}

/** A worker in a network of its own, which finds Webex by its hosts file. */
export async function watchWorkerInNetwork(trial: FaultTrial): Promise<WorkerNetwork> {
  certificates ??= makeCertificates();
  const network = new WorkerNetwork();
  const folder = new TemporaryFolder();
  network.open();
  trial.cleanUp(() => network.close());
  const front = await TlsFront.start(certificates.otherName, network.hostAddress);
  trial.cleanUp(async () => {
    await front.close();
    folder.close();
  });
  const hosts = folder.write(
    "hosts",
    `127.0.0.1 localhost\n${network.hostAddress} ${WEBEX_NAME}\n`,
  );
  const command = folder.writeLauncher(`-m ip netns exec ${network.name}`, [
    `mount --bind ${hosts} /etc/hosts`,
  ]);
  const caFile = folder.write("root.pem", certificates.authority);
  await trial.watch(await front.startPolling({ command, ini: front.ini(WEBEX_NAME, caFile) }));
  return network;
}

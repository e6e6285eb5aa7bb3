import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";

import { makeCertificates, type TestCertificates } from "./certificates-fixture.js";
import type { FaultTrial } from "./fault-harness.js";
import {
  TemporaryFolder,
  TlsFront,
  untilListening,
  whyNoNamespaces,
  whyNoTool,
} from "./network-fixture.js";

/** The name that tests give to the simulated Webex: one of the certificates is for it. */
export const WEBEX_NAME = "elsewhere.example";

/** Why this machine cannot make these faults. */
export const missingForNames = whyNoNamespaces() ?? whyNoTool("dnsmasq", "dnsmasq-base");
let certificates: TestCertificates | undefined;

/** How a worker finds Webex. */
export interface Names {
  readonly front: TlsFront;
  readonly dns: DnsServer;
  /** Names another DNS server in the worker's resolv.conf. */
  readonly useServer: (address: string) => void;
}

/** A worker that finds Webex by a real DNS server, which only its resolv.conf names. */
export async function watchWorkerWithNames(trial: FaultTrial): Promise<Names> {
  certificates ??= makeCertificates();
  const folder = new TemporaryFolder();
  const front = await TlsFront.start(certificates.otherName);
  const dns = new DnsServer(folder);
  trial.cleanUp(async () => {
    await Promise.all([front.close(), dns.stop()]);
    folder.close();
  });
  await dns.start();
  const useServer = (address: string): void => {
    folder.write("resolv.conf", `nameserver ${address}\n`);
  };
  useServer(dns.address);
  const command = folder.writeLauncher("-m", [
    `mount --bind ${folder.path}/resolv.conf /etc/resolv.conf`,
  ]);
  const caFile = folder.write("root.pem", certificates.authority);
  await trial.watch(await front.startPolling({ command, ini: front.ini(WEBEX_NAME, caFile) }));
  return { front, dns, useServer };
}

let lastServer = 0;

/** A dnsmasq on a loopback address of its own, which knows the name of the simulated Webex. */
export class DnsServer {
  /** Loopback addresses of this process alone, as long as few test processes run. */
  readonly address = `127.53.${process.pid % 250}.${(lastServer += 1)}`;
  readonly #folder: TemporaryFolder;
  #process: ChildProcess | null = null;
  #queuedBytes = 0;

  constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  /** `address` null: the name does not exist. */
  async start(address: string | null = "127.0.0.1"): Promise<void> {
    const known = address === null ? [] : [`--host-record=${WEBEX_NAME},${address}`];
    const options = ["--keep-in-foreground", "--no-hosts", "--no-resolv", "--bind-interfaces"];
    const dnsmasq = spawn(
      "dnsmasq",
      [
        ...options,
        ...[`--conf-file=${this.#folder.write("dnsmasq.conf", "")}`, "--user=root"],
        ...["--pid-file=", "--local=/example/", `--listen-address=${this.address}`, ...known],
      ],
      { stdio: "ignore" },
    );
    this.#process = dnsmasq;
    await untilListening(53, this.address, () => dnsmasq.exitCode !== null);
  }

  /** Whether a stopped server has got a query since the last call. proc(5): /proc/net/udp. */
  takeWaitingQuery(): boolean {
    const [a = 0, b = 0, c = 0, d = 0] = this.address.split(".").map(Number);
    const local = Buffer.from([d, c, b, a]).toString("hex").toUpperCase();
    const pattern = new RegExp(`${local}:0035 \\S+ \\S+ \\w+:(\\w+)`);
    const line = pattern.exec(readFileSync("/proc/net/udp", "latin1"));
    const queuedBytes = Number.parseInt(line?.[1] ?? "0", 16);
    const isMore = queuedBytes > this.#queuedBytes;
    this.#queuedBytes = queuedBytes;
    return isMore;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async stop(): Promise<void> {
    const dnsmasq = this.#process;
    this.#process = null;
    if (dnsmasq?.exitCode !== null) return;
    const exited = new Promise((resolve) => dnsmasq.once("exit", resolve));
    dnsmasq.kill("SIGKILL");
    await exited;
  }
}

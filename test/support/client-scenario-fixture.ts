// What every client library does with the worker, whatever its language.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { WorkerHarness } from "./worker-harness.js";

/** What a client needs. Client and grant are a simulated Webex's. */
export interface ClientScenario {
  /** The command that launches the worker. */
  readonly worker: readonly string[];
  readonly address: string;
  readonly client: object;
  readonly grant: object;
}

/** What a client reports. */
export interface ClientReport {
  /** Of one status for each form in which the library leaves parameters out. */
  readonly phases: readonly string[];
  readonly openrpc: string;
  /** The error of `presence/Get`. */
  readonly unknown: ClientError;
  /** The error of `presence/get` without parameters. */
  readonly invalid: ClientError;
  readonly authorization: { readonly state: string };
  readonly subscription: { readonly records: readonly { readonly uri: string }[] };
  readonly cancelled: ClientError;
  readonly changed: { readonly uri: string; readonly state: string };
  readonly record: { readonly uri: string; readonly state: string };
  readonly shutdown: null;
  readonly exitCode: number;
}

interface ClientError {
  readonly code: number;
  readonly message?: string;
}

/** The first sweep takes at least this long, so that a query waits and can be cancelled. */
const LATENCY_MS = 300;

/** Lets a client run the scenario, and checks what it reports. */
export async function runClientScenario(
  run: (scenario: ClientScenario, path: string) => Promise<ClientReport>,
): Promise<void> {
  const harness = await WorkerHarness.start({ enable: 1, latencyMs: LATENCY_MS });
  try {
    await harness.host.shutdown();
    const address = harness.webex.people()[2]!.emails[0]!;
    harness.webex.setStatus(address, "active");
    const { orgId: _orgId, ...grant } = harness.webex.issueGrant();
    const { settingsPath, logDirectory } = harness;
    const options = ["--settings", settingsPath, "--log-dir", logDirectory];
    const worker = [process.execPath, "dist/worker.cjs", ...options, "--secret-store", "memory"];
    const scenario = { worker, address, client: harness.webex.client, grant };
    const path = join(harness.folder, "scenario.json");
    await writeFile(path, JSON.stringify(scenario));
    expectComplete(await run(scenario, path), address);
  } finally {
    await harness.stop();
  }
}

function expectComplete(report: ClientReport, address: string): void {
  expect(report.phases).to.have.length.at.least(3);
  for (const phase of report.phases) expect(phase).to.be.oneOf(["starting", "blocked"]);
  expect(report.openrpc).to.match(/^1\./);
  expect(report.unknown.code).to.equal(-32601);
  expect(report.invalid.code).to.equal(-32602);
  expect(report.invalid.message).to.contain("uri: ");
  expect(report.authorization.state).to.equal("valid");
  expect(report.subscription.records[0]?.uri).to.equal(address);
  expect(report.cancelled.code).to.equal(-32800);
  expect(report.changed).to.include({ uri: address, state: "available" });
  expect(report.record).to.include({ uri: address, state: "available" });
  expect(report.shutdown).to.equal(null);
  expect(report.exitCode).to.equal(0);
}

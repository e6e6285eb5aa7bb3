import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { freePort } from "../support/authorization-harness.js";
import { DashboardClient, readDashboardUrl } from "../support/dashboard-client-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const FOLDER = "examples/prometheus";

function promtool(args: readonly string[], input?: string): { code: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync("promtool", args, {
    encoding: "utf8",
    ...(input !== undefined && { input }),
  });
  return { code: status, text: stdout + stderr };
}

describe("kit: Prometheus", function () {
  this.timeout(60_000);
  let harness: WorkerHarness | null = null;
  let client: DashboardClient;

  before(async function () {
    requireTool(this, "promtool", "prometheus");
    const port = await freePort();
    const ini = [`WebexPresence.DashboardPort=${port}`];
    const worker = await WorkerHarness.startPolling({ ini });
    harness = worker;
    const address = () => readDashboardUrl(worker.logDirectory);
    client = await DashboardClient.open(await worker.waitFor("an address", address));
  });
  after(() => harness?.stop());

  it("finds nothing to improve in the metrics of a worker", async () => {
    const { body, headers } = await client.metrics("text/plain;version=0.0.4");
    expect(headers.get("content-type")).to.match(/^text\/plain; version=0\.0\.4/);
    expect(promtool(["check", "metrics"], body)).to.deep.equal({ code: 0, text: "" });
  });

  it("has rules about metrics that the worker has", async () => {
    const path = join(FOLDER, "alerts.yml");
    const { code, text } = promtool(["check", "rules", path]);
    expect(code, text).to.equal(0);
    const { body } = await client.metrics();
    const named = readFileSync(path, "utf8").match(/ucx_webex_presence_\w+/g) ?? [];
    expect(named).to.have.length.greaterThan(5);
    for (const name of named) expect(body).to.include(`# TYPE ${name.replace(/_total$/, "")} `);
  });

  it("raises each alert when it should, and none for a worker that polls", () => {
    const { code, text } = promtool(["test", "rules", join(FOLDER, "alerts.test.yml")]);
    expect(code, text).to.equal(0);
  });
});

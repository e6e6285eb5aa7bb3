import { spawnSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { freePort, holdPort, releasePort } from "../support/authorization-harness.js";
import { DashboardClient, readDashboardUrl } from "../support/dashboard-client-fixture.js";
import { IS_WINDOWS } from "../support/windows-fixture.js";
import { WorkerHarness, type Status } from "../support/worker-harness.js";

interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe("e2e: the dashboard", function () {
  this.timeout(60_000);
  let harness: WorkerHarness;
  let port: number;
  let ini: readonly string[];

  before(async () => {
    port = await freePort();
    ini = [`WebexPresence.DashboardPort=${port}`, "WebexPresence.LogLevel=error"];
    harness = await WorkerHarness.startPolling();
  });
  after(() => harness.stop());

  const address = (): Promise<string | null> => readDashboardUrl(harness.logDirectory);
  const waitForAddress = (): Promise<string> => harness.waitFor("an address", address);
  const problem = async (): Promise<Status["problems"][number] | null> =>
    (await harness.status()).problems.find(({ code }) => code === "dashboardPortInUse") ?? null;
  const command = (...args: string[]): CommandResult => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["dist/cli.cjs", "dashboard", "--log-dir", harness.logDirectory, ...args],
      { encoding: "utf8" },
    );
    return { code: status, stdout, stderr };
  };
  const open = async (): Promise<DashboardClient> => {
    await harness.writeSettings(1, ini);
    return DashboardClient.open(await waitForAddress());
  };

  it("is off until the setting names a port, and the command says how to switch it on", async () => {
    expect(await address()).to.equal(null);
    const { code, stdout, stderr } = command();
    expect(code).to.equal(1);
    expect(stdout).to.equal("");
    expect(stderr)
      .to.include("switched off")
      .and.to.include("WebexPresence.DashboardPort=8468")
      .and.to.include(harness.settingsPath);
    expect(JSON.parse(command("--json").stdout)).to.include({ ok: false, url: null });
  });

  it("opens within a second of the edit, for those who know the key, and closes as soon", async () => {
    const editedAt = Date.now();
    const client = await open();
    expect(Date.now() - editedAt).to.be.lessThan(3_000);
    expect(client.url).to.match(new RegExp(`^http://localhost:${port}/\\?key=[\\w-]{43}$`));
    const { code, stdout } = command();
    expect([code, stdout]).to.deep.equal([0, `${client.url}\n`]);
    expect(JSON.parse(command("--json").stdout)).to.deep.equal({ ok: true, url: client.url });
    if (!IS_WINDOWS) {
      const { mode } = await stat(join(harness.logDirectory, "dashboard.json"));
      expect(mode & 0o777).to.equal(0o600);
    }

    const page = await client.request("/");
    expect(page.status).to.equal(200);
    expect(page.body).to.not.include(client.key);
    const { people, total } = (await client.json("/people?limit=10&search=a")) as {
      people: { uri: string; state: string }[];
      total: number;
    };
    expect([total, people.length]).to.deep.equal([30, 10]);
    const [event = ""] = await client.events(1);
    expect(JSON.parse(event)).to.have.nested.property("status.phase", "polling");
    expect(await client.json("/history")).to.have.property("intervalSeconds", 10);
    expect(JSON.parse((await client.post("/poll-now")).body)).to.include({ accepted: true });
    expect((await client.post("/poll-now", { orgId: "x" })).status).to.equal(404);

    const { status, body, headers } = await client.metrics();
    expect(status).to.equal(200);
    expect(headers.get("content-type")).to.equal(
      "application/openmetrics-text; version=1.0.0; charset=utf-8",
    );
    expect(body).to.match(/^ucx_webex_presence_phase\{phase="polling"\} 1$/m);
    expect(body).to.match(/^ucx_webex_presence_persons\{org="\w+"\} 30$/m);
    expect(body).to.match(/\n# EOF\n$/);
    for (const person of people) expect(body).to.not.include(person.uri);
    expect((await client.request("/metrics")).status).to.equal(401);

    // The key is where it is to be passed on, and nowhere else.
    const statusText = await readFile(join(harness.logDirectory, "status.json"), "utf8");
    const answers = harness.host.transcript.text("stdout");
    expect(statusText + answers + client.received.join("")).to.not.include(client.key);

    await harness.writeSettings(1, []);
    await harness.waitFor("its end", async () => ((await address()) === null ? true : null));
    await fetch(client.origin).then(
      () => expect.fail("The dashboard is still open."),
      () => undefined,
    );
    await harness.writeSettings(1, [ini[0]!]);
    expect(await waitForAddress()).to.equal(client.url);
    await harness.waitFor("its record", async () => {
      const log = await readFile(join(harness.logDirectory, "worker.log"), "utf8");
      return log.includes(client.url) ? true : null;
    });
  });

  it("says that another program has the port, and opens as soon as it is free", async () => {
    await harness.writeSettings(1, []);
    await harness.waitFor("its end", async () => ((await address()) === null ? true : null));
    const other = await holdPort(port, "127.0.0.1");
    await harness.writeSettings(1, ini);
    const { message, hint, severity } = await harness.waitFor("the problem", problem);
    expect(severity).to.equal("warning");
    expect(message).to.include(`Port ${port}`).and.to.include("Presence is not affected");
    expect(hint).to.include("WebexPresence.DashboardPort");
    const { code, stderr } = command();
    expect(code).to.equal(1);
    expect(stderr).to.include(`Port ${port}`);
    expect((await harness.status()).phase).to.equal("polling");
    await releasePort(other);
    await harness.waitFor("its end", async () => ((await problem()) === null ? true : null), 8_000);
    expect((await fetch(await waitForAddress(), { redirect: "manual" })).status).to.equal(303);
  });

  it("has another key in each process, and the file goes with the process", async () => {
    const before = await open();
    await harness.host.shutdown();
    expect(await address()).to.equal(null);
    expect(command().stderr).to.include("is not running");
    const host = harness.newHost();
    await host.start();
    try {
      const url = await waitForAddress();
      expect(url).to.not.equal(before.url);
      const after = await DashboardClient.open(url);
      const withKey = await fetch(before.url, { redirect: "manual" });
      expect(withKey.status).to.equal(403);
      const withCookie = await fetch(after.origin, { headers: { cookie: before.cookie } });
      expect(withCookie.status).to.equal(403);
      expect((await after.request("/")).status).to.equal(200);
      host.kill("SIGKILL");
      await host.exited();
      // What a killed worker leaves behind is not taken for an address.
      expect(await address()).to.equal(url);
      const { code, stdout, stderr } = command();
      expect([code, stdout]).to.deep.equal([1, ""]);
      expect(stderr).to.include("is not running");
    } finally {
      await host.shutdown();
    }
  });
});

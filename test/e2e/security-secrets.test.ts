import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect } from "chai";

import { approveDevice } from "../../simulator/administrator.js";
import { AuthorizationHarness, freePort, type Flow } from "../support/authorization-harness.js";
import { CliRun, type CliResult } from "../support/cli-harness.js";
import { DashboardClient, readDashboardUrl } from "../support/dashboard-client-fixture.js";
import { KEYRING_TOOLS, startKeyring, type Keyring } from "../support/keyring-fixture.js";
import { processTree } from "../support/proc-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { findSecrets } from "../support/secret-search-fixture.js";
import { skip } from "../support/windows-fixture.js";

const PROXY_USER = "proxy-user";
/** With characters that encodings change. */
const PROXY_PASSWORD = 'planted "pass\\word" & 100% +/=';
const BASIC_PROXY = Buffer.from(`${PROXY_USER}:${PROXY_PASSWORD}`).toString("base64");

/** An http proxy with a password, which repeats what it was sent when it refuses. */
class EchoingProxy {
  /** Values of forms that are secret: codes, verifiers, tokens. */
  readonly seen = new Set<string>();
  refusals = 0;
  readonly #server: Server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const body = Buffer.concat(chunks);
      for (const name of ["code", "code_verifier", "device_code", "refresh_token", "token"]) {
        const value = new URLSearchParams(body.toString()).get(name);
        if (value !== null) this.seen.add(value);
      }
      const { "proxy-authorization": credentials, ...headers } = incoming.headers;
      if (credentials !== `Basic ${BASIC_PROXY}`) {
        this.refusals += 1;
        outgoing.writeHead(407, { "proxy-authenticate": "Basic" });
        outgoing.end(`Refused: ${JSON.stringify(incoming.headers)} ${body.toString()}`);
        return;
      }
      const { method = "" } = incoming;
      const forwarded = httpRequest(incoming.url ?? "", { method, headers }, (response) => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(outgoing);
      });
      forwarded.on("error", () => outgoing.destroy()).end(body);
    });
  });

  async start(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** Throws what axios throws, with everything that the latest request sent, as soon as told to. */
const PRELOAD = `
const http = require("node:http");
const { existsSync } = require("node:fs");
const { request } = http;
let latest = null;
http.request = (...args) => {
  const sent = request(...args);
  const { end } = sent;
  sent.end = (data, ...rest) => {
    const authorization = sent.getHeader("authorization");
    if (authorization !== undefined) latest = { authorization, data: String(data ?? "") };
    return end.call(sent, data, ...rest);
  };
  return sent;
};
const timer = setInterval(() => {
  if (!process.env.PLANTED_CRASH || !existsSync(process.env.PLANTED_CRASH)) return;
  clearInterval(timer);
  const { authorization, data } = latest;
  const config = { headers: { Authorization: authorization }, data };
  const request = { _header: "GET / HTTP/1.1\\r\\nAuthorization: " + authorization };
  const axiosError = Object.assign(new Error("Refused: " + authorization), {
    name: "AxiosError", config, request, response: { config, request, data: authorization },
  });
  throw new Error("The request failed with " + authorization, { cause: axiosError });
}, 50).unref();
`;

function isAuthorizedDevice(flow: Flow | null): boolean {
  return flow?.method === "device" && flow.state === "authorized";
}

/** Every file below a folder, with its path. */
function filesBelow(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .map((path) => [path, readFileSync(path, "latin1")]);
}

describe("e2e: a whole life of the worker writes no secret anywhere", function () {
  this.timeout(180_000);
  let keyring: Keyring;
  let proxy: EchoingProxy;
  let harness: AuthorizationHarness;
  let temporary: string;
  let env: Record<string, string>;
  const output: string[] = [];
  /** Everything that the dashboard has sent. */
  const dashboard: string[] = [];
  /** Command lines and environments of every process that this one has started, by process ID. */
  const processes = new Map<number, string>();

  before(function () {
    if (process.platform !== "linux") skip(this, "only Linux shows other processes in /proc");
    for (const [tool, debianPackage] of KEYRING_TOOLS) requireTool(this, tool, debianPackage);
  });
  beforeEach(async () => {
    keyring = await startKeyring();
    proxy = new EchoingProxy();
    temporary = join(keyring.home, "tmp");
    mkdirSync(temporary);
    const preload = join(keyring.home, "preload.cjs");
    await writeFile(preload, PRELOAD);
    env = {
      ...keyring.env,
      TMPDIR: temporary,
      DEBUG: "*",
      NODE_DEBUG: "http,https,net,tls,stream,child_process",
      NODE_OPTIONS: `--require=${preload}`,
      PLANTED_CRASH: join(keyring.home, "crash"),
    };
    harness = await AuthorizationHarness.start({
      secretStore: "keychain",
      extraArgs: ["--log-level", "debug"],
      env,
    });
  });
  afterEach(async () => {
    try {
      await harness.stop();
    } finally {
      proxy.stop();
      await keyring.stop();
    }
  });

  const run = (args: readonly string[], input: string | null = ""): CliRun =>
    new CliRun(
      [process.execPath, "dist/cli.cjs", ...args, "--settings", harness.worker.settingsPath],
      { env, input, output },
    );
  const command = (args: readonly string[], input = ""): Promise<CliResult> =>
    run(args, input).ended();
  const request = (method: string, params: object = {}): Promise<unknown> =>
    harness.worker.host.request(method, params).then(
      (result) => result,
      (error: unknown) => error,
    );
  const readDashboard = async (): Promise<void> => {
    const url = await harness.worker.waitFor("the dashboard", () =>
      readDashboardUrl(harness.worker.logDirectory),
    );
    const client = await DashboardClient.open(url);
    await client.requestEverything();
    dashboard.push(url, ...client.received);
  };
  const secrets = (): string[] => {
    const { clientId, clientSecret } = harness.webex.client;
    const basic = Buffer.from(`${clientId}:${clientSecret}`).toString("base64");
    const planted = [clientSecret, basic, PROXY_PASSWORD, BASIC_PROXY];
    return [...new Set([...harness.webex.issuedSecrets, ...proxy.seen, ...planted])];
  };

  it("through flows, renewals, refusals, a proxy, commands and a crash", async () => {
    const observing = setInterval(() => {
      for (const { pid, commandLine, environment } of processTree(process.pid, false))
        processes.set(pid, `${processes.get(pid) ?? ""}\n${commandLine}\n${environment}`);
    }, 25);
    try {
      await live();
    } finally {
      clearInterval(observing);
    }

    const written = [
      ["stdout", harness.worker.host.transcript.text("stdout")],
      ["stderr", harness.worker.host.transcript.text("stderr")],
      ["the command line", output.join("\n")],
      ["the dashboard", dashboard.join("\n")],
      ...filesBelow(harness.worker.folder),
      ...filesBelow(temporary),
      ...filesBelow(join(keyring.home, "STATE_HOME")),
      ["the processes", [...processes.values()].join("\n")],
    ] as const;
    const names = written.map(([name]) => name).join("\n");
    expect(names).to.include("worker.log").and.to.include("status.json");
    for (const text of ["authorizationExpired", "# EOF", "displayName", "refreshTokenExpiresAt"])
      expect(dashboard.join("\n")).to.include(text);
    expect(harness.worker.host.transcript.dropped).to.equal(0);
    // What the search relies on: the secrets were in use, and the output was written.
    expect(secrets().length).to.be.greaterThan(15);
    expect(proxy.refusals).to.be.greaterThan(0);
    const stderr = harness.worker.host.transcript.text("stderr");
    expect(stderr)
      .to.match(/ debug /)
      .and.to.include("because of a defect");
    const commandLines = [...processes.values()].join("\n");
    expect(commandLines)
      .to.include("worker.cjs")
      .and.to.match(/keytar/);
    for (const [name, text] of written)
      expect(findSecrets(text, secrets()), name).to.deep.equal([]);
  });

  async function live(): Promise<void> {
    const { webex } = harness;
    webex.set({ deviceIntervalSeconds: 1, rotateRefreshToken: true });
    const proxyPort = await proxy.start();
    const settings = [
      `WebexPresence.Proxy=http://${PROXY_USER}@127.0.0.1:${proxyPort}`,
      `WebexPresence.RedirectPort=${harness.port}`,
      "WebexPresence.Authorize=browser",
      "WebexPresence.RequestsPerMinute=600",
      `WebexPresence.DashboardPort=${await freePort()}`,
    ];
    await harness.worker.writeSettings(1, settings);
    const page = await harness.waitForPage();

    // Without the password, the proxy repeats everything that it was sent.
    const { orgId: _orgId, ...grant } = webex.issueGrant();
    expect(await request("authorization/import", grant)).to.include({ code: 1301 });
    const stored = await command(["secret", "proxy"], `${PROXY_PASSWORD}\n`);
    expect(stored.code, stored.stderr).to.equal(0);
    expect(await request("authorization/setProxyPassword", { password: PROXY_PASSWORD })).to.equal(
      null,
    );

    await harness.decide(page);
    await harness.waitForFlow(
      "authorized",
      () => harness.changes.at(-1)?.authorizations.length === 1,
    );
    await harness.worker.waitForSweep();
    await harness.request(`/${new URL(page).search}`);
    await harness.complete(page);

    await readDashboard();

    const device = (await request("authorization/begin", { method: "device" })) as {
      verificationUri: string;
      userCode: string;
    };
    await readDashboard();
    await approveDevice(device.verificationUri, device.userCode);
    await harness.worker.waitFor(
      "the end of the device flow",
      () => (harness.changes.some(({ flow }) => isAuthorizedDevice(flow)) ? true : null),
      15_000,
    );

    for (const [method, params] of [
      ["authorization/import", grant],
      ["authorization/import", { refreshToken: `${grant.refreshToken}x` }],
      ["authorization/import", { refreshToken: grant.accessToken, expiresIn: "soon" }],
      ["authorization/setClient", { ...webex.client, clientSecret: 7 }],
      ["authorization/list", {}],
      ["worker/status", {}],
      ["rpc.discover", {}],
      ["presence/list", {}],
    ] as const)
      await request(method, params);

    // A renewal; then a server that repeats the token in its refusals; then refused grants.
    const mark = webex.requestsSince(0).length;
    webex.expireAccessTokens();
    await request("worker/poll");
    await harness.worker.waitFor(
      "a renewal",
      () => (webex.requestsSince(mark, { path: "/v1/access_token" }).length > 0 ? true : null),
      10_000,
    );
    const body = { message: `Not accepted: ${[...webex.issuedSecrets].join(" ")}` };
    webex.fail({ kind: "status", status: 500, body, path: "/v1/people" });
    await request("worker/poll");
    await harness.worker.waitFor(
      "the refusal",
      () => (webex.faults.length === 0 ? true : null),
      10_000,
    );
    // A server that repeats them in a success: whole, and a part of one.
    const [{ id: ownOrg } = { id: "" }] = webex.organizations;
    for (const isWhole of [true, false]) {
      const { orgId: _same, ...fresh } = webex.issueGrant();
      const { refreshToken } = fresh;
      const echo = isWhole ? [...webex.issuedSecrets].join(" ") : refreshToken.slice(0, -1);
      const body = { id: ownOrg, displayName: `Named ${echo}` };
      webex.fail({ kind: "status", status: 200, body, path: `/v1/organizations/${ownOrg}` });
      await request("authorization/import", fresh);
      expect(webex.faults).to.deep.equal([]);
      await request("authorization/list");
      await request("worker/status");
    }
    webex.endGrants();
    await request("worker/poll");
    await harness.waitForProblem("authorizationExpired", 20_000);
    await readDashboard();

    for (const [args, input] of [
      [["doctor"]],
      [["doctor", "--json"]],
      [["status", "--log-dir", harness.worker.logDirectory, "--json"]],
      [["dashboard", "--log-dir", harness.worker.logDirectory, "--json"]],
      [["authorizations", "--json"]],
      [["import"], JSON.stringify(grant)],
      [["import", "--json"], `{"refreshToken":"${grant.refreshToken}","expiresIn":"soon"}`],
      [["secret", "client", "--json"], `${webex.client.clientId}\n${webex.client.clientSecret}\n`],
    ] as const)
      await command(args, input);
    const watching = run(["watch"], null);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await watching.stop("SIGTERM");

    await request("authorization/revoke", { orgId: ownOrg });
    await writeFile(env.PLANTED_CRASH ?? "", "");
    expect((await harness.worker.host.exited()).code).to.equal(70);
  }
});

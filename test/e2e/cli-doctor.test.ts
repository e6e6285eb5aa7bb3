import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { makeCertificates } from "../support/certificates-fixture.js";
import { TestProxy } from "../support/http-fixture.js";
import { requireKeychain, startKeychain, type TestKeychain } from "../support/keychain-fixture.js";
import { startKeyring } from "../support/keyring-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { ALWAYS_UNLOCKED, skipOnWindows } from "../support/windows-fixture.js";
import { CliHarness, type Finding, type JsonOutput } from "../support/cli-harness.js";

const ALL_CHECKS = [
  "settings",
  "account",
  "keychain",
  "log folder",
  "DNS",
  "TLS",
  "proxy",
  "address",
  "clock",
  "client",
  "grant",
  "scopes",
  "role",
  "status sharing",
  "organization size",
  "worker",
];

describe("e2e: the command line: doctor", function () {
  this.timeout(90_000);
  let keyring: TestKeychain;
  let harness: CliHarness;

  before(function () {
    requireKeychain(this);
  });

  beforeEach(async () => {
    keyring = await startKeychain();
    harness = await CliHarness.start(keyring.env);
  });

  afterEach(async () => {
    const output = harness.output.join("\n");
    const leaked = [...harness.webex.issuedSecrets].filter((secret) => output.includes(secret));
    await harness.stop();
    await keyring.stop();
    expect(leaked.length, "secrets printed").to.equal(0);
  });

  async function authorize(
    options: Parameters<CliHarness["webex"]["issueGrant"]>[0] = {},
  ): Promise<string> {
    await harness.run(["secret", "client"], harness.clientLines());
    const { orgId, ...grant } = harness.webex.issueGrant(options);
    const { code, stderr } = await harness.run(["import"], JSON.stringify(grant));
    expect(code, stderr).to.equal(0);
    return orgId;
  }

  async function runDoctor(): Promise<{
    code: number | null;
    finding: (name: string) => Finding;
    checks: readonly Finding[];
    conclusion: JsonOutput["conclusion"];
  }> {
    const { code, value } = await harness.json(["doctor"]);
    const { checks, conclusion } = value;
    const finding = (name: string): Finding => {
      const finding = checks.find((check) => check.name === name);
      if (finding === undefined) throw new Error(`no ${name} in ${JSON.stringify(checks)}`);
      return finding;
    };
    expect(value.ok).to.equal(code === 0);
    for (const { state, hint, code } of checks) {
      const isWrong = state === "warning" || state === "failed";
      expect([hint !== null, code !== null], state).to.deep.equal([isWrong, isWrong]);
    }
    return { code, finding, checks, conclusion };
  }

  it("prints one line per finding, and exits 0 if only addresses are unreachable", async () => {
    const orgId = await authorize();
    const { code, checks, finding, conclusion } = await runDoctor();
    expect(conclusion).to.deep.equal({
      works: false,
      code: "workerNotRunning",
      text: "Presence will work as soon as the worker runs: start the UCX Presence service, which launches it.",
      command: null,
    });
    expect(code, JSON.stringify(checks, null, 1)).to.equal(0);
    expect([...new Set(checks.map(({ name }) => name))]).to.deep.equal(ALL_CHECKS);
    const expected = ["address", "worker"];
    expect(
      checks.filter(({ name, state }) => !expected.includes(name) && state !== "ok"),
    ).to.deep.equal([]);
    expect(finding("worker")).to.include({ state: "warning" });
    expect(finding("worker").message).to.include("No worker is running for the log folder");
    expect(checks.filter((check) => check.orgId !== null).map((check) => check.orgId)).to.include(
      orgId,
    );
    expect(
      checks.filter(({ name }) => name === "address").map(({ message }) => message.split(":")[0]),
    ).to.deep.equal(["webexapis.com", "imagicle.com", "api.imagicle.com"]);

    const plain = await harness.run(["doctor"]);
    const lines = plain.stdout.trimEnd().split("\n");
    expect(lines).to.have.length(checks.length + 2);
    expect(lines[0]).to.match(/^ok {4}settings /);
    expect(lines.at(-1)).to.equal(conclusion?.text);
    expect(plain.stdout).to.not.include("\u001b");
  });

  it("reports what is missing and continues with the other checks", async () => {
    await harness.writeSettings(
      "WebexPresence.PollIntervalSeconds=1",
      "WebexPresence.ClientId=nobody",
    );
    const { code, finding } = await runDoctor();
    expect(code).to.equal(1);
    expect(finding("settings")).to.include({ state: "warning" });
    expect(finding("settings").message).to.include("PollIntervalSeconds=1");
    expect(finding("keychain").state).to.equal("ok");
    expect(finding("client").state).to.equal("failed");
    expect(finding("clock").state).to.equal("ok");
  });

  it("fails if Webex is unreachable", async () => {
    await authorize();
    await harness.writeSettings("WebexPresence.ApiUrl=http://127.0.0.1:1/v1");
    const { code, finding, conclusion } = await runDoctor();
    expect(code).to.equal(1);
    expect(conclusion?.text).to.equal(
      "Presence does not work until this machine can connect to Webex: check WebexPresence.ApiUrl, the firewall and the proxy.",
    );
    expect(finding("TLS").state).to.equal("failed");
    expect(finding("TLS").message).to.include("refused");
    expect(finding("clock").state).to.equal("skipped");
    expect(finding("grant").state, "a grant for another address").to.equal("failed");
  });

  it("trusts only the default roots and WebexPresence.CaFile", async function () {
    const { authority, good: tls } = makeCertificates();
    await harness.stop();
    harness = await CliHarness.start(keyring.env, { tls });
    const untrusted = await runDoctor();
    expect(untrusted.code).to.equal(1);
    expect(untrusted.finding("TLS").state).to.equal("failed");
    expect(untrusted.finding("TLS").hint).to.include("WebexPresence.CaFile");

    const caFile = join(harness.folder, "ca.pem");
    await writeFile(caFile, authority);
    await harness.writeSettings(`WebexPresence.CaFile=${caFile}`);
    await authorize();
    const trusted = await runDoctor();
    expect(trusted.finding("TLS").state, trusted.finding("TLS").message).to.equal("ok");
    expect(trusted.code).to.equal(0);

    await harness.writeSettings(`WebexPresence.CaFile=${caFile}.gone`);
    expect((await runDoctor()).finding("TLS").state).to.equal("failed");
  });

  it("fails if the proxy is unreachable or unusable", async () => {
    await authorize();
    await harness.writeSettings("WebexPresence.Proxy=http://127.0.0.1:1");
    const { code, finding } = await runDoctor();
    expect(code).to.equal(1);
    expect(finding("proxy").state).to.equal("failed");
    expect(finding("TLS").state).to.equal("skipped");

    await harness.writeSettings("WebexPresence.Proxy=http://proxy.invalid:3128");
    const { conclusion } = await runDoctor();
    expect(conclusion?.text).to.equal(
      "Presence does not work until this machine can resolve names: check the host name in WebexPresence.Proxy (or in HTTPS_PROXY) and the DNS servers of this machine.",
    );
  });

  it("waits for the keychain if it has the password of the proxy", async function () {
    requireTool(this, "tinyproxy", "tinyproxy");
    const { authority, good: tls } = makeCertificates();
    await harness.stop();
    harness = await CliHarness.start(keyring.env, { tls });
    const caFile = join(harness.folder, "ca.pem");
    await writeFile(caFile, authority);
    await harness.writeSettings(`WebexPresence.CaFile=${caFile}`);
    await authorize();
    const proxy = await TestProxy.start({ user: "user", password: "pass" });
    try {
      await harness.writeSettings(
        `WebexPresence.CaFile=${caFile}`,
        `WebexPresence.Proxy=http://user@127.0.0.1:${proxy.port}`,
      );
      await harness.run(["secret", "proxy"], "pass\n");
      const { code, finding } = await runDoctor();
      expect(finding("proxy")).to.deep.include({ state: "ok", hint: null });
      expect(code).to.equal(0);
    } finally {
      await proxy.stop();
    }
  });

  it("fails if the grant is revoked, a scope is missing, the role is lost, or sharing is off", async () => {
    await authorize();
    harness.webex.set({ sharingOff: true });
    expect((await runDoctor()).finding("status sharing").state).to.equal("failed");
    harness.webex.set({ sharingOff: false, roleLost: true });
    expect((await runDoctor()).finding("role").state).to.equal("failed");
    harness.webex.set({ roleLost: false });
    harness.webex.endGrants();
    const revoked = await runDoctor();
    expect(revoked.code).to.equal(1);
    expect(revoked.finding("grant").state).to.equal("failed");
    expect(revoked.finding("role").state).to.equal("skipped");
    await authorize({ scopes: ["spark-admin:people_read"] });
    expect((await runDoctor()).finding("scopes").state).to.equal("failed");
  });

  it("asks the running worker to try again when Webex accepts the organization again", async () => {
    await authorize();
    const worker = harness.launch(["worker"], null);
    const problems = async (): Promise<readonly string[]> => {
      const { value } = await harness.json(["status"]);
      return (value.problems ?? []).map(({ code }) => code);
    };
    const waitForProblems = async (expected: readonly string[]): Promise<void> => {
      const deadline = Date.now() + 15_000;
      let found: readonly string[] = [];
      while (Date.now() < deadline) {
        found = await problems();
        if (found.join() === expected.join()) return;
      }
      expect(found).to.deep.equal(expected);
    };
    try {
      harness.webex.set({ roleLost: true });
      await waitForProblems(["adminRoleLost"]);
      const refused = await runDoctor();
      expect(refused.finding("worker")).to.include({ state: "warning" });
      expect(refused.finding("worker").message).to.include("reports adminRoleLost");
      harness.webex.set({ roleLost: false });
      const accepted = await runDoctor();
      expect(accepted.code).to.equal(0);
      expect(accepted.conclusion).to.include({ works: true, code: null });
      expect(refused.conclusion).to.include({ works: false, code: "adminRoleLost" });
      expect(accepted.finding("worker")).to.include({ state: "ok", hint: null });
      expect(accepted.finding("worker").message).to.include(
        "The running worker has been asked to try again.",
      );
      await waitForProblems([]);
    } finally {
      await worker.stop("SIGTERM");
    }
  });

  it("warns of a wrong clock and a large organization", async () => {
    await harness.stop();
    harness = await CliHarness.start(keyring.env, {
      organizations: [{ name: "Large", persons: 1_050, seed: 3 }],
      maxPageSize: 500,
    });
    await authorize();
    harness.webex.fail({
      kind: "status",
      path: "/v1",
      times: 1,
      status: 404,
      body: "empty",
      headers: { Date: new Date(Date.now() - 120_000).toUTCString() },
    });
    const { code, finding } = await runDoctor();
    expect(code).to.equal(0);
    expect(finding("clock").state).to.equal("warning");
    expect(finding("clock").message).to.include("ahead");
    expect(finding("organization size").state).to.equal("warning");
    expect(finding("organization size").message).to.include("1050");
  });

  it("fails if the settings file is missing", async () => {
    const missing = await harness.run(["doctor", "--settings", `${harness.folder}/none.ini`]);
    expect(missing.code).to.not.equal(0);
  });

  it("fails if the keychain is locked", async function () {
    skipOnWindows(this, ALWAYS_UNLOCKED);
    const locked = await startKeyring({ locked: true });
    const other = await CliHarness.start(locked.env);
    const { code, value } = await other.json(["doctor"]);
    await other.stop();
    await locked.stop();
    const keychain = value.checks.find(({ name }) => name === "keychain");
    expect(code).to.equal(1);
    expect(keychain).to.include({ state: "failed" });
    expect(keychain?.hint).to.match(/unlock/i);
    const scopes = value.checks.find(({ name }) => name === "scopes");
    expect(scopes?.message).to.equal("not checked: the keychain cannot be read");
  });
});

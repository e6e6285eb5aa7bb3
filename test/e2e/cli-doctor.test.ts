import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { makeCertificates } from "../support/http-fixtures.js";
import { KEYRING_TOOLS, startKeyring, type Keyring } from "../support/keyring.js";
import { requireTool } from "../support/require-tool.js";
import { CliRig, type Finding } from "./cli-rig.js";

const ALL_CHECKS = [
  "settings",
  "account",
  "keychain",
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
];

describe("e2e: doctor", function () {
  this.timeout(90_000);
  let keyring: Keyring;
  let rig: CliRig;

  before(function () {
    for (const [tool, debianPackage] of KEYRING_TOOLS) requireTool(this, tool, debianPackage);
  });

  beforeEach(async () => {
    keyring = await startKeyring();
    rig = await CliRig.start(keyring.env);
  });

  afterEach(async () => {
    const said = rig.said.join("\n");
    const leaked = [...rig.webex.issuedSecrets].filter((secret) => said.includes(secret));
    await rig.stop();
    await keyring.stop();
    expect(leaked.length, "secrets printed").to.equal(0);
  });

  async function authorize(options: Parameters<CliRig["webex"]["issueGrant"]>[0] = {}): Promise<string> {
    await rig.run(["secret", "client"], rig.clientLines());
    const { orgId, ...grant } = rig.webex.issueGrant(options);
    const { code, stderr } = await rig.run(["import"], JSON.stringify(grant));
    expect(code, stderr).to.equal(0);
    return orgId;
  }

  async function examine(): Promise<{ code: number | null; found: (name: string) => Finding; checks: readonly Finding[] }> {
    const { code, value } = await rig.json(["doctor"]);
    const { checks } = value;
    const found = (name: string): Finding => {
      const finding = checks.find((check) => check.name === name);
      if (finding === undefined) throw new Error(`no ${name} in ${JSON.stringify(checks)}`);
      return finding;
    };
    expect(value.ok).to.equal(code === 0);
    for (const { state, hint } of checks) expect(hint !== null, state).to.equal(state === "warning" || state === "failed");
    return { code, found, checks };
  }

  it("says one line each, and exits 0 with nothing worse than addresses out of reach", async () => {
    const orgId = await authorize();
    const { code, checks } = await examine();
    expect(code, JSON.stringify(checks, null, 1)).to.equal(0);
    expect([...new Set(checks.map(({ name }) => name))]).to.deep.equal(ALL_CHECKS);
    expect(checks.filter(({ name, state }) => name !== "address" && state !== "ok")).to.deep.equal([]);
    expect(checks.filter((check) => check.orgId !== null).map((check) => check.orgId)).to.include(orgId);
    expect(checks.filter(({ name }) => name === "address").map(({ message }) => message.split(":")[0])).to.deep.equal([
      "webexapis.com",
      "imagicle.com",
      "api.imagicle.com",
    ]);

    const plain = await rig.run(["doctor"]);
    const lines = plain.stdout.trimEnd().split("\n");
    expect(lines).to.have.length(checks.length + 2);
    expect(lines[0]).to.match(/^ok {4}settings /);
    expect(plain.stdout).to.not.include("\u001b");
  });

  it("names what is missing, and goes on with the rest", async () => {
    await rig.writeSettings("WebexPresence.PollIntervalSeconds=1", "WebexPresence.ClientId=nobody");
    const { code, found } = await examine();
    expect(code).to.equal(1);
    expect(found("settings")).to.include({ state: "warning" });
    expect(found("settings").message).to.include("PollIntervalSeconds=1");
    expect(found("keychain").state).to.equal("ok");
    expect(found("client").state).to.equal("failed");
    expect(found("clock").state).to.equal("ok");
  });

  it("fails where Webex is out of reach", async () => {
    await authorize();
    await rig.writeSettings("WebexPresence.ApiUrl=http://127.0.0.1:1/v1");
    const { code, found } = await examine();
    expect(code).to.equal(1);
    expect(found("TLS").state).to.equal("failed");
    expect(found("TLS").message).to.include("refused");
    expect(found("clock").state).to.equal("skipped");
    expect(found("grant").state, "a grant of another address").to.equal("failed");
  });

  it("trusts https by the usual roots and WebexPresence.CaFile alone", async function () {
    requireTool(this, "openssl", "openssl");
    const { authority, good: tls } = makeCertificates();
    await rig.stop();
    rig = await CliRig.start(keyring.env, { tls });
    const untrusted = await examine();
    expect(untrusted.code).to.equal(1);
    expect(untrusted.found("TLS").state).to.equal("failed");
    expect(untrusted.found("TLS").hint).to.include("WebexPresence.CaFile");

    const caFile = join(rig.folder, "ca.pem");
    await writeFile(caFile, authority);
    await rig.writeSettings(`WebexPresence.CaFile=${caFile}`);
    await authorize();
    const trusted = await examine();
    expect(trusted.found("TLS").state, trusted.found("TLS").message).to.equal("ok");
    expect(trusted.code).to.equal(0);

    await rig.writeSettings(`WebexPresence.CaFile=${caFile}.gone`);
    expect((await examine()).found("TLS").state).to.equal("failed");
  });

  it("fails where the proxy is out of reach or cannot be used", async () => {
    await authorize();
    await rig.writeSettings("WebexPresence.Proxy=http://127.0.0.1:1");
    const { code, found } = await examine();
    expect(code).to.equal(1);
    expect(found("proxy").state).to.equal("failed");
    expect(found("TLS").state).to.equal("skipped");
  });

  it("fails where the grant is dead, a scope is missing, the role is lost, or sharing is off", async () => {
    await authorize();
    rig.webex.set({ sharingOff: true });
    expect((await examine()).found("status sharing").state).to.equal("failed");
    rig.webex.set({ sharingOff: false, roleLost: true });
    expect((await examine()).found("role").state).to.equal("failed");
    rig.webex.set({ roleLost: false });
    rig.webex.endGrants();
    const dead = await examine();
    expect(dead.code).to.equal(1);
    expect(dead.found("grant").state).to.equal("failed");
    expect(dead.found("role").state).to.equal("skipped");
    await authorize({ scopes: ["spark-admin:people_read"] });
    expect((await examine()).found("scopes").state).to.equal("failed");
  });

  it("warns of a clock that is off and of an organization that is large", async () => {
    await rig.stop();
    rig = await CliRig.start(keyring.env, {
      organizations: [{ name: "Large", persons: 1_050, seed: 3 }],
      maxPageSize: 500,
    });
    await authorize();
    rig.webex.fail({
      kind: "status",
      path: "/v1",
      times: 1,
      status: 404,
      body: "empty",
      headers: { Date: new Date(Date.now() - 120_000).toUTCString() },
    });
    const { code, found } = await examine();
    expect(code).to.equal(0);
    expect(found("clock").state).to.equal("warning");
    expect(found("clock").message).to.include("ahead");
    expect(found("organization size").state).to.equal("warning");
    expect(found("organization size").message).to.include("1050");
  });

  it("fails where the keychain is locked or the settings file is missing", async () => {
    const locked = await startKeyring({ locked: true });
    const other = await CliRig.start(locked.env);
    const { code, value } = await other.json(["doctor"]);
    await other.stop();
    await locked.stop();
    const keychain = value.checks.find(({ name }) => name === "keychain");
    expect(code).to.equal(1);
    expect(keychain).to.include({ state: "failed" });
    expect(keychain?.hint).to.match(/unlock/i);

    const missing = await rig.run(["doctor", "--settings", `${rig.folder}/none.ini`]);
    expect(missing.code).to.not.equal(0);
  });
});

import { expect } from "chai";

import { approveDevice, consent } from "../../simulator/administrator.js";
import { closedPort } from "../support/http-fixture.js";
import { requireKeychain, startKeychain, type TestKeychain } from "../support/keychain-fixture.js";
import { Keyring } from "../support/keyring-fixture.js";
import { ALWAYS_UNLOCKED, NO_SIGNALS, skipOnWindows } from "../support/windows-fixture.js";
import { CliHarness, type CliRun } from "../support/cli-harness.js";

const KEY_ADDRESS = /http:\/\/localhost:(\d+)\/\?key=([\w-]+)/;

describe("e2e: the command line: authorization", function () {
  this.timeout(90_000);
  let keyring: TestKeychain;
  let harness: CliHarness;
  let port: number;

  before(function () {
    requireKeychain(this);
  });

  beforeEach(async () => {
    keyring = await startKeychain();
    harness = await CliHarness.start(keyring.env);
    port = await closedPort();
    harness.webex.addRedirectUri(`http://localhost:${port}/oauth/callback`);
    await harness.writeSettings(`WebexPresence.RedirectPort=${port}`);
  });

  afterEach(async () => {
    const output = harness.output.join("\n");
    const leaked = [...harness.webex.issuedSecrets, harness.webex.client.clientSecret].filter(
      (secret) => output.includes(secret),
    );
    await harness.stop();
    await keyring.stop();
    expect(leaked.length, "secrets printed").to.equal(0);
  });

  const issueGrant = (orgIndex = 0) => {
    const { orgId, ...grant } = harness.webex.issueGrant({ orgIndex });
    return { orgId, grant };
  };

  /** Authorizes on the page of a running `authorize`, as the administrator. */
  async function acceptConsent(run: CliRun): Promise<{ page: string; key: string }> {
    const [, at = "", key = ""] = await run.waitForOutput(KEY_ADDRESS);
    const page = `http://localhost:${at}`;
    const redirect = await fetch(`${page}/authorize?key=${key}`, { redirect: "manual" });
    const back = await consent(redirect.headers.get("location") ?? "");
    expect(back.status).to.equal(200);
    return { page, key };
  }

  it("stores the client, authorizes on the page, lists and revokes", async () => {
    const stored = await harness.run(["secret", "client"], harness.clientLines());
    expect(stored).to.include({ code: 0, stderr: "" });
    expect(JSON.parse((await keyring.lookup("client")) ?? "{}")).to.include(harness.webex.client);

    const authorizing = harness.launch(["authorize"]);
    const { page, key } = await acceptConsent(authorizing);
    const title = await (await fetch(`${page}/?key=${key}`)).text();
    expect(title).to.include("Webex integration authorization");
    expect(
      (await fetch(`${page}/complete`, { method: "POST", body: new URLSearchParams({ key }) }))
        .status,
    ).to.equal(200);
    const authorized = await authorizing.ended();
    expect(authorized.code, authorized.stderr).to.equal(0);
    const { orgId } = issueGrant();
    for (const fact of [
      "Example Ltd",
      orgId,
      "spark-admin:people_read",
      "Authorized by",
      "Valid until",
    ]) {
      expect(authorized.stdout).to.include(fact);
    }

    const listed = await harness.run(["authorizations"]);
    expect(listed.code).to.equal(0);
    expect(listed.stdout).to.match(/Example Ltd {2}valid/);
    const { code, value } = await harness.json(["authorizations"]);
    expect(code).to.equal(0);
    expect(value).to.deep.include({ ok: true });
    expect(value.authorizations).to.have.length(1);
    expect(value.authorizations[0]).to.include({ orgId, orgName: "Example Ltd", state: "valid" });

    const revoked = await harness.json(["revoke", orgId]);
    expect(revoked.code).to.equal(0);
    expect(revoked.value).to.include({ ok: true, orgId, revokedAtWebex: true });
    const empty = await harness.run(["authorizations"]);
    expect(empty.code).to.equal(0);
    expect(empty.stdout).to.include("No organization is authorized");
    const repeated = await harness.run(["revoke", orgId]);
    expect(repeated.code).to.equal(1);
    expect(repeated.stderr).to.include("ucx-webex-presence authorizations");
  });

  it("authorize stores the client, and exits by itself soon after the grant without a terminal", async () => {
    const authorizing = harness.launch(["authorize", "--json"], harness.clientLines());
    await acceptConsent(authorizing);
    const { code, stdout, stderr } = await authorizing.ended();
    expect(code, stderr).to.equal(0);
    const value = JSON.parse(stdout) as {
      ok: boolean;
      state: string;
      authorizations: { orgName: string }[];
    };
    expect(value).to.include({ ok: true, state: "authorized" });
    expect(value.authorizations.map(({ orgName }) => orgName)).to.deep.equal(["Example Ltd"]);
  });

  it("authorizes with a code", async () => {
    harness.webex.set({ deviceIntervalSeconds: 1 });
    const authorizing = harness.launch(["authorize", "--device"], harness.clientLines());
    const [, address = ""] = await authorizing.waitForOutput(/Address +(\S+)/);
    const [, code = ""] = await authorizing.waitForOutput(/Code +(\d+)/);
    await approveDevice(address, code);
    const outcome = await authorizing.ended();
    expect(outcome.code, outcome.stderr).to.equal(0);
    expect(outcome.stdout).to.match(/Example Ltd {2}valid/);
  });

  it("fails with a hint when the user declines the code", async () => {
    harness.webex.set({ deviceIntervalSeconds: 1 });
    const authorizing = harness.launch(["authorize", "--device"], harness.clientLines());
    const [, address = ""] = await authorizing.waitForOutput(/Address +(\S+)/);
    const [, code = ""] = await authorizing.waitForOutput(/Code +(\d+)/);
    await approveDevice(address, code, { decision: "decline" });
    const outcome = await authorizing.ended();
    expect(outcome.code).to.equal(1);
    expect(outcome.stderr).to.include("declined");
  });

  it("can be cancelled, which keeps the client and authorizes nothing", async function () {
    skipOnWindows(this, NO_SIGNALS);
    const authorizing = harness.launch(["authorize"], harness.clientLines());
    await authorizing.waitForOutput(KEY_ADDRESS);
    expect((await authorizing.stop("SIGINT")).code).to.equal(1);
    expect((await harness.json(["authorizations"])).value.authorizations).to.deep.equal([]);
  });

  it("reports the address of the page that the running worker has open", async () => {
    await harness.run(["secret", "client"], harness.clientLines());
    const worker = harness.launch(["worker"], null);
    await worker.waitForOutput(KEY_ADDRESS);
    const refused = await harness.run(["authorize"]);
    const { stderr } = await worker.stop("SIGTERM");
    const [page = "none"] = KEY_ADDRESS.exec(stderr) ?? [];
    expect(refused.code).to.equal(1);
    expect(refused.stderr)
      .to.include("running worker")
      .and.to.include(page)
      .and.to.include("authorize --device");
  });

  it("imports a grant from stdin once Webex accepts it, and names what is invalid", async () => {
    const { orgId, grant } = issueGrant();
    const premature = await harness.run(["import"], JSON.stringify(grant));
    expect(premature.code).to.equal(1);
    expect(premature.stderr).to.include("secret client");
    await harness.run(["secret", "client"], harness.clientLines());

    const imported = await harness.json(["import"], `\ufeff${JSON.stringify(grant)}`);
    expect(imported.code).to.equal(0);
    expect(imported.value.authorization).to.include({ orgId, state: "valid" });

    harness.webex.endGrants();
    const refused = await harness.json(["import"], JSON.stringify(grant));
    expect(refused.code).to.equal(1);
    expect(refused.value).to.nested.include({ ok: false, "error.code": "grantRefused" });
    for (const [input, fragment] of [
      ["", "no grant"],
      ["not json", "not valid JSON"],
      ['{"accessToken":"x"}', "refreshToken"],
      [`{"refreshToken":"${grant.refreshToken}","expiresIn":"soon"}`, "expiresIn"],
    ] as const) {
      const { code, stderr } = await harness.run(["import"], input);
      expect(code, input).to.equal(2);
      expect(stderr).to.include(fragment);
    }
  });

  it("stores and deletes the proxy's password without printing it", async () => {
    await harness.writeSettings("WebexPresence.Proxy=http://user@127.0.0.1:1");
    const stored = await harness.json(["secret", "proxy"], "pass word!\n");
    expect(stored).to.deep.include({ code: 0 });
    expect(stored.value).to.include({ ok: true, proxyPassword: "kept" });
    expect(JSON.parse((await keyring.lookup("proxy")) ?? "{}")).to.include({
      password: "pass word!",
    });
    expect((await harness.json(["secret", "proxy"], "\n")).value).to.include({
      proxyPassword: "deleted",
    });
    expect(await keyring.lookup("proxy")).to.equal(null);
    expect(harness.output.join()).to.not.include("pass word!");
  });

  it("requires both lines of a client, and keeps the stored one if stdin is empty", async () => {
    const incomplete = await harness.run(["secret", "client"], "just-an-id\n");
    expect(incomplete.code).to.equal(2);
    expect((await harness.run(["secret", "client"], "")).code).to.equal(2);
    await harness.run(["secret", "client"], harness.clientLines());
    expect((await harness.json(["secret", "client"], "")).value).to.include({
      ok: true,
      changed: false,
    });
    await harness.writeSettings("WebexPresence.ClientId=another");
    const other = await harness.json(["secret", "client"], "");
    expect(other.code).to.equal(1);
    expect(other.value).to.include({ ok: false });
  });

  it("reports a locked keychain, and never an empty one", async function () {
    skipOnWindows(this, ALWAYS_UNLOCKED);
    if (keyring instanceof Keyring) await keyring.lock();
    for (const command of [["authorizations"], ["secret", "client"], ["revoke", "x"]]) {
      const { code, value } = await harness.json(command, harness.clientLines());
      expect(code).to.equal(1);
      expect(value.error.code, command[0]).to.equal("keychainLocked");
      expect(value.error.hint).to.match(/unlock/i);
    }
  });
});

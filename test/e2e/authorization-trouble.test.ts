import { expect } from "chai";

import type { Knobs } from "../../simulator/knobs.js";
import { startKeyring, type Keyring } from "../support/keyring.js";
import { requireTool } from "../support/require-tool.js";
import { AuthorizationRig, type AuthorizationRigOptions, ONE_POLL_MS } from "./authorization-rig.js";

interface Listed {
  readonly orgId: string;
  readonly state: "valid" | "required";
  readonly scopes: readonly string[];
}

describe("e2e: when an authorization breaks", function () {
  this.timeout(60_000);
  let rig: AuthorizationRig;
  let orgId: string;
  let uri: string;

  afterEach(async () => {
    await rig.stop();
  });

  /** Polling, with a grant by import: what is told afterwards was caused by the test. */
  const start = async (options: AuthorizationRigOptions = {}): Promise<void> => {
    rig = await AuthorizationRig.start(options);
    orgId = await rig.worker.authorize();
    uri = rig.webex.people()[1]!.emails[0]!;
    rig.webex.setStatus(uri, "call");
    await rig.set(1);
    await rig.presence(uri, "onCall");
  };
  const list = async (): Promise<readonly Listed[]> =>
    ((await rig.worker.host.request("authorization/list")) as { authorizations: Listed[] }).authorizations;
  const expectBlocked = async (code: string): Promise<void> => {
    expect((await rig.worker.phase("blocked")).problems.find((p) => p.code === code)).to.include({ severity: "error", orgId });
    expect(await rig.worker.get(uri)).to.include({ state: "unknown", reason: "blocked", basic: null });
  };
  const consents = (): number => rig.webex.requestsSince(0, { path: "/v1/authorize" }).length;

  for (const deadRefreshTokenForm of [
    "invalid_grant",
    "invalid_request",
    "webex",
  ] as const satisfies Knobs["deadRefreshTokenForm"][]) {
    it(`says within one poll that the grant has ended (${deadRefreshTokenForm}), and opens the page again`, async () => {
      await start({ deadRefreshTokenForm });
      expect(rig.flow).to.equal(null);
      rig.webex.endGrants();
      const problem = await rig.problem("authorizationExpired");
      expect(problem.hint).to.include("authorize again");
      expect(problem.message).to.include("Example Ltd");
      await expectBlocked("authorizationExpired");
      expect((await list())[0]?.state).to.equal("required");
      const address = await rig.pageAddress();
      expect((await rig.decide(address)).status).to.equal(200);
      await rig.noProblem("authorizationExpired", 2_000);
      await rig.worker.phase("polling");
      await rig.presence(uri, "onCall");
      expect((await list())[0]?.state).to.equal("valid");
      expect((await rig.complete(address)).body).to.include("Presence starts now");
    });
  }

  it("keeps the other organizations going when one grant ends", async () => {
    await start({
      organizations: [
        { name: "Acme", persons: 5, seed: 1 },
        { name: "Beta", persons: 5, seed: 2 },
      ],
    });
    const other = await rig.worker.authorize(1);
    const colleague = rig.webex.people(1)[1]!.emails[0]!;
    rig.webex.setStatus(colleague, "meeting", 1);
    await rig.presence(colleague, "inMeeting");
    rig.webex.endGrants({ orgIndex: 1 });
    expect((await rig.problem("authorizationExpired")).orgId).to.equal(other);
    expect((await rig.worker.status()).phase).to.equal("polling");
    expect(await rig.worker.get(colleague)).to.include({ state: "unknown", reason: "blocked" });
    expect(await rig.worker.get(uri)).to.include({ state: "onCall", reason: null });
    const page = await rig.ask(`/${new URL(await rig.pageAddress()).search}`);
    expect(page.body).to.include("Beta: authorization is needed again");
  });

  it("says within one poll that the administrator has lost the role, keeps the grant, and goes on with another's", async () => {
    await start();
    rig.webex.set({ roleLost: true });
    expect((await rig.problem("adminRoleLost")).hint).to.include("Full Admin");
    await expectBlocked("adminRoleLost");
    expect((await list())[0]?.state).to.equal("valid");
    rig.webex.set({ roleLost: false });
    await rig.worker.authorize();
    await rig.noProblem("adminRoleLost", 3_000);
    await rig.presence(uri, "onCall");
  });

  for (const missing of ["spark-admin:people_read", "spark-admin:organizations_read"]) {
    it(`keeps a grant without ${missing}, and names the scope`, async () => {
      rig = await AuthorizationRig.start();
      await rig.set(1);
      const scopes = ["spark-admin:people_read", "spark-admin:organizations_read"].filter((scope) => scope !== missing);
      const { orgId: organization, ...grant } = rig.webex.issueGrant({ scopes });
      orgId = organization;
      uri = rig.webex.people()[1]!.emails[0]!;
      await rig.worker.host.request("authorization/import", grant);
      const problem = await rig.problem("scopeMissing");
      expect(problem).to.include({ severity: "error", orgId });
      expect(problem.message).to.include(missing);
      expect(problem.hint).to.include("developer.webex.com");
      expect((await list())[0]).to.deep.include({ orgId, scopes });
      if (missing === "spark-admin:people_read") await expectBlocked("scopeMissing");
      await rig.worker.authorize();
      await rig.noProblem("scopeMissing", 3_000);
      await rig.worker.phase("polling");
    });
  }

  it("says on the page that the grant just given lacks a scope", async () => {
    rig = await AuthorizationRig.start({ scopeMissing: true });
    const address = await rig.open();
    const { text } = await rig.decide(address);
    expect(text).to.include("is authorized, but a scope is missing").and.to.include("spark-admin:people_read");
    await rig.problem("scopeMissing");
    rig.webex.set({ scopeMissing: false });
    expect((await rig.decide(address)).text).to.match(/data-state="authorized"/);
    await rig.noProblem("scopeMissing", 3_000);
    await rig.worker.phase("polling");
  });

  it("says within one poll that status sharing is off, and stops saying so when it is on again", async () => {
    await start();
    rig.webex.set({ sharingOff: true });
    const problem = await rig.problem("statusSharingOff");
    expect(problem).to.include({ severity: "error", orgId });
    expect(await rig.worker.get(uri)).to.include({ state: "unknown", reason: "notShared" });
    expect((await rig.worker.status()).phase).to.equal("polling");
    rig.webex.set({ sharingOff: false });
    await rig.noProblem("statusSharingOff");
    await rig.presence(uri, "onCall");
  });

  it("names the client secret when that is what Webex refuses, and goes on with the new one without a consent", async () => {
    await start();
    const { clientId } = rig.webex.client;
    rig.webex.registerClient({ clientId, clientSecret: "a-new-secret-of-the-integration" });
    rig.webex.expireAccessTokens();
    const problem = await rig.problem("authorizationExpired");
    expect(problem.message).to.include("client id and secret");
    expect(problem.hint).to.include("secret client");
    await expectBlocked("authorizationExpired");
    const { text } = await rig.decide(await rig.pageAddress());
    expect(text)
      .to.match(/data-state="failed"/)
      .and.to.include("client id and secret");
    const before = consents();
    await rig.worker.host.request("authorization/setClient", { clientId, clientSecret: "a-new-secret-of-the-integration" });
    await rig.noProblem("authorizationExpired", 3_000);
    await rig.presence(uri, "onCall");
    expect((await list())[0]?.state).to.equal("valid");
    expect(consents()).to.equal(before);
  });

  const passing = [
    { what: "429", fault: { kind: "status", status: 429, headers: { "retry-after": "1" }, body: "webex" }, code: "rateLimited" },
    { what: "503", fault: { kind: "status", status: 503 }, code: "webexError" },
    { what: "a gateway's 403", fault: { kind: "status", status: 403, body: "html" }, code: "webexError" },
    { what: "a reset", fault: { kind: "reset" }, code: "webexUnreachable" },
    { what: "half an answer", fault: { kind: "truncate" }, code: null },
  ] as const;
  it("loses no grant to errors of the token endpoint that pass", async () => {
    await start();
    for (const { what, fault, code } of passing) {
      rig.webex.fail({ ...fault, path: "/v1/access_token", times: null });
      rig.webex.expireAccessTokens();
      await rig.webex.nextRequest({ path: "/v1/access_token" }, ONE_POLL_MS).catch(() => undefined);
      if (code !== null) await rig.problem(code, 20_000);
      expect((await rig.worker.status()).phase, what).to.equal("polling");
      expect((await list())[0]?.state, what).to.equal("valid");
      expect(rig.flow, what).to.equal(null);
      rig.webex.clearFaults();
      await rig.webex.nextRequest({ path: "/v1/people", status: 200 }, 20_000);
      if (code !== null) await rig.noProblem(code, 10_000);
    }
    expect(consents()).to.equal(0);
  });

  it("loses no grant while the token endpoint hangs, and lets go of it with Enable=0", async () => {
    await start();
    rig.webex.fail({ kind: "hang", path: "/v1/access_token", times: null });
    rig.webex.expireAccessTokens();
    await rig.webex.nextRequest({ path: "/v1/people", status: 401 }, ONE_POLL_MS);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await list())[0]?.state).to.equal("valid");
    await rig.set(0);
    await rig.worker.phase("disabled", 1_500);
    rig.webex.clearFaults();
    await rig.set(1);
    await rig.webex.nextRequest({ path: "/v1/people", status: 200 }, 5_000);
    await rig.presence(uri, "onCall");
    expect(consents()).to.equal(0);
  });

  it("goes on with a refresh token that Webex has changed", async () => {
    await start({ rotateRefreshToken: true });
    for (let time = 0; time < 3; time++) {
      const refreshed = rig.webex.nextRequest({ path: "/v1/access_token", status: 200 }, ONE_POLL_MS);
      rig.webex.expireAccessTokens();
      await refreshed;
      await rig.webex.nextRequest({ path: "/v1/people", status: 200 }, ONE_POLL_MS);
    }
    expect((await rig.worker.status()).problems.filter(({ severity }) => severity === "error")).to.deep.equal([]);
  });

  describe("with a real keyring", () => {
    let keyring: Keyring;

    before(function () {
      requireTool(this, "gnome-keyring-daemon", "gnome-keyring");
      requireTool(this, "dbus-daemon", "dbus");
    });

    afterEach(async () => {
      await keyring.stop();
    });

    it("loses no grant that is renewed while the keychain is locked, also when Webex changes the refresh token", async () => {
      keyring = await startKeyring();
      await start({ rotateRefreshToken: true, secretStore: "keychain", env: keyring.env });
      await keyring.lock();
      const refreshed = rig.webex.nextRequest({ path: "/v1/access_token", status: 200 }, 2 * ONE_POLL_MS);
      rig.webex.expireAccessTokens();
      await refreshed;
      await rig.webex.nextRequest({ path: "/v1/people", status: 200 }, 2 * ONE_POLL_MS);
      await rig.problem("keychainLocked", 15_000);
      expect((await rig.worker.status()).phase).to.equal("polling");
      await keyring.unlock();
      await rig.noProblem("keychainLocked", 15_000);
      await rig.worker
        .eventually(
          "the stored grant",
          () => (rig.worker.host.transcript.text("stderr").includes("keychainLocked") ? true : null),
          1_000,
        )
        .catch(() => undefined);
      await rig.worker.host.shutdown();
      await rig.worker.host.start();
      await rig.worker.phase("polling", 10_000);
      await rig.presence(uri, "onCall");
      expect((await list())[0]?.state).to.equal("valid");
      expect(consents()).to.equal(0);
    });
  });
});

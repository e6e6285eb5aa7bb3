import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import type { Knobs } from "../../simulator/knobs.js";
import { startKeyring, type Keyring } from "../support/keyring-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";
import {
  AuthorizationHarness,
  type AuthorizationHarnessOptions,
  POLL_TIMEOUT_MS,
} from "../support/authorization-harness.js";

/** A poll, and the two seconds for which the worker reads the keychain before it reports. */
const REFUSAL_TIMEOUT_MS = POLL_TIMEOUT_MS + 2_500;

interface Listed {
  readonly orgId: string;
  readonly state: "valid" | "required";
  readonly scopes: readonly string[];
}

describe("e2e: an authorization that fails later", function () {
  this.timeout(90_000);
  let harness: AuthorizationHarness;
  let orgId: string;
  let uri: string;

  afterEach(async () => {
    await harness.stop();
  });

  /** Starts polling with an imported grant. */
  const start = async (options: AuthorizationHarnessOptions = {}): Promise<void> => {
    harness = await AuthorizationHarness.start(options);
    orgId = await harness.worker.authorize();
    uri = harness.webex.people()[1]!.emails[0]!;
    harness.webex.setStatus(uri, "call");
    await harness.writeSettings(1);
    await harness.waitForPresence(uri, "onCall");
  };
  const list = async (): Promise<readonly Listed[]> =>
    ((await harness.worker.host.request("authorization/list")) as { authorizations: Listed[] })
      .authorizations;
  const expectBlocked = async (code: string): Promise<void> => {
    expect(
      (await harness.worker.waitForPhase("blocked")).problems.find((p) => p.code === code),
    ).to.include({
      severity: "error",
      orgId,
    });
    expect(await harness.worker.get(uri)).to.include({
      state: "unknown",
      reason: "blocked",
      basic: null,
    });
  };
  /** Polls now, for tests that do not measure how long it takes. */
  const poll = (): Promise<unknown> => harness.worker.host.request("worker/poll");
  const consents = (): number => harness.webex.requestsSince(0, { path: "/v1/authorize" }).length;

  for (const deadRefreshTokenForm of [
    "invalid_grant",
    "invalid_request",
    "webex",
  ] as const satisfies Knobs["deadRefreshTokenForm"][]) {
    it(`reports within one poll that the grant has ended (${deadRefreshTokenForm}), and opens a page`, async () => {
      await start({ deadRefreshTokenForm });
      expect(harness.flow).to.equal(null);
      harness.webex.endGrants();
      const problem = await harness.waitForProblem("authorizationExpired", REFUSAL_TIMEOUT_MS);
      expect(problem.hint).to.include("authorize again");
      expect(problem.message).to.include("Example Ltd");
      await expectBlocked("authorizationExpired");
      expect((await list())[0]?.state).to.equal("required");
      const address = await harness.waitForPage();
      expect((await harness.decide(address)).status).to.equal(200);
      await harness.waitForProblemEnd("authorizationExpired", 2_000);
      await harness.worker.waitForPhase("polling");
      await harness.waitForPresence(uri, "onCall");
      expect((await list())[0]?.state).to.equal("valid");
      expect((await harness.complete(address)).body).to.include("Presence starts now");
    });
  }

  it("continues with the other organizations when one grant ends", async () => {
    await start({
      organizations: [
        { name: "Acme", persons: 5, seed: 1 },
        { name: "Beta", persons: 5, seed: 2 },
      ],
    });
    const other = await harness.worker.authorize(1);
    const colleague = harness.webex.people(1)[1]!.emails[0]!;
    harness.webex.setStatus(colleague, "meeting", 1);
    await harness.waitForPresence(colleague, "inMeeting");
    harness.webex.endGrants({ orgIndex: 1 });
    const { orgId: affected } = await harness.waitForProblem(
      "authorizationExpired",
      REFUSAL_TIMEOUT_MS,
    );
    expect(affected).to.equal(other);
    expect((await harness.worker.status()).phase).to.equal("polling");
    expect(await harness.worker.get(colleague)).to.include({ state: "unknown", reason: "blocked" });
    expect(await harness.worker.get(uri)).to.include({ state: "onCall", reason: null });
    const page = await harness.request(`/${new URL(await harness.waitForPage()).search}`);
    expect(page.body).to.include("Beta: authorize again");
  });

  it("reports within one poll that the administrator has lost the role, and recovers with another grant", async () => {
    await start();
    harness.webex.set({ roleLost: true });
    expect((await harness.waitForProblem("adminRoleLost")).hint).to.include("Full Admin");
    await expectBlocked("adminRoleLost");
    expect((await list())[0]?.state).to.equal("valid");
    harness.webex.set({ roleLost: false });
    await harness.worker.authorize();
    await harness.waitForProblemEnd("adminRoleLost", 3_000);
    await harness.waitForPresence(uri, "onCall");
  });

  it("polls at once when a poll is requested by a file in the log folder, and only while Webex refuses", async () => {
    await start({ ini: [], authorize: "off" });
    const request = join(harness.worker.logDirectory, "poll.request");
    await writeFile(request, "");
    harness.webex.set({ roleLost: true });
    await poll();
    await harness.waitForProblem("adminRoleLost");
    // It is taken only now, and the poll that it causes is refused, too.
    const refused = harness.webex.nextRequest({ path: "/v1/people", status: 400 }, 10_000);
    await harness.worker.waitFor("the old request taken", () =>
      existsSync(request) ? null : true,
    );
    await refused;
    harness.webex.set({ roleLost: false });
    await writeFile(request, "");
    await harness.waitForProblemEnd("adminRoleLost", 5_000);
    await harness.waitForPresence(uri, "onCall");
    expect(existsSync(request)).to.equal(false);
  });

  it("asks again as soon as somebody requests it after Webex has refused to renew a grant", async () => {
    await start({ authorize: "off" });
    harness.webex.fail({
      kind: "status",
      path: "/v1/access_token",
      status: 400,
      body: "webex",
      times: 1,
    });
    harness.webex.expireAccessTokens();
    await poll();
    await harness.waitForProblem("authorizationExpired", 12_000);
    expect(await poll()).to.include({ accepted: true });
    await harness.waitForProblemEnd("authorizationExpired", 3_000);
    await harness.waitForPresence(uri, "onCall");
    expect(consents()).to.equal(0);
  });

  for (const missing of ["spark-admin:people_read", "spark-admin:organizations_read"]) {
    it(`stores a grant without ${missing}, and reports the missing scope`, async () => {
      harness = await AuthorizationHarness.start();
      await harness.writeSettings(1);
      const scopes = ["spark-admin:people_read", "spark-admin:organizations_read"].filter(
        (scope) => scope !== missing,
      );
      const { orgId: organization, ...grant } = harness.webex.issueGrant({ scopes });
      orgId = organization;
      uri = harness.webex.people()[1]!.emails[0]!;
      await harness.worker.host.request("authorization/import", grant);
      const problem = await harness.waitForProblem("scopeMissing");
      expect(problem).to.include({ severity: "error", orgId });
      expect(problem.message).to.include(missing);
      expect(problem.hint).to.include("developer.webex.com");
      expect((await list())[0]).to.deep.include({ orgId, scopes });
      if (missing === "spark-admin:people_read") await expectBlocked("scopeMissing");
      await harness.worker.authorize();
      await harness.waitForProblemEnd("scopeMissing", 3_000);
      await harness.worker.waitForPhase("polling");
    });
  }

  it("shows on the page that the new grant lacks a scope", async () => {
    harness = await AuthorizationHarness.start({ scopeMissing: true });
    const address = await harness.open();
    const { text } = await harness.decide(address);
    expect(text)
      .to.include("is authorized, but a scope is missing")
      .and.to.include("spark-admin:people_read");
    await harness.waitForProblem("scopeMissing");
    harness.webex.set({ scopeMissing: false });
    expect((await harness.decide(address)).text).to.match(/data-state="authorized"/);
    await harness.waitForProblemEnd("scopeMissing", 3_000);
    await harness.worker.waitForPhase("polling");
  });

  it("reports within one poll that status sharing is off, until it is on again", async () => {
    await start();
    harness.webex.set({ sharingOff: true });
    const problem = await harness.waitForProblem("statusSharingOff");
    expect(problem).to.include({ severity: "error", orgId });
    expect(await harness.worker.get(uri)).to.include({ state: "unknown", reason: "notShared" });
    expect((await harness.worker.status()).phase).to.equal("polling");
    harness.webex.set({ sharingOff: false });
    await harness.waitForProblemEnd("statusSharingOff");
    await harness.waitForPresence(uri, "onCall");
  });

  it("reports a rejected client secret, and recovers with a new one without a consent", async () => {
    await start();
    const { clientId } = harness.webex.client;
    harness.webex.registerClient({ clientId, clientSecret: "a-new-secret-of-the-integration" });
    harness.webex.expireAccessTokens();
    const problem = await harness.waitForProblem("authorizationExpired");
    expect(problem.message).to.include("client ID and client secret");
    expect(problem.hint).to.include("secret client");
    await expectBlocked("authorizationExpired");
    const { text } = await harness.decide(await harness.waitForPage());
    expect(text)
      .to.match(/data-state="failed"/)
      .and.to.include("client ID and secret");
    const before = consents();
    await harness.worker.host.request("authorization/setClient", {
      clientId,
      clientSecret: "a-new-secret-of-the-integration",
    });
    await harness.waitForProblemEnd("authorizationExpired", 3_000);
    await harness.waitForPresence(uri, "onCall");
    expect((await list())[0]?.state).to.equal("valid");
    expect(consents()).to.equal(before);
  });

  const transient = [
    {
      what: "429",
      fault: { kind: "status", status: 429, headers: { "retry-after": "1" }, body: "webex" },
      code: "rateLimited",
    },
    { what: "503", fault: { kind: "status", status: 503 }, code: "webexError" },
    {
      what: "a gateway's 400",
      fault: { kind: "status", status: 400, body: "html" },
      code: "webexError",
    },
    {
      what: "an empty 401",
      fault: { kind: "status", status: 401, body: "empty" },
      code: "webexError",
    },
    {
      what: "a gateway's 403",
      fault: { kind: "status", status: 403, body: "html" },
      code: "webexError",
    },
    {
      what: "a gateway's 400",
      fault: { kind: "status", status: 400, body: "html" },
      code: "webexError",
    },
    {
      what: "a gateway's 401",
      fault: { kind: "status", status: 401, body: "empty" },
      code: "webexError",
    },
    { what: "a reset", fault: { kind: "reset" }, code: "webexUnreachable" },
    { what: "a truncated response", fault: { kind: "truncate" }, code: null },
  ] as const;
  it("keeps the grant after transient errors of the token endpoint", async () => {
    await start();
    for (const { what, fault, code } of transient) {
      harness.webex.fail({ ...fault, path: "/v1/access_token", times: null });
      harness.webex.expireAccessTokens();
      await poll();
      if (code !== null) await harness.waitForProblem(code, 20_000);
      expect((await harness.worker.status()).phase, what).to.equal("polling");
      expect((await list())[0]?.state, what).to.equal("valid");
      expect(harness.flow, what).to.equal(null);
      if (code === null) await harness.webex.nextRequest({ path: "/v1/access_token" });
      const recovered = harness.webex.nextRequest({ path: "/v1/people", status: 200 }, 20_000);
      harness.webex.clearFaults();
      await poll();
      await recovered;
      if (code !== null) await harness.waitForProblemEnd(code, 10_000);
    }
    expect(consents()).to.equal(0);
  });

  it("keeps the grant while the token endpoint hangs, and aborts the request with Enable=0", async () => {
    await start();
    harness.webex.fail({ kind: "hang", path: "/v1/access_token", times: null });
    harness.webex.expireAccessTokens();
    await harness.webex.nextRequest({ path: "/v1/people", status: 401 }, POLL_TIMEOUT_MS);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await list())[0]?.state).to.equal("valid");
    await harness.writeSettings(0);
    await harness.worker.waitForPhase("disabled", 1_500);
    harness.webex.clearFaults();
    await harness.writeSettings(1);
    await harness.webex.nextRequest({ path: "/v1/people", status: 200 }, 5_000);
    await harness.waitForPresence(uri, "onCall");
    expect(consents()).to.equal(0);
  });

  it("says that ApiUrl is wrong when a grant is imported, and stores nothing", async () => {
    harness = await AuthorizationHarness.start({ authorize: "off" });
    const { apiUrl } = harness.webex;
    await harness.worker.writeSettings(0, [`WebexPresence.ApiUrl=${apiUrl.replace(/\/v1$/, "")}`]);
    await harness.worker.waitFor("the settings", async () =>
      (await harness.worker.status()).settings.values["WebexPresence.ApiUrl"] === apiUrl
        ? null
        : true,
    );
    const { orgId: _, accessToken, ...refreshable } = harness.webex.issueGrant();
    for (const grant of [{ ...refreshable, accessToken }, refreshable]) {
      const error: unknown = await harness.worker.host
        .request("authorization/import", grant)
        .catch((thrown: unknown) => thrown);
      expect(error).to.include({ code: 1301 });
      expect((error as Error).message)
        .to.include("WebexPresence.ApiUrl=")
        .and.to.include(`probably ${apiUrl}.`);
    }
    expect(await list()).to.deep.equal([]);
  });

  it("continues with a rotated refresh token", async () => {
    await start({ rotateRefreshToken: true });
    for (let time = 0; time < 3; time++) {
      const refreshed = harness.webex.nextRequest(
        { path: "/v1/access_token", status: 200 },
        POLL_TIMEOUT_MS,
      );
      const read = harness.webex.nextRequest({ path: "/v1/people", status: 200 }, POLL_TIMEOUT_MS);
      harness.webex.expireAccessTokens();
      await poll();
      await refreshed;
      await read;
    }
    expect(
      (await harness.worker.status()).problems.filter(({ severity }) => severity === "error"),
    ).to.deep.equal([]);
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

    it("keeps a grant that is renewed while the keychain is locked, even with a rotated refresh token", async () => {
      keyring = await startKeyring();
      await start({ rotateRefreshToken: true, secretStore: "keychain", env: keyring.env });
      await keyring.lock();
      const refreshed = harness.webex.nextRequest(
        { path: "/v1/access_token", status: 200 },
        2 * POLL_TIMEOUT_MS,
      );
      harness.webex.expireAccessTokens();
      await refreshed;
      await harness.webex.nextRequest({ path: "/v1/people", status: 200 }, 2 * POLL_TIMEOUT_MS);
      await harness.waitForProblem("keychainLocked", 15_000);
      expect((await harness.worker.status()).phase).to.equal("polling");
      await keyring.unlock();
      await harness.waitForProblemEnd("keychainLocked", 15_000);
      await harness.worker
        .waitFor(
          "the stored grant",
          () =>
            harness.worker.host.transcript.text("stderr").includes("keychainLocked") ? true : null,
          1_000,
        )
        .catch(() => undefined);
      await harness.worker.host.shutdown();
      await harness.worker.host.start();
      await harness.worker.waitForPhase("polling", 10_000);
      await harness.waitForPresence(uri, "onCall");
      expect((await list())[0]?.state).to.equal("valid");
      expect(consents()).to.equal(0);
    });
  });
});

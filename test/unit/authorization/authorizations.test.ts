import { inspect } from "node:util";
import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { Emitter } from "../../../src/faults/emitter.js";
import { Secret } from "../../../src/faults/secret.js";
import { Authorizations } from "../../../src/authorization/authorizations.js";
import type { ImportedGrant } from "../../../src/authorization/grant-import.js";
import type {
  Flow,
  FlowEvents,
  FlowMethod,
  FlowState,
  FlowView,
} from "../../../src/authorization/flow.js";
import type { Authorization } from "../../../src/authorization/grant.js";
import { grantAccount } from "../../../src/authorization/keychain-records.js";
import {
  tokenResponseOf,
  AuthorizationHarness,
  client,
  DAY,
  IdentityFake,
  faultOf,
  grantOf,
  keychainLockedFault,
  neverAborted,
  orgA,
  orgB,
  grantRefusedFault,
} from "../../support/authorization-fixture.js";
import { settle } from "../../support/clock-fake.js";

class FlowFake implements Flow {
  readonly events = new Emitter<FlowEvents>();
  readonly method: FlowMethod;
  isOpen = false;
  state: FlowState = "waiting";
  starting: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  stops = 0;

  constructor(method: FlowMethod) {
    this.method = method;
  }

  get view(): FlowView {
    const none = {
      redirectUri: null,
      verificationUri: null,
      verificationUriComplete: null,
      userCode: null,
      expiresAt: null,
      message: null,
    };
    return {
      ...none,
      method: this.method,
      url: this.isOpen ? "http://localhost:8467/?key=k" : null,
      state: this.state,
    };
  }

  async start(signal: AbortSignal): Promise<FlowView> {
    await this.starting(signal);
    this.isOpen = true;
    return this.view;
  }

  async stop(): Promise<void> {
    this.stops += 1;
    if (this.isOpen) this.notify("cancelled", false);
  }

  notify(state: FlowState, open: boolean): void {
    this.state = state;
    this.isOpen = open;
    this.events.emit("viewChanged", this.view);
  }
}

describe("authorizations", () => {
  let harness: AuthorizationHarness;
  let identity: IdentityFake;
  let flows: FlowFake[];
  let service: Authorizations;
  let notified: { authorizations: readonly Authorization[]; flow: FlowView | null }[];
  const grant = (changes: Partial<ImportedGrant> = {}): ImportedGrant => ({
    refreshToken: new Secret("SECRET-refresh-1"),
    accessToken: new Secret("SECRET-access-1"),
    expiresIn: 3_600,
    refreshTokenExpiresIn: 7_776_000,
    scope: null,
    ...changes,
  });

  beforeEach(async () => {
    harness = new AuthorizationHarness();
    identity = new IdentityFake();
    identity.owners
      .set("SECRET-access-1", orgA)
      .set("SECRET-access-2", orgA)
      .set("SECRET-access-b", orgB);
    flows = [];
    const { grantStore, refusals, clock, logger } = harness;
    service = new Authorizations({
      ...{ grantStore, refusals, clock, logger },
      settings: () => harness.settings,
      settingsLoaded: Promise.resolve(),
      webex: () => harness.webex(identity),
      createFlow: (method) => {
        const flow = new FlowFake(method);
        flows.push(flow);
        return flow;
      },
    });
    notified = [];
    await service.setClient(client.clientId, client.clientSecret);
    service.start();
    service.events.on("authorizationsChanged", (change) => notified.push(change));
  });
  afterEach(async () => {
    await service.stop();
    for (const text of [
      harness.logger.text,
      JSON.stringify(notified),
      inspect(notified, { depth: 9 }),
      inspect(service, { depth: 9, showHidden: true }),
    ])
      expect(text).not.to.include("SECRET-");
  });

  describe("import", () => {
    it("verifies the access token and stores the grant", async () => {
      const authorization = await service.import(
        grant({ scope: "spark-admin:people_read other" }),
        neverAborted,
      );
      const now = harness.clock.now();
      expect(authorization).to.deep.equal({
        orgId: orgA,
        orgName: "Acme",
        authorizedBy: "Ada Admin",
        scopes: ["spark-admin:people_read", "other"],
        grantedAt: new Date(now).toISOString(),
        accessTokenExpiresAt: new Date(now + 3_600_000).toISOString(),
        refreshTokenExpiresAt: new Date(now + 90 * DAY).toISOString(),
        state: "valid",
      });
      expect(await service.list()).to.deep.equal([authorization]);
      expect(JSON.parse((await harness.store.inner.get(grantAccount(orgA))) ?? "")).to.include({
        clientId: "client-1",
        apiOrigin: "https://webexapis.com",
        refreshToken: "SECRET-refresh-1",
      });
      expect(harness.oauth.refreshedWith).to.deep.equal([]);
    });

    it("refreshes a grant whose access token is missing, expired or rejected", async () => {
      const cases = [
        grant({ accessToken: null }),
        grant({ expiresIn: 0 }),
        grant({ accessToken: new Secret("SECRET-dead") }),
      ];
      for (const one of cases) {
        harness.oauth.outcomes.push(tokenResponseOf("2", { refreshToken: null, scopes: null }));
        const authorization = await service.import(one, neverAborted);
        expect(authorization.scopes).to.deep.equal([
          "spark-admin:people_read",
          "spark-admin:organizations_read",
        ]);
        expect(harness.grantStore.findGrant(orgA).stored?.accessToken.reveal()).to.equal(
          "SECRET-access-2",
        );
        expect(harness.grantStore.findGrant(orgA).stored?.refreshToken.reveal()).to.equal(
          "SECRET-refresh-1",
        );
      }
    });

    const outcomes: [string, Fault, string][] = [
      ["400", grantRefusedFault(400), "grantRefused"],
      ["401", grantRefusedFault(401), "grantRefused"],
      ["429", new Fault("rateLimited", "429", { status: 429 }), "webexUnreachable"],
      ["503", new Fault("webexError", "503", { status: 503 }), "webexUnreachable"],
      ["a network error", new Fault("webexUnreachable", "DNS"), "webexUnreachable"],
      ["cancellation", new Fault("cancelled", "Cancelled."), "cancelled"],
    ];
    for (const [what, fault, code] of outcomes) {
      it(`throws ${code} and stores nothing if the refresh fails with ${what}`, async () => {
        harness.oauth.outcomes.push(fault);
        const thrown = await faultOf(service.import(grant({ accessToken: null }), neverAborted));
        expect(thrown.code).to.equal(code);
        if (code === "grantRefused")
          expect(thrown.data).to.have.property("hint").that.is.a("string");
        expect(inspect(thrown, { depth: 9 })).not.to.include("SECRET-");
        expect(await service.list()).to.deep.equal([]);
      });
    }

    it("throws grantRefused if the owner is not readable (403), and webexUnreachable for 5xx", async () => {
      identity.owners.set("SECRET-access-1", new Fault("forbidden", "403", { status: 403 }));
      const fault = await faultOf(service.import(grant(), neverAborted));
      expect(fault.code).to.equal("grantRefused");
      expect(fault.data.hint).to.include("Full Admin");
      identity.owners.set("SECRET-access-1", new Fault("webexError", "502", { status: 502 }));
      expect((await faultOf(service.import(grant(), neverAborted))).code).to.equal(
        "webexUnreachable",
      );
    });

    it("throws webexUnreachable, and says why, where Webex has no owner of the token", async () => {
      identity.owners.set("SECRET-access-1", new Fault("notFound", "Nothing here (404)."));
      const missing = await faultOf(service.import(grant(), neverAborted));
      expect(missing.code).to.equal("webexUnreachable");
      expect(missing.message).to.include("Nothing here (404).");
      expect(missing.hint).to.include("WebexPresence.ApiUrl");
      const cause = new Fault("webexError", "The API is elsewhere.", { hint: "Set ApiUrl." });
      identity.owners.set("SECRET-access-1", cause);
      const elsewhere = await faultOf(service.import(grant(), neverAborted));
      expect(elsewhere).to.include({ code: "webexUnreachable", hint: "Set ApiUrl." });
      expect(elsewhere.message).to.include("The API is elsewhere.");
      expect(harness.oauth.refreshedWith).to.deep.equal([]);
    });

    it("says in words why the grant could not be verified, or was refused", async () => {
      const causes: [Fault, string][] = [
        [new Fault("webexError", "A portal responded (403).", { status: 403 }), "not stored. A"],
        [new Fault("refused", "Webex said no (400).", { status: 400 }), "not stored. Webex said"],
      ];
      for (const [cause, expected] of causes) {
        identity.owners.set("SECRET-access-1", cause);
        const fault = await faultOf(service.import(grant(), neverAborted));
        expect(fault.message).to.contain(expected);
      }
    });

    for (const [error, hint] of [
      ["invalid_client", "Check the client: secret client"],
      ["unauthorized_client", "Check the client: secret client"],
      ["tokenlimit_reached", "Revoke authorizations."],
    ] as const) {
      it(`keeps the remedy for ${error}`, async () => {
        const refusal = new Fault("grantRefused", "Webex refused.", { data: { error }, hint });
        harness.oauth.outcomes.push(refusal);
        const fault = await faultOf(service.import(grant({ accessToken: null }), neverAborted));
        expect(fault).to.include({ code: "grantRefused", hint });
        expect(fault.message.includes("client ID and client secret")).to.equal(
          error === "invalid_client",
        );
      });
    }

    it("stores a grant whose organization name is not readable", async () => {
      identity.name = new Fault("forbidden", "403", { status: 403 });
      expect((await service.import(grant(), neverAborted)).orgName).to.equal(
        "Organization 11111111 (name not readable)",
      );
    });

    it("requires a client and an available keychain before it sends a request", async () => {
      harness.settings = { ...harness.settings, clientId: "client-9" };
      expect((await faultOf(service.import(grant(), neverAborted))).code).to.equal(
        "clientNotConfigured",
      );
      harness.settings = { ...harness.settings, clientId: null };
      harness.store.fault = keychainLockedFault();
      expect(
        (await faultOf(service.import(grant({ accessToken: null }), neverAborted))).code,
      ).to.equal("keychainLocked");
      expect(harness.oauth.refreshedWith).to.deep.equal([]);
    });

    it("replaces the previous grant of an organization and clears its refusal", async () => {
      await harness.grantStore.storeGrant(grantOf(orgA, "old", 0));
      await service.import(grant({ accessToken: new Secret("SECRET-access-b") }), neverAborted);
      const old = harness.grantStore.findGrant(orgA).stored;
      if (old === null) throw new Error("No grant.");
      harness.refusals.record({ grant: old, client, fault: grantRefusedFault(), refusedAt: 0 });
      expect((await service.list()).map((a) => a.state)).to.deep.equal(["required", "valid"]);
      await service.import(grant(), neverAborted);
      expect((await service.list()).map((a) => [a.orgId, a.state])).to.deep.equal([
        [orgA, "valid"],
        [orgB, "valid"],
      ]);
    });
  });

  it("sends nothing to Webex before the settings are loaded", async () => {
    let load: () => void = () => undefined;
    const settingsLoaded = new Promise<void>((resolve) => (load = resolve));
    const { grantStore, refusals, clock, logger } = harness;
    const early = new Authorizations({
      ...{ grantStore, refusals, clock, logger, settingsLoaded },
      settings: () => harness.settings,
      webex: () => harness.webex(identity),
      createFlow: (method) => {
        const flow = new FlowFake(method);
        flows.push(flow);
        return flow;
      },
    });
    const calls = [
      early.import(grant(), neverAborted),
      early.list(),
      early.begin("browser", neverAborted),
      faultOf(early.revoke(orgB, neverAborted)),
    ];
    await settle();
    expect(identity.requests).to.deep.equal([]);
    expect(flows).to.deep.equal([]);
    load();
    await Promise.all(calls);
    expect(identity.requests).to.deep.equal(["SECRET-access-1"]);
    expect(flows).to.have.length(1);
    await early.stop();
  });

  it("completeGrant requires a refresh token and stores the grant", async () => {
    expect(
      (
        await faultOf(
          service.completeGrant(
            service.oauthContext(),
            tokenResponseOf("1", { refreshToken: null }),
            neverAborted,
          ),
        )
      ).code,
    ).to.equal("grantRefused");
    expect(
      (await service.completeGrant(service.oauthContext(), tokenResponseOf("1"), neverAborted))
        .orgId,
    ).to.equal(orgA);
    expect(notified.at(-1)?.authorizations).to.have.length(1);
  });

  describe("list", () => {
    it("uses the last known content while the keychain is unavailable, and fails if it was never read", async () => {
      await service.import(grant(), neverAborted);
      harness.store.fault = keychainLockedFault();
      await faultOf(harness.grantStore.reload());
      expect(await service.list()).to.have.length(1);
      const fresh = new AuthorizationHarness(harness.store);
      const { grantStore, refusals, clock, logger } = fresh;
      const unread = new Authorizations({
        ...{ grantStore, refusals, clock, logger },
        settings: () => fresh.settings,
        settingsLoaded: Promise.resolve(),
        webex: () => fresh.webex(identity),
        createFlow: (method) => new FlowFake(method),
      });
      expect((await faultOf(unread.list())).code).to.equal("keychainLocked");
      harness.store.fault = null;
      expect(await unread.list()).to.have.length(1);
    });

    it("reports a grant as required if the client or origin differs, or Webex refused it", async () => {
      await service.import(grant(), neverAborted);
      harness.settings = { ...harness.settings, apiUrl: "https://other.example/v1" };
      service.reevaluate();
      expect(notified.at(-1)?.authorizations[0]?.state).to.equal("required");
      expect(service.grantStatuses()[0]?.fault?.code).to.equal("authorizationRequired");
      harness.settings = { ...harness.settings, apiUrl: "https://webexapis.com/v1" };
      service.reevaluate();
      harness.oauth.outcomes.push(grantRefusedFault());
      const refused = harness
        .tokenSource(orgA)
        .replace(new Secret("SECRET-access-1"), neverAborted);
      await harness.clock.until(faultOf(refused), 10_000);
      expect(notified.at(-1)?.authorizations[0]?.state).to.equal("required");
      expect(service.grantStatuses()[0]?.fault?.code).to.equal("grantRefused");
      const count = notified.length;
      service.reevaluate();
      expect(notified).to.have.length(count);
    });
  });

  describe("revoke", () => {
    beforeEach(() => service.import(grant(), neverAborted));

    it("revokes the grant at Webex and deletes it", async () => {
      expect(await service.revoke(orgA, neverAborted)).to.deep.equal({ revokedAtWebex: true });
      expect(harness.oauth.revoked).to.deep.equal(["SECRET-refresh-1"]);
      expect(await service.list()).to.deep.equal([]);
      expect(await harness.store.inner.get(grantAccount(orgA))).to.equal(null);
    });

    it("deletes the grant if Webex refuses or does not respond", async () => {
      harness.oauth.revocation = () => Promise.reject(grantRefusedFault());
      expect(await service.revoke(orgA, neverAborted)).to.deep.equal({ revokedAtWebex: false });
      await service.import(grant(), neverAborted);
      harness.oauth.revocation = () => new Promise(() => undefined);
      const before = harness.clock.monotonic();
      expect(await harness.clock.until(service.revoke(orgA, neverAborted))).to.deep.equal({
        revokedAtWebex: false,
      });
      expect(harness.clock.monotonic() - before).to.equal(5_000);
      expect(await service.list()).to.deep.equal([]);
      expect(harness.clock.pendingTimers).to.equal(0);
    });

    it("does not send a grant to another API origin", async () => {
      harness.settings = { ...harness.settings, apiUrl: "https://other.example/v1" };
      expect(await service.revoke(orgA, neverAborted)).to.deep.equal({ revokedAtWebex: false });
      expect(harness.oauth.revoked).to.deep.equal([]);
    });

    it("removes an authorization whose record is missing or unreadable, and reports it until then", async () => {
      for (const record of [null, '{"version":2}']) {
        await service.import(grant(), neverAborted);
        if (record === null) await harness.store.inner.delete(grantAccount(orgA));
        else await harness.store.inner.set(grantAccount(orgA), record);
        await harness.grantStore.reload();
        expect(await service.list()).to.deep.equal([]);
        const [standing] = service.grantStatuses();
        expect(standing).to.include({
          orgId: orgA,
          orgName: "Organization 11111111 (name not readable)",
          scopes: null,
        });
        expect(standing?.fault).to.include({ code: "authorizationRequired" });
        expect(standing?.fault?.hint).to.include(`revoke ${orgA}`);
        expect(await service.revoke(orgA, neverAborted)).to.deep.equal({ revokedAtWebex: false });
        expect(await harness.store.inner.get(grantAccount(orgA))).to.equal(null);
        expect(service.grantStatuses()).to.deep.equal([]);
        expect((await faultOf(service.revoke(orgA, neverAborted))).code).to.equal(
          "unknownOrganization",
        );
      }
      expect(harness.oauth.revoked).to.deep.equal([]);
    });

    it("throws unknownOrganization, or the fault of an unavailable keychain", async () => {
      expect((await faultOf(service.revoke(orgB, neverAborted))).code).to.equal(
        "unknownOrganization",
      );
      harness.store.fault = keychainLockedFault();
      expect((await faultOf(service.revoke(orgA, neverAborted))).code).to.equal("keychainLocked");
    });
  });

  describe("flows", () => {
    it("returns the open flow of the same method, and rejects the other method", async () => {
      const [one, two] = await Promise.all([
        service.begin("browser", neverAborted),
        service.begin("browser", neverAborted),
      ]);
      expect(one).to.deep.equal(two);
      expect(flows).to.have.length(1);
      const fault = await faultOf(service.begin("device", neverAborted));
      expect([fault.code, fault.data.method]).to.deep.equal(["authorizationInProgress", "browser"]);
    });

    it("emits a failed attempt, which leaves the flow open, then its end, then no flow", async () => {
      await service.begin("browser", neverAborted);
      flows[0]!.notify("denied", true);
      flows[0]!.notify("authorized", false);
      expect(notified.map((t) => t.flow?.state ?? null)).to.deep.equal([
        "waiting",
        "denied",
        "authorized",
        null,
      ]);
      await service.begin("device", neverAborted);
      expect(flows).to.have.length(2);
      expect(flows[0]!.stops).to.equal(1);
    });

    it("ends on cancel, which is idempotent, and allows another flow", async () => {
      await service.cancel();
      await service.begin("browser", neverAborted);
      await service.cancel();
      await service.cancel();
      expect(notified.map((t) => t.flow?.state ?? null)).to.deep.equal([
        "waiting",
        "cancelled",
        null,
      ]);
      await service.begin("device", neverAborted);
    });

    it("does not start without a client or keychain, and starts afterwards", async () => {
      harness.settings = { ...harness.settings, clientId: "client-9" };
      expect((await faultOf(service.begin("device", neverAborted))).code).to.equal(
        "clientNotConfigured",
      );
      harness.settings = { ...harness.settings, clientId: null };
      harness.store.fault = keychainLockedFault();
      expect((await faultOf(service.begin("device", neverAborted))).code).to.equal(
        "keychainLocked",
      );
      harness.store.fault = null;
      await service.begin("browser", neverAborted);
      expect(flows.map((f) => f.isOpen)).to.deep.equal([false, false, true]);
    });

    it("cancelled during the start: rejects the caller, and gives a joined caller a flow of its own", async () => {
      const caller = new AbortController();
      const first = faultOf(service.begin("browser", caller.signal));
      await Promise.resolve();
      flows[0]!.starting = (signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true }),
        );
      const second = service.begin("browser", neverAborted);
      await new Promise((resolve) => setImmediate(resolve));
      caller.abort();
      expect((await first).code).to.equal("cancelled");
      expect((await second).url).to.be.a("string");
      expect(flows).to.have.length(2);
    });
  });
});

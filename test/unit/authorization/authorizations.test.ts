import { inspect } from "node:util";
import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { Emitter } from "../../../src/faults/emitter.js";
import { Secret } from "../../../src/faults/secret.js";
import type { ImportedGrant } from "../../../src/authorization/authorization-service.js";
import { Authorizations } from "../../../src/authorization/authorizations.js";
import type { Flow, FlowEvents, FlowMethod, FlowState, FlowView } from "../../../src/authorization/flow.js";
import type { Authorization } from "../../../src/authorization/grant.js";
import { grantAccount } from "../../../src/authorization/vault-records.js";
import { answerOf, Bench, client, DAY, FakeIdentity, faultOf, grantOf, locked, never, orgA, orgB, refused } from "./fixtures.js";

class FakeFlow implements Flow {
  readonly events = new Emitter<FlowEvents>();
  readonly method: FlowMethod;
  open = false;
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
    return { ...none, method: this.method, url: this.open ? "http://localhost:8467/?key=k" : null, state: this.state };
  }

  async start(signal: AbortSignal): Promise<FlowView> {
    await this.starting(signal);
    this.open = true;
    return this.view;
  }

  async stop(): Promise<void> {
    this.stops += 1;
    if (this.open) this.tell("cancelled", false);
  }

  tell(state: FlowState, open: boolean): void {
    this.state = state;
    this.open = open;
    this.events.emit("viewChanged", this.view);
  }
}

describe("authorizations", () => {
  let bench: Bench;
  let identity: FakeIdentity;
  let flows: FakeFlow[];
  let service: Authorizations;
  let told: { authorizations: readonly Authorization[]; flow: FlowView | null }[];
  const given = (changes: Partial<ImportedGrant> = {}): ImportedGrant => ({
    refreshToken: new Secret("SECRET-refresh-1"),
    accessToken: new Secret("SECRET-access-1"),
    expiresIn: 3_600,
    refreshTokenExpiresIn: 7_776_000,
    scope: null,
    ...changes,
  });

  beforeEach(async () => {
    bench = new Bench();
    identity = new FakeIdentity();
    identity.answers.set("SECRET-access-1", orgA).set("SECRET-access-2", orgA).set("SECRET-access-b", orgB);
    flows = [];
    const { vault, refusals, clock, logger } = bench;
    service = new Authorizations({
      ...{ vault, refusals, clock, logger },
      settings: () => bench.settings,
      webex: () => bench.webex(identity),
      flowFactory: (method) => {
        const flow = new FakeFlow(method);
        flows.push(flow);
        return flow;
      },
    });
    told = [];
    await service.setClient(client.clientId, client.clientSecret);
    service.start();
    service.events.on("authorizationsChanged", (change) => told.push(change));
  });
  afterEach(async () => {
    await service.stop();
    for (const text of [
      bench.logger.text,
      JSON.stringify(told),
      inspect(told, { depth: 9 }),
      inspect(service, { depth: 9, showHidden: true }),
    ])
      expect(text).not.to.include("SECRET-");
  });

  describe("import", () => {
    it("proves the access token and keeps the grant", async () => {
      const authorization = await service.import(given({ scope: "spark-admin:people_read other" }), never);
      const now = bench.clock.now();
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
      expect(JSON.parse((await bench.store.inner.get(grantAccount(orgA))) ?? "")).to.include({
        clientId: "client-1",
        apiOrigin: "https://webexapis.com",
        refreshToken: "SECRET-refresh-1",
      });
      expect(bench.oauth.refreshedWith).to.deep.equal([]);
    });

    it("refreshes where there is no access token, or it is over or rejected", async () => {
      const cases = [given({ accessToken: null }), given({ expiresIn: 0 }), given({ accessToken: new Secret("SECRET-dead") })];
      for (const one of cases) {
        bench.oauth.outcomes.push(answerOf("2", { refreshToken: null, scopes: null }));
        const authorization = await service.import(one, never);
        expect(authorization.scopes).to.deep.equal(["spark-admin:people_read", "spark-admin:organizations_read"]);
        expect(bench.vault.grantOf(orgA).stored?.accessToken.reveal()).to.equal("SECRET-access-2");
        expect(bench.vault.grantOf(orgA).stored?.refreshToken.reveal()).to.equal("SECRET-refresh-1");
      }
    });

    const outcomes: [string, Fault, string][] = [
      ["400", refused(400), "grantRefused"],
      ["401", refused(401), "grantRefused"],
      ["429", new Fault("rateLimited", "429", { status: 429 }), "webexUnreachable"],
      ["503", new Fault("webexError", "503", { status: 503 }), "webexUnreachable"],
      ["no network", new Fault("webexUnreachable", "DNS"), "webexUnreachable"],
      ["cancelled", new Fault("cancelled", "off"), "cancelled"],
    ];
    for (const [what, fault, code] of outcomes) {
      it(`refresh answered ${what}: ${code}, nothing kept`, async () => {
        bench.oauth.outcomes.push(fault);
        const thrown = await faultOf(service.import(given({ accessToken: null }), never));
        expect(thrown.code).to.equal(code);
        if (code === "grantRefused") expect(thrown.data).to.have.property("hint").that.is.a("string");
        expect(inspect(thrown, { depth: 9 })).not.to.include("SECRET-");
        expect(await service.list()).to.deep.equal([]);
      });
    }

    it("me answering 403 or 5xx: refused, or try later", async () => {
      identity.answers.set("SECRET-access-1", new Fault("forbidden", "403", { status: 403 }));
      const fault = await faultOf(service.import(given(), never));
      expect(fault.code).to.equal("grantRefused");
      expect(fault.data.hint).to.include("full administrator");
      identity.answers.set("SECRET-access-1", new Fault("webexError", "502", { status: 502 }));
      expect((await faultOf(service.import(given(), never))).code).to.equal("webexUnreachable");
    });

    it("keeps a grant whose organization's name may not be read", async () => {
      identity.name = new Fault("forbidden", "403", { status: 403 });
      expect((await service.import(given(), never)).orgName).to.equal("Organization 11111111 (name not readable)");
    });

    it("needs a client, and a keychain that works before Webex is asked", async () => {
      bench.settings = { ...bench.settings, clientId: "client-9" };
      expect((await faultOf(service.import(given(), never))).code).to.equal("clientNotConfigured");
      bench.settings = { ...bench.settings, clientId: null };
      bench.store.fault = locked();
      expect((await faultOf(service.import(given({ accessToken: null }), never))).code).to.equal("keychainLocked");
      expect(bench.oauth.refreshedWith).to.deep.equal([]);
    });

    it("a new grant of an organization takes the old one's place, and ends its refusal", async () => {
      await bench.vault.storeGrant(grantOf(orgA, "old", 0));
      await service.import(given({ accessToken: new Secret("SECRET-access-b") }), never);
      const old = bench.vault.grantOf(orgA).stored;
      if (old === null) throw new Error("No grant.");
      bench.refusals.refuse(old, client, refused(), 0);
      expect((await service.list()).map((a) => a.state)).to.deep.equal(["required", "valid"]);
      await service.import(given(), never);
      expect((await service.list()).map((a) => [a.orgId, a.state])).to.deep.equal([
        [orgA, "valid"],
        [orgB, "valid"],
      ]);
    });
  });

  it("completeGrant needs a refresh token, and keeps what it gets", async () => {
    expect(
      (await faultOf(service.completeGrant(service.counterpart(), answerOf("1", { refreshToken: null }), never))).code,
    ).to.equal("grantRefused");
    expect((await service.completeGrant(service.counterpart(), answerOf("1"), never)).orgId).to.equal(orgA);
    expect(told.at(-1)?.authorizations).to.have.length(1);
  });

  describe("list", () => {
    it("serves from memory while the keychain is out of reach, and fails where it was never read", async () => {
      await service.import(given(), never);
      bench.store.fault = locked();
      await faultOf(bench.vault.reload());
      expect(await service.list()).to.have.length(1);
      const fresh = new Bench(bench.store);
      const { vault, refusals, clock, logger } = fresh;
      const blind = new Authorizations({
        ...{ vault, refusals, clock, logger },
        settings: () => fresh.settings,
        webex: () => fresh.webex(identity),
        flowFactory: (method) => new FakeFlow(method),
      });
      expect((await faultOf(blind.list())).code).to.equal("keychainLocked");
      bench.store.fault = null;
      expect(await blind.list()).to.have.length(1);
    });

    it("says required for another client, another origin and a refused grant", async () => {
      await service.import(given(), never);
      bench.settings = { ...bench.settings, apiUrl: "https://other.example/v1" };
      service.settingsChanged();
      expect(told.at(-1)?.authorizations[0]?.state).to.equal("required");
      expect(service.standings()[0]?.fault?.code).to.equal("authorizationRequired");
      bench.settings = { ...bench.settings, apiUrl: "https://webexapis.com/v1" };
      service.settingsChanged();
      bench.oauth.outcomes.push(refused());
      await faultOf(bench.tokens(orgA).replace(new Secret("SECRET-access-1"), never));
      expect(told.at(-1)?.authorizations[0]?.state).to.equal("required");
      expect(service.standings()[0]?.fault?.code).to.equal("grantRefused");
      const count = told.length;
      service.settingsChanged();
      expect(told).to.have.length(count);
    });
  });

  describe("revoke", () => {
    beforeEach(() => service.import(given(), never));

    it("tells Webex and forgets", async () => {
      expect(await service.revoke(orgA, never)).to.deep.equal({ revokedAtWebex: true });
      expect(bench.oauth.revoked).to.deep.equal(["SECRET-refresh-1"]);
      expect(await service.list()).to.deep.equal([]);
      expect(await bench.store.inner.get(grantAccount(orgA))).to.equal(null);
    });

    it("forgets when Webex refuses or never answers", async () => {
      bench.oauth.revocation = () => Promise.reject(refused());
      expect(await service.revoke(orgA, never)).to.deep.equal({ revokedAtWebex: false });
      await service.import(given(), never);
      bench.oauth.revocation = () => new Promise(() => undefined);
      const before = bench.clock.monotonic();
      expect(await bench.clock.until(service.revoke(orgA, never))).to.deep.equal({ revokedAtWebex: false });
      expect(bench.clock.monotonic() - before).to.equal(5_000);
      expect(await service.list()).to.deep.equal([]);
      expect(bench.clock.pendingTimers).to.equal(0);
    });

    it("sends nothing of a grant for another API origin", async () => {
      bench.settings = { ...bench.settings, apiUrl: "https://other.example/v1" };
      expect(await service.revoke(orgA, never)).to.deep.equal({ revokedAtWebex: false });
      expect(bench.oauth.revoked).to.deep.equal([]);
    });

    it("takes out an authorization whose record is missing or cannot be read, and stands for its problem until then", async () => {
      for (const rest of [null, '{"version":2}']) {
        await service.import(given(), never);
        if (rest === null) await bench.store.inner.delete(grantAccount(orgA));
        else await bench.store.inner.set(grantAccount(orgA), rest);
        await bench.vault.reload();
        expect(await service.list()).to.deep.equal([]);
        const [standing] = service.standings();
        expect(standing).to.include({ orgId: orgA, orgName: "Organization 11111111 (name not readable)", scopes: null });
        expect(standing?.fault).to.include({ code: "authorizationRequired" });
        expect(standing?.fault?.hint).to.include(`revoke ${orgA}`);
        expect(await service.revoke(orgA, never)).to.deep.equal({ revokedAtWebex: false });
        expect(await bench.store.inner.get(grantAccount(orgA))).to.equal(null);
        expect(service.standings()).to.deep.equal([]);
        expect((await faultOf(service.revoke(orgA, never))).code).to.equal("unknownOrganization");
      }
      expect(bench.oauth.revoked).to.deep.equal([]);
    });

    it("knows which organizations there are", async () => {
      expect((await faultOf(service.revoke(orgB, never))).code).to.equal("unknownOrganization");
      bench.store.fault = locked();
      expect((await faultOf(service.revoke(orgA, never))).code).to.equal("keychainLocked");
    });
  });

  describe("flows", () => {
    it("gives the flow of that method that is open, and refuses another", async () => {
      const [one, two] = await Promise.all([service.begin("browser", never), service.begin("browser", never)]);
      expect(one).to.deep.equal(two);
      expect(flows).to.have.length(1);
      const fault = await faultOf(service.begin("device", never));
      expect([fault.code, fault.data.method]).to.deep.equal(["authorizationInProgress", "browser"]);
    });

    it("a flow's failed attempt is told and leaves it open; its end is told, then there is none", async () => {
      await service.begin("browser", never);
      flows[0]!.tell("denied", true);
      flows[0]!.tell("authorized", false);
      expect(told.map((t) => t.flow?.state ?? null)).to.deep.equal(["waiting", "denied", "authorized", null]);
      await service.begin("device", never);
      expect(flows).to.have.length(2);
      expect(flows[0]!.stops).to.equal(1);
    });

    it("cancel ends it, is idempotent, and makes room", async () => {
      await service.cancel();
      await service.begin("browser", never);
      await service.cancel();
      await service.cancel();
      expect(told.map((t) => t.flow?.state ?? null)).to.deep.equal(["waiting", "cancelled", null]);
      await service.begin("device", never);
    });

    it("begins none without a client or a keychain, and can begin afterwards", async () => {
      bench.settings = { ...bench.settings, clientId: "client-9" };
      expect((await faultOf(service.begin("device", never))).code).to.equal("clientNotConfigured");
      bench.settings = { ...bench.settings, clientId: null };
      bench.store.fault = locked();
      expect((await faultOf(service.begin("device", never))).code).to.equal("keychainLocked");
      bench.store.fault = null;
      await service.begin("browser", never);
      expect(flows.map((f) => f.open)).to.deep.equal([false, false, true]);
    });

    it("cancelled while it starts: the caller hears so, and one who joined gets a flow of its own", async () => {
      const caller = new AbortController();
      const first = faultOf(service.begin("browser", caller.signal));
      flows[0]!.starting = (signal) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true }));
      const second = service.begin("browser", never);
      await new Promise((resolve) => setImmediate(resolve));
      caller.abort();
      expect((await first).code).to.equal("cancelled");
      expect((await second).url).to.be.a("string");
      expect(flows).to.have.length(2);
    });
  });
});

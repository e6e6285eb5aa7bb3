import { expect } from "chai";

import { Authorizations } from "../../../src/authorization/authorizations.js";
import type { ImportedGrant } from "../../../src/authorization/grant-import.js";
import { originOf, type WebexService } from "../../../src/authorization/oauth-context.js";
import { DeviceFlow } from "../../../src/authorization/device-flow.js";
import type { FlowView } from "../../../src/authorization/flow.js";
import { Secret } from "../../../src/faults/secret.js";
import type {
  DeviceAuthorization,
  DeviceTokenPoll,
  OAuthApi,
  OAuthClient,
  TokenResponse,
} from "../../../src/webex/oauth.js";
import type { IdentityApi } from "../../../src/webex/identity.js";
import type { Me } from "../../../src/webex/people.js";
import { settle } from "../../support/clock-fake.js";
import {
  tokenResponseOf,
  AuthorizationHarness,
  client,
  faultOf,
  neverAborted,
  orgA,
} from "../../support/authorization-fixture.js";

const OLD = "https://old.example/v1";
const NEW = "https://new.example/v1";
const otherClient: OAuthClient = {
  clientId: "client-2",
  clientSecret: new Secret("SECRET-client-2"),
};

/** Webex at one address. Accepts all requests, records them, and can delay its responses. */
class WebexFake implements OAuthApi, IdentityApi {
  readonly requests: string[] = [];
  readonly #name: string;
  gate: Promise<void> = Promise.resolve();
  isApproved = false;

  constructor(name: string) {
    this.#name = name;
  }

  async #respond<T>(what: string, signal: AbortSignal, value: T): Promise<T> {
    this.requests.push(what);
    const aborted = new Promise<never>((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true }),
    );
    await Promise.race([this.gate, aborted]);
    return value;
  }

  authorizeUrl(): string {
    return "";
  }
  exchangeCode(
    oauthClient: OAuthClient,
    _grant: unknown,
    signal: AbortSignal,
  ): Promise<TokenResponse> {
    return this.#respond(`code of ${oauthClient.clientId}`, signal, tokenResponseOf(this.#name));
  }
  refresh(oauthClient: OAuthClient, _token: Secret, signal: AbortSignal): Promise<TokenResponse> {
    return this.#respond(`refresh of ${oauthClient.clientId}`, signal, tokenResponseOf(this.#name));
  }
  authorizeDevice(
    oauthClient: OAuthClient,
    _scope: string,
    signal: AbortSignal,
  ): Promise<DeviceAuthorization> {
    return this.#respond(`device code for ${oauthClient.clientId}`, signal, {
      deviceCode: new Secret(`SECRET-device-${this.#name}`),
      userCode: this.#name,
      verificationUri: `https://${this.#name}.example/device`,
      verificationUriComplete: null,
      expiresInSeconds: 300,
      intervalSeconds: 1,
    });
  }
  pollDeviceToken(
    oauthClient: OAuthClient,
    _code: Secret,
    signal: AbortSignal,
  ): Promise<DeviceTokenPoll> {
    const poll: DeviceTokenPoll = this.isApproved
      ? { kind: "authorized", tokens: tokenResponseOf(this.#name) }
      : { kind: "pending" };
    return this.#respond(`poll of ${oauthClient.clientId}`, signal, poll);
  }
  async revoke(): Promise<void> {
    this.requests.push("revoke");
  }
  me(token: Secret, signal: AbortSignal): Promise<Me> {
    const me = {
      personId: "p",
      orgId: orgA,
      displayName: "Ada",
      email: null,
      sharesStatus: true,
      isFullAdmin: true,
    };
    return this.#respond(`me with ${token.reveal()}`, signal, me);
  }
  async organizationName(): Promise<string> {
    return `Acme at ${this.#name}`;
  }
  async organizations(): Promise<readonly never[]> {
    return [];
  }
}

describe("a change of the OAuth context during a request", () => {
  let harness: AuthorizationHarness;
  let before: WebexFake;
  let after: WebexFake;
  let service: Authorizations;
  let flows: (FlowView | null)[];

  beforeEach(async () => {
    harness = new AuthorizationHarness();
    harness.settings = { ...harness.settings, apiUrl: OLD };
    [before, after] = [new WebexFake("old"), new WebexFake("new")];
    const { grantStore, refusals, clock, logger } = harness;
    const webex = (): WebexService => {
      const { apiUrl } = harness.settings;
      const requests = apiUrl.startsWith("https://old.example/") ? before : after;
      return { apiUrl, apiOrigin: originOf(apiUrl), oauth: requests, identity: requests };
    };
    service = new Authorizations({
      ...{ grantStore, refusals, clock, logger, webex },
      settings: () => harness.settings,
      settingsLoaded: Promise.resolve(),
      createFlow: () =>
        new DeviceFlow({
          oauthContext: () => service.oauthContext(),
          grantSink: service,
          clock: harness.clock,
          logger: harness.logger,
        }),
    });
    await service.setClient(client.clientId, client.clientSecret);
    service.start();
    flows = [];
    service.events.on("authorizationsChanged", ({ flow }) => flows.push(flow));
  });

  afterEach(async () => {
    await service.stop();
    expect(harness.clock.pendingTimers).to.equal(0);
    expect(harness.logger.text + JSON.stringify(flows)).not.to.include("SECRET-");
  });

  const set = (changes: Partial<AuthorizationHarness["settings"]>): void => {
    harness.settings = { ...harness.settings, ...changes };
    service.reevaluate();
  };
  const grant = (accessToken: string | null): ImportedGrant => ({
    refreshToken: new Secret("SECRET-refresh-imported"),
    accessToken: accessToken === null ? null : new Secret(accessToken),
    expiresIn: null,
    refreshTokenExpiresIn: null,
    scope: null,
  });
  const wait = (requests: WebexFake): (() => void) => {
    let open: () => void = () => undefined;
    requests.gate = new Promise((resolve) => (open = resolve));
    return open;
  };

  describe("WebexPresence.ApiUrl", () => {
    for (const [stage, accessToken] of [
      ["refreshed", null],
      ["verified", "SECRET-access-imported"],
    ] as const) {
      it(`ends an import that is being ${stage}, sends nothing to the new address and stores nothing`, async () => {
        const open = wait(before);
        const fault = faultOf(service.import(grant(accessToken), neverAborted));
        await settle();
        expect(before.requests).to.have.length(1);
        set({ apiUrl: NEW });
        expect(await fault).to.include({ code: "webexUnreachable" });
        expect((await fault).message)
          .to.include("WebexPresence.ApiUrl")
          .and.to.include("Import it again");
        open();
        await settle();
        expect(after.requests).to.deep.equal([]);
        expect(await service.list()).to.deep.equal([]);
      });
    }

    it("does not end an import if only the path changes, and reports a cancellation by the caller as such", async () => {
      const open = wait(before);
      const imported = service.import(grant("SECRET-access-imported"), neverAborted);
      await settle();
      set({ apiUrl: "https://old.example/v2" });
      open();
      expect((await imported).state).to.equal("valid");
      wait(before);
      const caller = new AbortController();
      const cancelled = faultOf(service.import(grant("SECRET-access-imported"), caller.signal));
      await settle();
      caller.abort();
      expect((await cancelled).message).to.not.include("ApiUrl");
    });

    it("ends a device flow at once and stops polling, and starts the next flow at the new address", async () => {
      await service.begin("device", neverAborted);
      await harness.clock.advance(2_500);
      before.isApproved = true;
      const requests = before.requests.length;
      set({ apiUrl: NEW });
      expect(flows.at(-1)).to.equal(null);
      expect(flows.at(-2)).to.include({ state: "cancelled" });
      expect(flows.at(-2)?.message).to.include("WebexPresence.ApiUrl was changed");
      await harness.clock.advance(10_000);
      expect(before.requests).to.have.length(requests);
      expect(after.requests).to.deep.equal([]);
      expect((await service.begin("device", neverAborted)).userCode).to.equal("new");
      after.isApproved = true;
      await harness.clock.advance(2_000);
      expect(after.requests).to.deep.equal([
        "device code for client-1",
        "poll of client-1",
        "me with SECRET-access-new",
      ]);
      expect(harness.grantStore.findGrant(orgA).stored).to.include({
        apiOrigin: "https://new.example",
        clientId: "client-1",
      });
    });

    it("ends a flow whose tokens Webex has issued, and logs that they were not stored", async () => {
      await service.begin("device", neverAborted);
      before.isApproved = true;
      harness.store.writesFail = true;
      await harness.clock.advance(2_000);
      expect(before.requests.at(-1)).to.equal("me with SECRET-access-old");
      set({ apiUrl: NEW });
      harness.store.writesFail = false;
      await harness.clock.advance(30_000);
      expect(after.requests).to.deep.equal([]);
      expect(harness.grantStore.findGrant(orgA).stored).to.equal(null);
      expect(harness.logger.text).to.include("ended before it was stored");
    });

    it("restarts a flow that is starting at the new address", async () => {
      wait(before);
      const begun = service.begin("device", neverAborted);
      await settle();
      expect(before.requests).to.deep.equal(["device code for client-1"]);
      set({ apiUrl: NEW });
      expect((await begun).verificationUri).to.equal("https://new.example/device");
      expect(flows.map((flow) => flow?.state)).to.deep.equal(["waiting"]);
    });
  });

  it("verifies and stores a grant in its own context, whatever the settings are now", async () => {
    const oauthContext = service.oauthContext();
    set({ apiUrl: NEW });
    await service.setClient(otherClient.clientId, otherClient.clientSecret);
    expect(
      (await service.completeGrant(oauthContext, tokenResponseOf("old"), neverAborted)).state,
    ).to.equal("required");
    expect(after.requests).to.deep.equal([]);
    expect(harness.grantStore.findGrant(orgA).stored).to.include({
      apiOrigin: "https://old.example",
      clientId: "client-1",
    });
  });

  describe("the client", () => {
    const changes: [string, () => Promise<unknown>][] = [
      ["by setClient", () => service.setClient(otherClient.clientId, otherClient.clientSecret)],
      [
        "by another process",
        async () => {
          await (await harness.otherProcess()).grantStore.setClient(otherClient);
          await harness.grantStore.reload();
        },
      ],
      [
        "by WebexPresence.ClientId",
        async () => {
          set({ clientId: otherClient.clientId });
          await service.setClient(otherClient.clientId, otherClient.clientSecret);
        },
      ],
    ];
    for (const [how, change] of changes) {
      it(`ends a flow if it is changed ${how}, and starts the next one with the new client`, async () => {
        await service.begin("device", neverAborted);
        await change();
        expect(flows.at(-1)).to.equal(null);
        expect(flows.find((flow) => flow?.state === "cancelled")?.message).to.include(
          "client ID of the Webex integration was changed",
        );
        before.isApproved = true;
        await harness.clock.advance(10_000);
        expect(before.requests).to.deep.equal(["device code for client-1"]);
        await service.begin("device", neverAborted);
        await harness.clock.advance(2_000);
        expect(before.requests.slice(1, 3)).to.deep.equal([
          "device code for client-2",
          "poll of client-2",
        ]);
        expect(harness.grantStore.findGrant(orgA).stored?.clientId).to.equal("client-2");
        expect((await service.list())[0]?.state).to.equal("valid");
      });
    }

    it("does not end a flow if the secret changes or the client is missing", async () => {
      await service.begin("device", neverAborted);
      await service.setClient(client.clientId, new Secret("SECRET-of-today"));
      await harness.store.inner.delete("client");
      await harness.grantStore.reload();
      expect(flows.at(-1)?.state).to.equal("waiting");
    });

    it("does not end an import, which belongs to the client that it was issued for", async () => {
      const open = wait(before);
      const imported = service.import(grant(null), neverAborted);
      await settle();
      await service.setClient(otherClient.clientId, otherClient.clientSecret);
      open();
      expect((await imported).state).to.equal("required");
      expect(before.requests).to.deep.equal(["refresh of client-1", "me with SECRET-access-old"]);
      expect(harness.grantStore.findGrant(orgA).stored?.clientId).to.equal("client-1");
      expect(service.grantStatuses()[0]?.fault?.message).to.include("another Webex integration");
    });
  });
});

import { expect } from "chai";

import type { ImportedGrant } from "../../../src/authorization/authorization-service.js";
import { Authorizations } from "../../../src/authorization/authorizations.js";
import type { WebexService } from "../../../src/authorization/counterpart.js";
import { DeviceFlow } from "../../../src/authorization/device-flow.js";
import { originOf } from "../../../src/authorization/effective-client.js";
import type { FlowView } from "../../../src/authorization/flow.js";
import { Secret } from "../../../src/faults/secret.js";
import type { DeviceCode, DevicePoll, IdentityApi, OAuthApi, OAuthClient, TokenAnswer } from "../../../src/webex/oauth-api.js";
import type { Me } from "../../../src/webex/people-api.js";
import { settle } from "../../support/fake-clock.js";
import { answerOf, Bench, client, faultOf, never, orgA } from "./fixtures.js";

const OLD = "https://old.example/v1";
const NEW = "https://new.example/v1";
const otherClient: OAuthClient = { clientId: "client-2", clientSecret: new Secret("SECRET-client-2") };

/** One address of Webex: answers everybody, keeps who asked for what, and can be made to wait. */
class Service implements OAuthApi, IdentityApi {
  readonly asked: string[] = [];
  readonly #name: string;
  gate: Promise<void> = Promise.resolve();
  approved = false;

  constructor(name: string) {
    this.#name = name;
  }

  async #answer<T>(what: string, signal: AbortSignal, value: T): Promise<T> {
    this.asked.push(what);
    const aborted = new Promise<never>((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true }),
    );
    await Promise.race([this.gate, aborted]);
    return value;
  }

  authorizeUrl(): string {
    return "";
  }
  exchangeCode(given: OAuthClient, _grant: unknown, signal: AbortSignal): Promise<TokenAnswer> {
    return this.#answer(`code of ${given.clientId}`, signal, answerOf(this.#name));
  }
  refresh(given: OAuthClient, _token: Secret, signal: AbortSignal): Promise<TokenAnswer> {
    return this.#answer(`refresh of ${given.clientId}`, signal, answerOf(this.#name));
  }
  beginDevice(given: OAuthClient, _scope: string, signal: AbortSignal): Promise<DeviceCode> {
    return this.#answer(`device code for ${given.clientId}`, signal, {
      deviceCode: new Secret(`SECRET-device-${this.#name}`),
      userCode: this.#name,
      verificationUri: `https://${this.#name}.example/device`,
      verificationUriComplete: null,
      expiresInSeconds: 300,
      intervalSeconds: 1,
    });
  }
  pollDevice(given: OAuthClient, _code: Secret, signal: AbortSignal): Promise<DevicePoll> {
    const poll: DevicePoll = this.approved ? { kind: "authorized", answer: answerOf(this.#name) } : { kind: "pending" };
    return this.#answer(`poll of ${given.clientId}`, signal, poll);
  }
  async revoke(): Promise<void> {
    this.asked.push("revoke");
  }
  me(token: Secret, signal: AbortSignal): Promise<Me> {
    const me = { personId: "p", orgId: orgA, displayName: "Ada", email: null, sharesStatus: true, isFullAdmin: true };
    return this.#answer(`me with ${token.reveal()}`, signal, me);
  }
  async organizationName(): Promise<string> {
    return `Acme at ${this.#name}`;
  }
  async organizations(): Promise<readonly never[]> {
    return [];
  }
}

describe("what a grant is asked of changes while it is asked for", () => {
  let bench: Bench;
  let before: Service;
  let after: Service;
  let service: Authorizations;
  let flows: (FlowView | null)[];

  beforeEach(async () => {
    bench = new Bench();
    bench.settings = { ...bench.settings, apiUrl: OLD };
    [before, after] = [new Service("old"), new Service("new")];
    const { vault, refusals, clock, logger } = bench;
    const webex = (): WebexService => {
      const { apiUrl } = bench.settings;
      const asked = apiUrl.startsWith("https://old.example/") ? before : after;
      return { apiOrigin: originOf(apiUrl), oauth: asked, identity: asked };
    };
    service = new Authorizations({
      ...{ vault, refusals, clock, logger, webex },
      settings: () => bench.settings,
      flowFactory: () =>
        new DeviceFlow({ counterpart: () => service.counterpart(), keeper: service, clock: bench.clock, logger: bench.logger }),
    });
    await service.setClient(client.clientId, client.clientSecret);
    service.start();
    flows = [];
    service.events.on("authorizationsChanged", ({ flow }) => flows.push(flow));
  });

  afterEach(async () => {
    await service.stop();
    expect(bench.clock.pendingTimers).to.equal(0);
    expect(bench.logger.text + JSON.stringify(flows)).not.to.include("SECRET-");
  });

  const set = (changes: Partial<Bench["settings"]>): void => {
    bench.settings = { ...bench.settings, ...changes };
    service.settingsChanged();
  };
  const given = (accessToken: string | null): ImportedGrant => ({
    refreshToken: new Secret("SECRET-refresh-given"),
    accessToken: accessToken === null ? null : new Secret(accessToken),
    expiresIn: null,
    refreshTokenExpiresIn: null,
    scope: null,
  });
  const wait = (asked: Service): (() => void) => {
    let open: () => void = () => undefined;
    asked.gate = new Promise((resolve) => (open = resolve));
    return open;
  };

  describe("WebexPresence.ApiUrl", () => {
    for (const [stage, accessToken] of [
      ["refreshed", null],
      ["proved", "SECRET-access-given"],
    ] as const) {
      it(`ends an import that is being ${stage}, tells the new address nothing and keeps nothing`, async () => {
        const open = wait(before);
        const fault = faultOf(service.import(given(accessToken), never));
        await settle();
        expect(before.asked).to.have.length(1);
        set({ apiUrl: NEW });
        expect(await fault).to.include({ code: "webexUnreachable" });
        expect((await fault).message)
          .to.include("WebexPresence.ApiUrl")
          .and.to.include("Import it again");
        open();
        await settle();
        expect(after.asked).to.deep.equal([]);
        expect(await service.list()).to.deep.equal([]);
      });
    }

    it("leaves an import alone where only the path changes, or its own caller calls it off", async () => {
      const open = wait(before);
      const imported = service.import(given("SECRET-access-given"), never);
      await settle();
      set({ apiUrl: "https://old.example/v2" });
      open();
      expect((await imported).state).to.equal("valid");
      wait(before);
      const caller = new AbortController();
      const called = faultOf(service.import(given("SECRET-access-given"), caller.signal));
      await settle();
      caller.abort();
      expect((await called).message).to.not.include("ApiUrl");
    });

    it("ends a device flow at once: the old address is polled no more, and a new flow goes to the new one", async () => {
      await service.begin("device", never);
      await bench.clock.advance(2_500);
      before.approved = true;
      const asked = before.asked.length;
      set({ apiUrl: NEW });
      expect(flows.at(-1)).to.equal(null);
      expect(flows.at(-2)).to.include({ state: "cancelled" });
      expect(flows.at(-2)?.message).to.include("WebexPresence.ApiUrl was changed");
      await bench.clock.advance(10_000);
      expect(before.asked).to.have.length(asked);
      expect(after.asked).to.deep.equal([]);
      expect((await service.begin("device", never)).userCode).to.equal("new");
      after.approved = true;
      await bench.clock.advance(2_000);
      expect(after.asked).to.deep.equal(["device code for client-1", "poll of client-1", "me with SECRET-access-new"]);
      expect(bench.vault.grantOf(orgA).stored).to.include({ apiOrigin: "https://new.example", clientId: "client-1" });
    });

    it("ends a flow whose grant Webex has given already, and says in the log that it was not kept", async () => {
      await service.begin("device", never);
      before.approved = true;
      bench.store.writesFail = true;
      await bench.clock.advance(2_000);
      expect(before.asked.at(-1)).to.equal("me with SECRET-access-old");
      set({ apiUrl: NEW });
      bench.store.writesFail = false;
      await bench.clock.advance(30_000);
      expect(after.asked).to.deep.equal([]);
      expect(bench.vault.grantOf(orgA).stored).to.equal(null);
      expect(bench.logger.text).to.include("given already was not kept");
    });

    it("gives a flow that is only being begun the new address", async () => {
      wait(before);
      const begun = service.begin("device", never);
      await settle();
      expect(before.asked).to.deep.equal(["device code for client-1"]);
      set({ apiUrl: NEW });
      expect((await begun).verificationUri).to.equal("https://new.example/device");
      expect(flows.map((flow) => flow?.state)).to.deep.equal(["waiting"]);
    });
  });

  it("a grant is proved and kept as its counterpart's, whatever the settings have become", async () => {
    const counterpart = service.counterpart();
    set({ apiUrl: NEW });
    await service.setClient(otherClient.clientId, otherClient.clientSecret);
    expect((await service.completeGrant(counterpart, answerOf("old"), never)).state).to.equal("required");
    expect(after.asked).to.deep.equal([]);
    expect(bench.vault.grantOf(orgA).stored).to.include({ apiOrigin: "https://old.example", clientId: "client-1" });
  });

  describe("the client", () => {
    const changes: [string, () => Promise<unknown>][] = [
      ["by setClient", () => service.setClient(otherClient.clientId, otherClient.clientSecret)],
      [
        "by another process",
        async () => {
          await (await bench.other()).vault.setClient(otherClient);
          await bench.vault.reload();
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
      it(`ends a flow when it is another one ${how}, and the next goes by the new one`, async () => {
        await service.begin("device", never);
        await change();
        expect(flows.at(-1)).to.equal(null);
        expect(flows.find((flow) => flow?.state === "cancelled")?.message).to.include("client id was changed");
        before.approved = true;
        await bench.clock.advance(10_000);
        expect(before.asked).to.deep.equal(["device code for client-1"]);
        await service.begin("device", never);
        await bench.clock.advance(2_000);
        expect(before.asked.slice(1, 3)).to.deep.equal(["device code for client-2", "poll of client-2"]);
        expect(bench.vault.grantOf(orgA).stored?.clientId).to.equal("client-2");
        expect((await service.list())[0]?.state).to.equal("valid");
      });
    }

    it("leaves a flow open for another secret of the same client, and for one that is missing", async () => {
      await service.begin("device", never);
      await service.setClient(client.clientId, new Secret("SECRET-of-today"));
      await bench.store.inner.delete("client");
      await bench.vault.reload();
      expect(flows.at(-1)?.state).to.equal("waiting");
    });

    it("lets an import end, as a grant of the one that it was given to", async () => {
      const open = wait(before);
      const imported = service.import(given(null), never);
      await settle();
      await service.setClient(otherClient.clientId, otherClient.clientSecret);
      open();
      expect((await imported).state).to.equal("required");
      expect(before.asked).to.deep.equal(["refresh of client-1", "me with SECRET-access-old"]);
      expect(bench.vault.grantOf(orgA).stored?.clientId).to.equal("client-1");
      expect(service.standings()[0]?.fault?.message).to.include("another Webex integration");
    });
  });
});

import { expect } from "chai";

import { Authorizations } from "../../src/authorization/authorizations.js";
import { BrowserFlow } from "../../src/authorization/browser-flow.js";
import { DeviceFlow } from "../../src/authorization/device-flow.js";
import type { FlowView } from "../../src/authorization/flow.js";
import { type Grant, REQUIRED_SCOPES } from "../../src/authorization/grant.js";
import { GrantRefusals } from "../../src/authorization/grant-status.js";
import { RenewalAnnouncements } from "../../src/authorization/renewal-announcements.js";
import { OrganizationTokenSource } from "../../src/authorization/token-source.js";
import type { AuthorizationSettings } from "../../src/authorization/oauth-context.js";
import { RenewalPacing } from "../../src/authorization/renewal-pacing.js";
import { GrantStore } from "../../src/authorization/grant-store.js";
import { Secret } from "../../src/faults/secret.js";
import { createAxiosHttp } from "../../src/platform/axios-http.js";
import { readAsset } from "../../src/platform/node-process.js";
import { listenOnLoopback } from "../../src/platform/loopback-server.js";
import { MemoryStore } from "../../src/platform/secret-store.js";
import {
  systemClock as clock,
  systemCrypto as crypto,
  systemRandom as random,
} from "../../src/platform/system-clock.js";
import type { Http } from "../../src/ports/http.js";
import { createIdentityApi } from "../../src/webex/identity.js";
import { createOAuthApi, type OAuthApi } from "../../src/webex/oauth.js";
import { RecordingLogger } from "../support/logger-fake.js";
import { PageNoticesFake } from "../support/authorization-flow-fixture.js";
import { FormBrowser } from "../support/form-browser-fake.js";
import { OidcProviderFixture } from "../support/oidc-provider-fixture.js";

const neverAborted = new AbortController().signal;
const LOGIN = { login: "ada", password: "any" };

describe("authorization with another authorization server (oidc-provider)", function () {
  this.timeout(60_000);
  let server: OidcProviderFixture;
  let http: Http;
  let grantStore: GrantStore;
  let logger: RecordingLogger;
  let authorizations: Authorizations;
  let tokens: OrganizationTokenSource;
  let oauth: OAuthApi;
  let views: FlowView[];

  beforeEach(async () => {
    server = new OidcProviderFixture();
    // RFC 8252, 7.3: a native client's loopback redirect URI may have any port.
    await server.start("http://localhost/oauth/callback");
    const { apiUrl, clientId } = server;
    http = createAxiosHttp({ proxy: "none", proxyPassword: null, extraCertificates: null });
    logger = new RecordingLogger();
    const rest = { apiUrl, version: "1.0.0", http, clock };
    oauth = createOAuthApi(rest, await server.endpoints());
    const store = new MemoryStore();
    grantStore = new GrantStore(store, clock, logger);
    const refusals = new GrantRefusals();
    const pacing = new RenewalPacing(clock, () => 5_000);
    const settings = (): AuthorizationSettings => ({
      clientId: null,
      apiUrl,
      redirectPort: 0,
      pollIntervalSeconds: 5,
    });
    const shared = { grantStore, refusals, settings, clock, logger };
    authorizations = new Authorizations({
      ...shared,
      settingsLoaded: Promise.resolve(),
      webex: () => ({
        apiUrl,
        apiOrigin: new URL(apiUrl).origin,
        oauth,
        identity: createIdentityApi(rest, () => undefined),
      }),
      createFlow: (method) => {
        const parts = {
          oauthContext: () => authorizations.oauthContext(),
          grantSink: authorizations,
          clock,
          crypto,
          logger,
        };
        return method === "device"
          ? new DeviceFlow(parts)
          : new BrowserFlow({
              ...parts,
              notices: new PageNoticesFake(),
              retryOrganization: () => undefined,
              readAsset,
              listen: listenOnLoopback,
              redirectPort: 0,
            });
      },
    });
    tokens = new OrganizationTokenSource({
      ...shared,
      renewals: new RenewalAnnouncements(store, clock),
      pacing,
      oauth: () => oauth,
      orgId: server.orgId,
      random,
    });
    await grantStore.reload();
    authorizations.start();
    views = [];
    authorizations.events.on("authorizationsChanged", ({ flow }) => {
      if (flow !== null) views.push(flow);
    });
    await authorizations.setClient(clientId, new Secret(server.clientSecret));
  });

  afterEach(async () => {
    await authorizations.stop();
    await grantStore.stop();
    http.close();
    await server.stop();
    const { stored } = grantStore.findGrant(server.orgId);
    const secrets = [
      server.clientSecret,
      stored?.accessToken.reveal(),
      stored?.refreshToken.reveal(),
    ];
    for (const secret of secrets)
      if (secret !== undefined) expect(logger.text + JSON.stringify(views)).to.not.include(secret);
  });

  const storedGrant = (): Grant => {
    const { stored } = grantStore.findGrant(server.orgId);
    if (stored === null) throw new Error("There is no grant.");
    return stored;
  };
  const authorizeInBrowser = async (): Promise<FlowView> => {
    const flow = await authorizations.begin("browser", neverAborted);
    const address = new URL(flow.url ?? "");
    const redirect = await fetch(`${address.origin}/authorize${address.search}`, {
      redirect: "manual",
    });
    const callback = await new FormBrowser(flow.redirectUri ?? "").walk(
      redirect.headers.get("location") ?? "",
      LOGIN,
    );
    expect(new URL(callback.url).searchParams.get("iss")).to.equal(server.origin);
    const page = await fetch(callback.url);
    expect(await page.text()).to.match(/data-state="authorized"/);
    return flow;
  };

  it("authorizes on the page with PKCE, and identifies the owner of the grant", async () => {
    await authorizeInBrowser();
    expect(await authorizations.list()).to.have.lengthOf(1);
    expect(storedGrant()).to.include({
      orgId: server.orgId,
      orgName: "Acme",
      authorizedBy: "Ada Admin",
      refreshTokenExpiresAt: null,
    });
    expect(storedGrant().scopes).to.deep.equal([...REQUIRED_SCOPES]);
    expect(storedGrant().accessTokenExpiresAt).to.be.within(
      Date.now() + 3_500_000,
      Date.now() + 3_600_000,
    );
    expect(await server.isAlive(storedGrant().refreshToken.reveal())).to.equal(true);
    expect((await tokens.getToken(neverAborted)).equals(storedGrant().accessToken)).to.equal(true);
  });

  it("is refused without a code challenge, which shows that PKCE is enforced", async () => {
    const flow = await authorizations.begin("browser", neverAborted);
    const address = new URL(flow.url ?? "");
    const redirect = await fetch(`${address.origin}/authorize${address.search}`, {
      redirect: "manual",
    });
    const url = new URL(redirect.headers.get("location") ?? "");
    url.searchParams.delete("code_challenge");
    url.searchParams.delete("code_challenge_method");
    const callback = new URL(
      (await new FormBrowser(flow.redirectUri ?? "").walk(url.href, LOGIN)).url,
    );
    expect(callback.searchParams.get("error")).to.equal("invalid_request");
    expect(await (await fetch(callback)).text()).to.match(/data-state="failed"/);
  });

  it("stores the refresh token of each refresh, which invalidates the previous one", async () => {
    await authorizeInBrowser();
    const first = storedGrant();
    const renewed = await tokens.replace(first.accessToken, neverAborted);
    const second = storedGrant();
    expect(renewed.equals(second.accessToken)).to.equal(true);
    expect(second.accessToken.equals(first.accessToken)).to.equal(false);
    expect(second.refreshToken.equals(first.refreshToken)).to.equal(false);
    expect(await server.isAlive(first.refreshToken.reveal())).to.equal(false);
    expect(await server.isAlive(second.refreshToken.reveal())).to.equal(true);
    await tokens.replace(second.accessToken, neverAborted);
    expect(await server.isAlive(storedGrant().refreshToken.reveal())).to.equal(true);
    const used: unknown = await oauth
      .refresh(
        { clientId: server.clientId, clientSecret: new Secret(server.clientSecret) },
        first.refreshToken,
        neverAborted,
      )
      .catch((error: unknown) => error);
    expect(used).to.include({ code: "grantRefused", status: 400 });
    // RFC 9700, 4.14.2: reusing a refresh token revokes the whole grant. The worker reports it and
    // deletes nothing.
    const refused: unknown = await tokens
      .replace(storedGrant().accessToken, neverAborted)
      .catch((error: unknown) => error);
    expect(refused).to.include({ code: "grantRefused" });
    expect((await authorizations.list())[0]?.state).to.equal("required");
  });

  it("authorizes with a device code and polls as in RFC 8628", async () => {
    const flow = await authorizations.begin("device", neverAborted);
    const ended = new Promise<void>((resolve) => {
      authorizations.events.on("authorizationsChanged", ({ flow: now }) => {
        if (now === null) resolve();
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    expect(server.requests).to.include("POST /token 400");
    const { text } = await new FormBrowser().walk(flow.verificationUriComplete ?? "", {
      ...LOGIN,
      user_code: flow.userCode ?? "",
    });
    expect(text).to.include("Sign-in Success");
    await ended;
    expect(views.at(-1)?.state).to.equal("authorized");
    expect(storedGrant().orgName).to.equal("Acme");
    const before = storedGrant();
    await tokens.replace(before.accessToken, neverAborted);
    expect(await server.isAlive(before.refreshToken.reveal())).to.equal(false);
    expect(await server.isAlive(storedGrant().refreshToken.reveal())).to.equal(true);
  });

  it("revokes a grant at the server", async () => {
    await authorizeInBrowser();
    const { refreshToken } = storedGrant();
    expect(await authorizations.revoke(server.orgId, neverAborted)).to.deep.equal({
      revokedAtWebex: true,
    });
    expect(await server.isAlive(refreshToken.reveal())).to.equal(false);
    expect(await authorizations.list()).to.deep.equal([]);
  });
});

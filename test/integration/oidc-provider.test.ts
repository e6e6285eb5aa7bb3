import { expect } from "chai";

import { Authorizations } from "../../src/authorization/authorizations.js";
import { BrowserFlow } from "../../src/authorization/browser-flow.js";
import { DeviceFlow } from "../../src/authorization/device-flow.js";
import type { FlowView } from "../../src/authorization/flow.js";
import { type Grant, REQUIRED_SCOPES } from "../../src/authorization/grant.js";
import { GrantRefusals } from "../../src/authorization/grant-refusals.js";
import { OrganizationTokenSource } from "../../src/authorization/token-source.js";
import { GrantStore } from "../../src/authorization/grant-store.js";
import { Secret } from "../../src/faults/secret.js";
import { createAxiosHttp } from "../../src/platform/axios-http.js";
import { listenOnLoopback } from "../../src/platform/loopback-server.js";
import { MemoryStore } from "../../src/platform/secret-store.js";
import {
  systemClock as clock,
  systemCrypto as crypto,
  systemRandom as random,
} from "../../src/platform/system-clock.js";
import type { Http } from "../../src/ports/http.js";
import { WebexIdentity } from "../../src/webex/identity.js";
import { WebexOAuth } from "../../src/webex/oauth.js";
import { RecordingLogger } from "../support/logger-fake.js";
import { PageNoticesFake } from "../support/authorization-flow-fixture.js";
import { FormBrowser } from "../support/form-browser.js";
import { OidcProviderFixture } from "../support/oidc-provider-fixture.js";

const neverAborted = new AbortController().signal;
const LOGIN = { login: "ada", password: "any" };

describe("authorization at a server that is not Webex (oidc-provider)", function () {
  this.timeout(30_000);
  let site: OidcProviderFixture;
  let http: Http;
  let vault: GrantStore;
  let logger: RecordingLogger;
  let authorizations: Authorizations;
  let tokens: OrganizationTokenSource;
  let oauth: WebexOAuth;
  let views: FlowView[];

  beforeEach(async () => {
    site = new OidcProviderFixture();
    // A native client's loopback address may have any port (RFC 8252, 7.3).
    await site.start("http://localhost/oauth/callback");
    const { apiUrl, clientId } = site;
    http = createAxiosHttp({ proxy: "none", proxyPassword: null, extraCertificates: null });
    logger = new RecordingLogger();
    const rest = { apiUrl, version: "1.0.0", http, clock };
    oauth = new WebexOAuth(rest, await site.endpoints());
    vault = new GrantStore(new MemoryStore(), clock, logger);
    const refusals = new GrantRefusals();
    const settings = (): { clientId: null; apiUrl: string; redirectPort: number } => ({
      clientId: null,
      apiUrl,
      redirectPort: 0,
    });
    const shared = { vault, refusals, settings, clock, logger };
    authorizations = new Authorizations({
      ...shared,
      webex: () => ({
        apiOrigin: new URL(apiUrl).origin,
        oauth,
        identity: new WebexIdentity(rest, () => undefined),
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
              listen: listenOnLoopback,
              redirectPort: 0,
            });
      },
    });
    tokens = new OrganizationTokenSource({
      ...shared,
      oauth: () => oauth,
      orgId: site.orgId,
      random,
    });
    await vault.reload();
    authorizations.start();
    views = [];
    authorizations.events.on("authorizationsChanged", ({ flow }) => {
      if (flow !== null) views.push(flow);
    });
    await authorizations.setClient(clientId, new Secret(site.clientSecret));
  });

  afterEach(async () => {
    await authorizations.stop();
    await vault.stop();
    http.close();
    await site.stop();
    const { stored } = vault.findGrant(site.orgId);
    const secrets = [
      site.clientSecret,
      stored?.accessToken.reveal(),
      stored?.refreshToken.reveal(),
    ];
    for (const secret of secrets)
      if (secret !== undefined) expect(logger.text + JSON.stringify(views)).to.not.include(secret);
  });

  const storedGrant = (): Grant => {
    const { stored } = vault.findGrant(site.orgId);
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
    expect(new URL(callback.url).searchParams.get("iss")).to.equal(site.origin);
    const page = await fetch(callback.url);
    expect(await page.text()).to.match(/data-state="authorized"/);
    return flow;
  };

  it("authorizes at the page with PKCE, and knows whose grant it is", async () => {
    await authorizeInBrowser();
    expect(await authorizations.list()).to.have.lengthOf(1);
    expect(storedGrant()).to.include({
      orgId: site.orgId,
      orgName: "Acme",
      authorizedBy: "Ada Admin",
      refreshTokenExpiresAt: null,
    });
    expect(storedGrant().scopes).to.deep.equal([...REQUIRED_SCOPES]);
    expect(storedGrant().accessTokenExpiresAt).to.be.within(
      Date.now() + 3_500_000,
      Date.now() + 3_600_000,
    );
    expect(await site.isAlive(storedGrant().refreshToken.reveal())).to.equal(true);
    expect((await tokens.getToken(neverAborted)).equals(storedGrant().accessToken)).to.equal(true);
  });

  it("is refused without the challenge: PKCE is really asked for", async () => {
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

  it("keeps the refresh token that each refresh gives; the one before is dead", async () => {
    await authorizeInBrowser();
    const first = storedGrant();
    const renewed = await tokens.replace(first.accessToken, neverAborted);
    const second = storedGrant();
    expect(renewed.equals(second.accessToken)).to.equal(true);
    expect(second.accessToken.equals(first.accessToken)).to.equal(false);
    expect(second.refreshToken.equals(first.refreshToken)).to.equal(false);
    expect(await site.isAlive(first.refreshToken.reveal())).to.equal(false);
    expect(await site.isAlive(second.refreshToken.reveal())).to.equal(true);
    await tokens.replace(second.accessToken, neverAborted);
    expect(await site.isAlive(storedGrant().refreshToken.reveal())).to.equal(true);
    const used: unknown = await oauth
      .refresh(
        { clientId: site.clientId, clientSecret: new Secret(site.clientSecret) },
        first.refreshToken,
        neverAborted,
      )
      .catch((error: unknown) => error);
    expect(used).to.include({ code: "grantRefused", status: 400 });
    // RFC 9700, 4.14.2: a refresh token used twice ends the whole grant. The worker says so, and throws nothing away.
    const refused: unknown = await tokens
      .replace(storedGrant().accessToken, neverAborted)
      .catch((error: unknown) => error);
    expect(refused).to.include({ code: "grantRefused" });
    expect((await authorizations.list())[0]?.state).to.equal("required");
  });

  it("authorizes with a device code, asked after as RFC 8628 says", async () => {
    const flow = await authorizations.begin("device", neverAborted);
    const ended = new Promise<void>((resolve) => {
      authorizations.events.on("authorizationsChanged", ({ flow: now }) => {
        if (now === null) resolve();
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    expect(site.requests).to.include("POST /token 400");
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
    expect(await site.isAlive(before.refreshToken.reveal())).to.equal(false);
    expect(await site.isAlive(storedGrant().refreshToken.reveal())).to.equal(true);
  });

  it("revokes there what is revoked here", async () => {
    await authorizeInBrowser();
    const { refreshToken } = storedGrant();
    expect(await authorizations.revoke(site.orgId, neverAborted)).to.deep.equal({
      revokedAtWebex: true,
    });
    expect(await site.isAlive(refreshToken.reveal())).to.equal(false);
    expect(await authorizations.list()).to.deep.equal([]);
  });
});

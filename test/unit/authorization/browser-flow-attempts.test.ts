import { expect } from "chai";

import type { TokenResponse } from "../../../src/webex/oauth.js";
import { BrowserFlowHarness, stateOf } from "../../support/browser-flow-harness.js";
import {
  TOKEN_RESPONSE,
  authorizationOf,
  CLIENT,
  faultOf,
} from "../../support/authorization-flow-fixture.js";

describe("browser flow: attempts", () => {
  let harness: BrowserFlowHarness;

  beforeEach(() => {
    harness = new BrowserFlowHarness();
  });

  afterEach(() => harness.stop());

  beforeEach(() => harness.start());

  it("sends a new state and verifier with each request, the scopes and the redirect URI", async () => {
    const response = await harness.get(`/authorize?key=${harness.key}`);
    expect(response.status).to.equal(302);
    await harness.authorize();
    const [one, two] = harness.oauth.authorizeRequests;
    expect(one).to.include({
      clientId: CLIENT.clientId,
      redirectUri: "http://localhost:8467/oauth/callback",
      scope: "spark-admin:people_read spark-admin:organizations_read",
    });
    expect(one?.state)
      .to.match(/^[\w-]{43}$/)
      .and.not.equal(two?.state);
    expect(one?.codeChallenge)
      .to.match(/^[\w-]{43}$/)
      .and.not.equal(two?.codeChallenge);
    expect(await harness.state()).to.equal("waiting");
    expect((await harness.page()).body)
      .to.contain("Control Hub")
      .and.to.contain(CLIENT.clientId);
  });

  it("says while it waits that ApiUrl is probably wrong, since only the browser sees Webex's page", async () => {
    await harness.authorize();
    expect((await harness.page()).body).not.to.contain("WebexPresence.ApiUrl");
    harness.apiPath = "";
    expect((await harness.page()).body)
      .to.contain("it is https://webex.example,")
      .and.to.contain("https://webex.example/v1.");
  });

  it("exchanges the code with the verifier of its state (PKCE), and stores and shows the grant", async () => {
    harness.oauth.exchangeOutcomes.push(TOKEN_RESPONSE);
    const state1 = await harness.authorize();
    await harness.authorize();
    const response = await harness.get(`/oauth/callback?code=code-1-text&state=${state1}`);
    expect(response).to.include({ status: 303 });
    expect(response.headers.location).to.equal(`/?key=${harness.key}`);
    const [exchange] = harness.oauth.exchanges;
    expect(exchange).to.include({
      code: "code-1-text",
      redirectUri: "http://localhost:8467/oauth/callback",
    });
    expect(harness.crypto.sha256(exchange?.verifier ?? "")).to.equal(
      harness.oauth.authorizeRequests[0]?.codeChallenge,
    );
    expect(harness.grantSink.completedCount).to.equal(1);
    const { body } = await harness.page();
    expect(stateOf(body)).to.equal("authorized");
    expect(body).to.contain("Acme").and.to.contain("Ada Admin").and.to.contain("31 March 2026");
    expect(harness.flow.view).to.include({ state: "waiting", message: null });
    expect(harness.flow.isOpen).to.equal(true);
  });

  it("waits for a pending exchange at the deadline, and stores the grant", async () => {
    let resolveExchange: (tokens: TokenResponse) => void = () => undefined;
    harness.oauth.exchangeOutcomes.push(
      new Promise<TokenResponse>((resolve) => (resolveExchange = resolve)),
    );
    const callback = harness.get(
      `/oauth/callback?code=code-1-text&state=${await harness.authorize()}`,
    );
    await harness.clock.advance(1);
    expect(await harness.state()).to.equal("waiting");
    await harness.clock.advance(600_000);
    expect(harness.flow.isOpen).to.equal(true);
    resolveExchange(TOKEN_RESPONSE);
    expect((await callback).status).to.equal(303);
    await harness.clock.advance(0);
    expect(harness.flow.view.state).to.equal("authorized");
    expect(harness.grantSink.completedCount).to.equal(1);
  });

  it("stores the grant for the client that was in use when AUTHORIZE was pressed", async () => {
    harness.oauth.exchangeOutcomes.push(TOKEN_RESPONSE);
    const state = await harness.authorize();
    harness.client = () => ({ ...CLIENT, clientId: "another-client" });
    await harness.get(`/oauth/callback?code=code-1-text&state=${state}`);
    expect(harness.grantSink.oauthContexts.map(({ client }) => client.clientId)).to.deep.equal([
      CLIENT.clientId,
    ]);
    await harness.authorize();
    expect(harness.oauth.authorizeRequests.at(-1)?.clientId).to.equal("another-client");
  });

  it("shows the error of Webex as text, and allows another attempt", async () => {
    const said = encodeURIComponent('<b>no</b>\u0007\u202e & "never"' + "x".repeat(400));
    const callback = `/oauth/callback?error=access_denied&error_description=${said}&state=${await harness.authorize()}`;
    expect((await harness.get(callback)).status).to.equal(303);
    const { body } = await harness.page();
    expect(stateOf(body)).to.equal("denied");
    expect(body).to.contain("&lt;b&gt;no&lt;/b&gt; &amp; &quot;never&quot;xxx");
    expect(body)
      .not.to.match(/\p{Cf}|[^\P{Cc}\n]/u)
      .and.not.to.contain("x".repeat(290));
    expect(harness.flow.view.state).to.equal("denied");
    expect(harness.flow.view.message).to.contain("Declined").and.not.to.contain("never");
    expect(harness.flow.isOpen).to.equal(true);
    harness.oauth.exchangeOutcomes.push(TOKEN_RESPONSE);
    const state = await harness.authorize();
    expect(harness.flow.view).to.include({ state: "waiting", message: null });
    await harness.get(`/oauth/callback?code=code-2&state=${state}`);
    expect(await harness.state()).to.equal("authorized");
  });

  for (const [error, word] of [
    ["invalid_scope", "scope"],
    ["server_error", "temporary problem"],
    ["temporarily_unavailable", "temporary problem"],
    ["something<else>", "Webex refused"],
  ] as const) {
    it(`reports ${error} as failed`, async () => {
      await harness.get(
        `/oauth/callback?error=${encodeURIComponent(error)}&state=${await harness.authorize()}`,
      );
      expect(await harness.state()).to.equal("failed");
      expect(harness.flow.view.state).to.equal("failed");
      expect(harness.flow.view.message).to.contain(word);
      expect(harness.logger.text).not.to.contain("something");
    });
  }

  for (const code of ["grantRefused", "webexUnreachable", "webexError", "rateLimited"] as const) {
    it(`reports ${code} during the exchange as failed, with its hint`, async () => {
      harness.oauth.exchangeOutcomes.push(faultOf(code));
      await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`);
      const { body } = await harness.page();
      expect(stateOf(body)).to.equal("failed");
      expect(body).to.contain(
        `What ${code} means. Do something about it. Then press AUTHORIZE again.`,
      );
    });
  }

  it("does not show the message of a defect", async () => {
    harness.oauth.exchangeOutcomes.push(
      Promise.reject(new Error("code-1-text in a foreign message")),
    );
    await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`);
    expect(await harness.state()).to.equal("failed");
  });

  it("retries storing a grant while the keychain is locked, and shows that it does", async () => {
    harness.grantSink.faults.push(faultOf("keychainLocked"), faultOf("keychainLocked"));
    harness.oauth.exchangeOutcomes.push(TOKEN_RESPONSE);
    expect(
      (await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`))
        .status,
    ).to.equal(303);
    expect((await harness.page()).body)
      .to.contain("The keychain is locked")
      .and.to.contain("tries again automatically");
    expect(harness.flow.view.state).to.equal("failed");
    await harness.clock.advance(20_000);
    expect(await harness.state()).to.equal("authorized");
    expect(harness.flow.view.state).to.equal("waiting");
  });

  it("shows that an account cannot authorize", async () => {
    harness.grantSink.faults.push(faultOf("forbidden"));
    harness.oauth.exchangeOutcomes.push(TOKEN_RESPONSE);
    await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`);
    expect((await harness.page()).body).to.contain("This account cannot authorize");
    expect(harness.grantSink.completedCount).to.equal(0);
  });

  it("warns about a missing scope, and still allows COMPLETE REQUEST", async () => {
    harness.grantSink.next.push(
      authorizationOf("Acme", { scopes: ["spark-admin:organizations_read"] }),
    );
    harness.oauth.exchangeOutcomes.push(TOKEN_RESPONSE);
    await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`);
    expect((await harness.page()).body)
      .to.contain("a scope is missing")
      .and.to.contain("without spark-admin:people_read");
    expect((await harness.complete()).status).to.equal(200);
  });

  it("returns to the page if the integration is no longer configured", async () => {
    harness.client = () => {
      throw faultOf("clientNotConfigured");
    };
    const response = await harness.get(`/authorize?key=${harness.key}`);
    expect(response).to.include({ status: 303 });
    expect(await harness.state()).to.equal("failed");
  });

  it("drops the oldest of too many pending requests", async () => {
    const first = await harness.authorize();
    for (let i = 0; i < 32; i += 1) await harness.authorize();
    expect((await harness.get(`/oauth/callback?code=code-1-text&state=${first}`)).status).to.equal(
      400,
    );
  });
});

import { expect } from "chai";

import type { TokenResponse } from "../../../src/webex/oauth.js";
import { BrowserFlowHarness, stateOf } from "../../support/browser-flow-harness.js";
import {
  TOKEN_RESPONSE,
  authorizationOf,
  CLIENT,
  faultOf,
} from "../../support/authorization-flow-fixture.js";

describe("browser flow: to Webex and back", () => {
  let harness: BrowserFlowHarness;

  beforeEach(() => {
    harness = new BrowserFlowHarness();
  });

  afterEach(() => harness.stop());

  describe("goes to Webex and back", () => {
    beforeEach(() => harness.start());

    it("with a fresh state and verifier each time, the two scopes and the redirect URI", async () => {
      const answer = await harness.get(`/authorize?key=${harness.key}`);
      expect(answer.status).to.equal(302);
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

    it("proves the code with the verifier of its own state (PKCE), keeps the grant and shows it", async () => {
      harness.oauth.exchangeAnswers.push(TOKEN_RESPONSE);
      const state1 = await harness.authorize();
      await harness.authorize();
      const answer = await harness.get(`/oauth/callback?code=code-1-text&state=${state1}`);
      expect(answer).to.include({ status: 303 });
      expect(answer.headers.location).to.equal(`/?key=${harness.key}`);
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

    it("keeps the grant although the reader has gone, and until the deadline's own exchange is over", async () => {
      let give: (answer: TokenResponse) => void = () => undefined;
      harness.oauth.exchangeAnswers.push(new Promise<TokenResponse>((resolve) => (give = resolve)));
      const callback = harness.get(
        `/oauth/callback?code=code-1-text&state=${await harness.authorize()}`,
      );
      await harness.clock.advance(1);
      expect(await harness.state()).to.equal("waiting");
      await harness.clock.advance(600_000);
      expect(harness.flow.isOpen).to.equal(true);
      give(TOKEN_RESPONSE);
      expect((await callback).status).to.equal(303);
      await harness.clock.advance(0);
      expect(harness.flow.view.state).to.equal("authorized");
      expect(harness.grantSink.completedCount).to.equal(1);
    });

    it("keeps the grant as the client's that AUTHORIZE was pressed for", async () => {
      harness.oauth.exchangeAnswers.push(TOKEN_RESPONSE);
      const state = await harness.authorize();
      harness.client = () => ({ ...CLIENT, clientId: "another-client" });
      await harness.get(`/oauth/callback?code=code-1-text&state=${state}`);
      expect(harness.grantSink.oauthContexts.map(({ client }) => client.clientId)).to.deep.equal([
        CLIENT.clientId,
      ]);
      await harness.authorize();
      expect(harness.oauth.authorizeRequests.at(-1)?.clientId).to.equal("another-client");
    });

    it("shows a refusal of Webex as text, and may be tried again", async () => {
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
      harness.oauth.exchangeAnswers.push(TOKEN_RESPONSE);
      const again = await harness.authorize();
      expect(harness.flow.view).to.include({ state: "waiting", message: null });
      await harness.get(`/oauth/callback?code=code-2&state=${again}`);
      expect(await harness.state()).to.equal("authorized");
    });

    for (const [error, word] of [
      ["invalid_scope", "scope"],
      ["server_error", "problem of its own"],
      ["temporarily_unavailable", "problem of its own"],
      ["something<else>", "Webex refused"],
    ] as const) {
      it(`calls ${error} failed`, async () => {
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
      it(`calls an exchange that ends with ${code} failed, and says what to do`, async () => {
        harness.oauth.exchangeAnswers.push(faultOf(code));
        await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`);
        const { body } = await harness.page();
        expect(stateOf(body)).to.equal("failed");
        expect(body).to.contain(
          `What ${code} means. Do something about it. Then press AUTHORIZE again.`,
        );
      });
    }

    it("does not show the text of a defect", async () => {
      harness.oauth.exchangeAnswers.push(
        Promise.reject(new Error("code-1-text in a foreign message")),
      );
      await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`);
      expect(await harness.state()).to.equal("failed");
    });

    it("keeps a grant in hand while the keychain is locked, says so, and stores it when it can", async () => {
      harness.grantSink.faults.push(faultOf("keychainLocked"), faultOf("keychainLocked"));
      harness.oauth.exchangeAnswers.push(TOKEN_RESPONSE);
      expect(
        (await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`))
          .status,
      ).to.equal(303);
      expect((await harness.page()).body)
        .to.contain("The keychain is locked")
        .and.to.contain("tries again by itself");
      expect(harness.flow.view.state).to.equal("failed");
      await harness.clock.advance(20_000);
      expect(await harness.state()).to.equal("authorized");
      expect(harness.flow.view.state).to.equal("waiting");
    });

    it("says that an account may not authorize", async () => {
      harness.grantSink.faults.push(faultOf("forbidden"));
      harness.oauth.exchangeAnswers.push(TOKEN_RESPONSE);
      await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`);
      expect((await harness.page()).body).to.contain("This account may not authorize");
      expect(harness.grantSink.completedCount).to.equal(0);
    });

    it("warns when a grant lacks a scope, and lets the person complete all the same", async () => {
      harness.grantSink.next.push(
        authorizationOf("Acme", { scopes: ["spark-admin:organizations_read"] }),
      );
      harness.oauth.exchangeAnswers.push(TOKEN_RESPONSE);
      await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`);
      expect((await harness.page()).body)
        .to.contain("a scope is missing")
        .and.to.contain("without spark-admin:people_read");
      expect((await harness.complete()).status).to.equal(200);
    });

    it("goes back to the page when the integration is not configured any more", async () => {
      harness.client = () => {
        throw faultOf("clientNotConfigured");
      };
      const answer = await harness.get(`/authorize?key=${harness.key}`);
      expect(answer).to.include({ status: 303 });
      expect(await harness.state()).to.equal("failed");
    });

    it("forgets the oldest of too many visits", async () => {
      const first = await harness.authorize();
      for (let i = 0; i < 32; i += 1) await harness.authorize();
      expect(
        (await harness.get(`/oauth/callback?code=code-1-text&state=${first}`)).status,
      ).to.equal(400);
    });
  });
});

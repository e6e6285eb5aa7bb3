import { expect } from "chai";

import type { TokenAnswer } from "../../../src/webex/oauth-api.js";
import { FlowRig, stateOf } from "./browser-flow-rig.js";
import { ANSWER, authorizationOf, CLIENT, faultOf } from "./flow-fixtures.js";

describe("browser flow: to Webex and back", () => {
  let rig: FlowRig;

  beforeEach(() => {
    rig = new FlowRig();
  });

  afterEach(() => rig.end());

  describe("goes to Webex and back", () => {
    beforeEach(() => rig.start());

    it("with a fresh state and verifier each time, the two scopes and the redirect URI", async () => {
      const answer = await rig.get(`/authorize?key=${rig.key}`);
      expect(answer.status).to.equal(302);
      await rig.depart();
      const [one, two] = rig.oauth.authorizeRequests;
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
      expect(await rig.state()).to.equal("waiting");
      expect((await rig.page()).body)
        .to.contain("Control Hub")
        .and.to.contain(CLIENT.clientId);
    });

    it("proves the code with the verifier of its own state (PKCE), keeps the grant and shows it", async () => {
      rig.oauth.exchangeAnswers.push(ANSWER);
      const state1 = await rig.depart();
      await rig.depart();
      const answer = await rig.get(`/oauth/callback?code=code-1-text&state=${state1}`);
      expect(answer).to.include({ status: 303 });
      expect(answer.headers.location).to.equal(`/?key=${rig.key}`);
      const [exchange] = rig.oauth.exchanges;
      expect(exchange).to.include({ code: "code-1-text", redirectUri: "http://localhost:8467/oauth/callback" });
      expect(rig.chance.sha256(exchange?.verifier ?? "")).to.equal(rig.oauth.authorizeRequests[0]?.codeChallenge);
      expect(rig.keeper.completed).to.equal(1);
      const { body } = await rig.page();
      expect(stateOf(body)).to.equal("authorized");
      expect(body).to.contain("Acme").and.to.contain("Ada Admin").and.to.contain("31 March 2026");
      expect(rig.flow.view).to.include({ state: "waiting", message: null });
      expect(rig.flow.open).to.equal(true);
    });

    it("keeps the grant although the reader has gone, and until the deadline's own exchange is over", async () => {
      let give: (answer: TokenAnswer) => void = () => undefined;
      rig.oauth.exchangeAnswers.push(new Promise<TokenAnswer>((resolve) => (give = resolve)));
      const callback = rig.get(`/oauth/callback?code=code-1-text&state=${await rig.depart()}`);
      await rig.clock.advance(1);
      expect(await rig.state()).to.equal("waiting");
      await rig.clock.advance(600_000);
      expect(rig.flow.open).to.equal(true);
      give(ANSWER);
      expect((await callback).status).to.equal(303);
      await rig.clock.advance(0);
      expect(rig.flow.view.state).to.equal("authorized");
      expect(rig.keeper.completed).to.equal(1);
    });

    it("keeps the grant as the client's that AUTHORIZE was pressed for", async () => {
      rig.oauth.exchangeAnswers.push(ANSWER);
      const state = await rig.depart();
      rig.client = () => ({ ...CLIENT, clientId: "another-client" });
      await rig.get(`/oauth/callback?code=code-1-text&state=${state}`);
      expect(rig.keeper.counterparts.map(({ client }) => client.clientId)).to.deep.equal([CLIENT.clientId]);
      await rig.depart();
      expect(rig.oauth.authorizeRequests.at(-1)?.clientId).to.equal("another-client");
    });

    it("shows a refusal of Webex as text, and may be tried again", async () => {
      const said = encodeURIComponent('<b>no</b>\u0007\u202e & "never"' + "x".repeat(400));
      const callback = `/oauth/callback?error=access_denied&error_description=${said}&state=${await rig.depart()}`;
      expect((await rig.get(callback)).status).to.equal(303);
      const { body } = await rig.page();
      expect(stateOf(body)).to.equal("denied");
      expect(body).to.contain("&lt;b&gt;no&lt;/b&gt; &amp; &quot;never&quot;xxx");
      expect(body)
        .not.to.match(/\p{Cf}|[^\P{Cc}\n]/u)
        .and.not.to.contain("x".repeat(290));
      expect(rig.flow.view.state).to.equal("denied");
      expect(rig.flow.view.message).to.contain("Declined").and.not.to.contain("never");
      expect(rig.flow.open).to.equal(true);
      rig.oauth.exchangeAnswers.push(ANSWER);
      const again = await rig.depart();
      expect(rig.flow.view).to.include({ state: "waiting", message: null });
      await rig.get(`/oauth/callback?code=code-2&state=${again}`);
      expect(await rig.state()).to.equal("authorized");
    });

    for (const [error, word] of [
      ["invalid_scope", "scope"],
      ["server_error", "problem of its own"],
      ["temporarily_unavailable", "problem of its own"],
      ["something<else>", "Webex refused"],
    ] as const) {
      it(`calls ${error} failed`, async () => {
        await rig.get(`/oauth/callback?error=${encodeURIComponent(error)}&state=${await rig.depart()}`);
        expect(await rig.state()).to.equal("failed");
        expect(rig.flow.view.state).to.equal("failed");
        expect(rig.flow.view.message).to.contain(word);
        expect(rig.logger.text).not.to.contain("something");
      });
    }

    for (const code of ["grantRefused", "webexUnreachable", "webexError", "rateLimited"] as const) {
      it(`calls an exchange that ends with ${code} failed, and says what to do`, async () => {
        rig.oauth.exchangeAnswers.push(faultOf(code));
        await rig.get(`/oauth/callback?code=code-1-text&state=${await rig.depart()}`);
        const { body } = await rig.page();
        expect(stateOf(body)).to.equal("failed");
        expect(body).to.contain(`What ${code} means. Do something about it. Then press AUTHORIZE again.`);
      });
    }

    it("does not show the text of a defect", async () => {
      rig.oauth.exchangeAnswers.push(Promise.reject(new Error("code-1-text in a foreign message")));
      await rig.get(`/oauth/callback?code=code-1-text&state=${await rig.depart()}`);
      expect(await rig.state()).to.equal("failed");
    });

    it("keeps a grant in hand while the keychain is locked, says so, and stores it when it can", async () => {
      rig.keeper.troubles.push(faultOf("keychainLocked"), faultOf("keychainLocked"));
      rig.oauth.exchangeAnswers.push(ANSWER);
      expect((await rig.get(`/oauth/callback?code=code-1-text&state=${await rig.depart()}`)).status).to.equal(303);
      expect((await rig.page()).body)
        .to.contain("The keychain is locked")
        .and.to.contain("tries again by itself");
      expect(rig.flow.view.state).to.equal("failed");
      await rig.clock.advance(20_000);
      expect(await rig.state()).to.equal("authorized");
      expect(rig.flow.view.state).to.equal("waiting");
    });

    it("says that an account may not authorize", async () => {
      rig.keeper.troubles.push(faultOf("forbidden"));
      rig.oauth.exchangeAnswers.push(ANSWER);
      await rig.get(`/oauth/callback?code=code-1-text&state=${await rig.depart()}`);
      expect((await rig.page()).body).to.contain("This account may not authorize");
      expect(rig.keeper.completed).to.equal(0);
    });

    it("warns when a grant lacks a scope, and lets the person complete all the same", async () => {
      rig.keeper.next.push(authorizationOf("Acme", { scopes: ["spark-admin:organizations_read"] }));
      rig.oauth.exchangeAnswers.push(ANSWER);
      await rig.get(`/oauth/callback?code=code-1-text&state=${await rig.depart()}`);
      expect((await rig.page()).body)
        .to.contain("a scope is missing")
        .and.to.contain("without spark-admin:people_read");
      expect((await rig.complete()).status).to.equal(200);
    });

    it("goes back to the page when the integration is not configured any more", async () => {
      rig.client = () => {
        throw faultOf("clientNotConfigured");
      };
      const answer = await rig.get(`/authorize?key=${rig.key}`);
      expect(answer).to.include({ status: 303 });
      expect(await rig.state()).to.equal("failed");
    });

    it("forgets the oldest of too many visits", async () => {
      const first = await rig.depart();
      for (let i = 0; i < 32; i += 1) await rig.depart();
      expect((await rig.get(`/oauth/callback?code=code-1-text&state=${first}`)).status).to.equal(400);
    });
  });
});

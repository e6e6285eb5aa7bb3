import { expect } from "chai";

import type { Fault } from "../../../src/faults/fault.js";
import type { TokenResponse } from "../../../src/webex/oauth.js";
import { BrowserFlowHarness, PORT, stateOf } from "../../support/browser-flow-harness.js";
import {
  TOKEN_RESPONSE,
  authorizationOf,
  CLIENT,
  oauthContextOf,
  faultOf,
} from "../../support/authorization-flow-fixture.js";

describe("browser flow", () => {
  let harness: BrowserFlowHarness;

  beforeEach(() => {
    harness = new BrowserFlowHarness();
  });

  afterEach(() => harness.stop());

  describe("start", () => {
    it("returns and logs a local URL with a key that is valid for ten minutes", async () => {
      const view = await harness.start();
      expect(view.url).to.match(/^http:\/\/localhost:8467\/\?key=[\w-]{43}$/);
      expect(view).to.include({
        method: "browser",
        redirectUri: "http://localhost:8467/oauth/callback",
        expiresAt: "2026-01-01T00:10:00.000Z",
        state: "waiting",
        message: null,
        userCode: null,
      });
      expect(harness.flow.isOpen).to.equal(true);
      expect(harness.logger.text).to.contain(view.url);
    });

    it("fails without a client, or if the port is in use", async () => {
      harness.client = () => {
        throw faultOf("clientNotConfigured");
      };
      expect(await codeOf(harness.start())).to.equal("clientNotConfigured");
      expect(harness.loopback.isListening(PORT)).to.equal(false);
      harness.client = () => CLIENT;
      const other = await harness.loopback.listen(PORT, () => Promise.reject(new Error()));
      const fault = await harness.start().catch((thrown: unknown) => thrown as Fault);
      expect(fault).to.include({ code: "redirectPortInUse" });
      expect((fault as Fault).data).to.deep.equal({ port: PORT });
      await other.close();
    });

    it("fails if it was cancelled, and leaves no open port", async () => {
      expect(await codeOf(harness.flow.start(AbortSignal.abort()))).to.equal("cancelled");
    });

    it("succeeds while the keychain is unavailable", async () => {
      harness.grantSink.listFault = faultOf("keychainLocked");
      await harness.start();
      expect(await harness.state()).to.equal("required");
    });
  });

  describe("the page", () => {
    it("has security headers, and a new nonce in each response", async () => {
      await harness.start();
      const [one, two] = [await harness.page(), await harness.page()];
      expect(one.headers).to.include({
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
      });
      const csp = one.headers["content-security-policy"] ?? "";
      expect(csp).to.match(
        /^default-src 'none'; script-src 'self'; style-src 'nonce-[\w-]{22}'; connect-src 'self';/,
      );
      expect(csp).to.contain("form-action 'self'").and.to.contain("frame-ancestors 'none'");
      expect(csp).not.to.equal(two.headers["content-security-policy"]);
      const nonce = /nonce-([\w-]+)/.exec(csp)?.[1] ?? "";
      expect(one.body).to.contain(`<style nonce="${nonce}">`);
    });

    it("shows a row for each organization, and one AUTHORIZE", async () => {
      harness.grantSink.authorizations = [
        authorizationOf("Acme & <Sons>"),
        authorizationOf("Beta", { state: "required" }),
      ];
      await harness.start();
      const { body } = await harness.page();
      expect(body.match(/<li class="row">/g)).to.have.length(2);
      expect(body.match(/data-testid="authorize"/g)).to.have.length(1);
      expect(body).to.contain("Acme &amp; &lt;Sons&gt;").and.to.contain("Authorization required");
    });

    for (const code of [
      "adminRoleLost",
      "scopeMissing",
      "authorizationExpired",
      "statusSharingOff",
    ]) {
      it(`polls an organization again that has the problem ${code}, and says so`, async () => {
        const orgId = harness.refuse(code);
        await harness.start();
        const retry = { target: "/retry", body: `key=${harness.key}&orgId=${orgId}` };
        const { body } = await harness.page();
        expect(body).to.contain('data-testid="retry"').and.to.contain(`value="${orgId}"`);
        expect(body).not.to.contain("has asked Webex again");
        const response = await harness.clock.until(harness.complete(retry), 2_000);
        expect(response).to.include({ status: 303 });
        expect(response.headers.location).to.equal(`/?key=${harness.key}`);
        expect(harness.retriedOrgIds).to.deep.equal([orgId]);
        expect((await harness.page()).body).to.contain("has asked Webex again");
        harness.notices.set();
        const accepted = (await harness.page()).body;
        expect(accepted).not.to.contain('data-testid="retry"').and.not.to.contain("asked Webex");
        expect((await harness.complete(retry)).status).to.equal(303);
        expect(harness.retriedOrgIds).to.deep.equal([orgId]);
        harness.refuse(code);
        expect((await harness.page()).body).not.to.contain("has asked Webex again");
      });
    }

    it("redirects after a retry as soon as Webex accepts the organization, or the page closes", async () => {
      const orgId = harness.refuse();
      await harness.start();
      const retry = { target: "/retry", body: `key=${harness.key}&orgId=${orgId}` };
      let hasResponded = false;
      const accepted = harness.complete(retry).then(({ status }) => {
        hasResponded = true;
        return status;
      });
      await harness.clock.advance(1_000);
      expect(hasResponded).to.equal(false);
      harness.notices.set();
      expect(await accepted).to.equal(303);
      harness.refuse();
      const closed = harness.complete(retry);
      await harness.clock.advance(1_000);
      await harness.flow.stop();
      expect((await closed).status).to.equal(303);
    });

    it("polls no organization again that Webex does not refuse, or that is not known", async () => {
      harness.refuse("keychainLocked");
      await harness.start();
      expect((await harness.page()).body).not.to.contain('data-testid="retry"');
      for (const orgId of ["org-Acme", "unknown", ""]) {
        const body = `key=${harness.key}&orgId=${orgId}`;
        expect((await harness.complete({ target: "/retry", body })).status).to.equal(303);
      }
      expect(harness.retriedOrgIds).to.deep.equal([]);
    });

    it("shows problems while they exist, escaped, and only those that matter here", async () => {
      harness.grantSink.authorizations = [authorizationOf("Acme")];
      await harness.start();
      const stream = await harness.loopback.open(PORT, `/events?key=${harness.key}`);
      harness.notices.set(
        {
          code: "statusSharingOff",
          severity: "error",
          message: "Off <now>.",
          hint: "Switch it on.",
          orgId: "org-Acme",
        },
        {
          code: "authorizationRequired",
          severity: "error",
          message: "Hidden one.",
          hint: "",
          orgId: null,
        },
        {
          code: "memorySecretStore",
          severity: "info",
          message: "Hidden two.",
          hint: "",
          orgId: null,
        },
      );
      expect(stream.received).to.have.length(2);
      expect(stream.received[1])
        .to.contain("Acme: Off &lt;now&gt;.")
        .and.to.contain("Switch it on.")
        .and.not.to.contain("Hidden");
      harness.notices.set();
      expect(stream.received[2]).not.to.contain("Switch it on.");
      expect(harness.views).to.deep.equal([]);
    });

    it("shows a grant that was obtained by other means", async () => {
      await harness.start();
      const stream = await harness.loopback.open(PORT, `/events?key=${harness.key}`);
      await harness.grantSink.completeGrant(oauthContextOf(harness.oauth), TOKEN_RESPONSE);
      await harness.clock.advance(0);
      expect(stateOf(stream.received.at(-1) ?? "")).to.equal("authorized");
    });

    it("shows the remaining time", async () => {
      await harness.start();
      await harness.clock.advance(90_000);
      expect((await harness.page()).body)
        .to.contain('data-remaining="510"')
        .and.to.contain("8:30");
    });
  });

  it("logs a defect, and responds with a fixed text", async () => {
    await harness.start();
    const address = `/?key=${harness.key}`;
    harness.notices.list = () => {
      throw new Error("an internal text");
    };
    const page = await harness.get(address);
    harness.notices.list = () => [];
    expect(page.status).to.equal(500);
    expect(page.body).not.to.contain("internal");
    expect(harness.logger.records.at(-1)).to.deep.include({
      level: "error",
      message: "The authorization page failed to respond.",
    });
  });

  describe("end", () => {
    const authorize = async (): Promise<void> => {
      harness.oauth.exchangeOutcomes.push(TOKEN_RESPONSE);
      await harness.get(`/oauth/callback?code=code-1-text&state=${await harness.authorize()}`);
    };

    it("comes with COMPLETE REQUEST, which sends the final state and closes the port", async () => {
      await harness.start();
      await authorize();
      const stream = await harness.loopback.open(PORT, `/events?key=${harness.key}`);
      const last = await harness.complete();
      expect(last.status).to.equal(200);
      expect(stateOf(last.body)).to.equal("authorized");
      expect(last.body)
        .to.contain("Presence starts now")
        .and.not.to.contain("<script")
        .and.not.to.contain("/authorize");
      expect(harness.flow.view).to.include({ state: "authorized", message: "Acme: authorized." });
      expect(harness.flow.isOpen).to.equal(false);
      expect(stream.ended).to.equal(true);
      expect(harness.loopback.isListening(PORT)).to.equal(false);
      expect(harness.views.map((view) => view.state)).to.deep.equal(["authorized"]);
    });

    it("comes at the deadline, as expired without an authorization", async () => {
      await harness.start();
      const stream = await harness.loopback.open(PORT, `/events?key=${harness.key}`);
      await harness.clock.advance(599_999);
      expect(harness.flow.isOpen).to.equal(true);
      await harness.clock.advance(1);
      expect(harness.flow.view.state).to.equal("expired");
      expect(harness.loopback.isListening(PORT)).to.equal(false);
      expect(stateOf(stream.received.at(-1) ?? "")).to.equal("expired");
    });

    it("comes at the deadline, as authorized with an authorization", async () => {
      await harness.start();
      await authorize();
      await harness.clock.advance(600_000);
      expect(harness.flow.view.state).to.equal("authorized");
    });

    it("comes with stop, and is emitted once", async () => {
      await harness.start();
      const stream = await harness.loopback.open(PORT, `/events?key=${harness.key}`);
      await Promise.all([harness.flow.stop(), harness.flow.stop()]);
      expect(harness.views.map((view) => view.state)).to.deep.equal(["cancelled"]);
      expect(stream.received.at(-1)).to.contain("This page is closed");
      await harness.clock.advance(600_000);
      expect(harness.views).to.have.length(1);
    });

    it("has the reason of stop, in the view and on the page", async () => {
      await harness.start();
      const stream = await harness.loopback.open(PORT, `/events?key=${harness.key}`);
      await harness.flow.stop("The client was changed.");
      expect(harness.flow.view).to.include({
        state: "cancelled",
        message: "The client was changed.",
      });
      expect(stream.received.at(-1)).to.contain("The client was changed.");
    });

    it("discards a later response of Webex", async () => {
      await harness.start();
      let resolveExchange: (tokens: TokenResponse) => void = () => undefined;
      harness.oauth.exchangeOutcomes.push(
        new Promise<TokenResponse>((resolve) => (resolveExchange = resolve)),
      );
      const callback = harness.get(
        `/oauth/callback?code=code-1-text&state=${await harness.authorize()}`,
      );
      await harness.clock.advance(1);
      await harness.flow.stop();
      resolveExchange(TOKEN_RESPONSE);
      await callback;
      expect(harness.grantSink.completedCount).to.equal(0);
      expect(harness.flow.view.state).to.equal("cancelled");
      expect(harness.logger.text).to.contain("ended before it was stored");
    });
  });
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "nothing";
  } catch (thrown) {
    return (thrown as Fault).code;
  }
}

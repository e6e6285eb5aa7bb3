import { expect } from "chai";

import type { Fault } from "../../../src/faults/fault.js";
import type { TokenAnswer } from "../../../src/webex/oauth-api.js";
import { FlowRig, PORT, stateOf } from "./browser-flow-rig.js";
import { ANSWER, authorizationOf, CLIENT, counterpartOf, faultOf } from "./flow-fixtures.js";

describe("browser flow", () => {
  let rig: FlowRig;

  beforeEach(() => {
    rig = new FlowRig();
  });

  afterEach(() => rig.end());

  describe("begins", () => {
    it("with an address of this machine, a key in it, ten minutes, and a line in the log", async () => {
      const view = await rig.start();
      expect(view.url).to.match(/^http:\/\/localhost:8467\/\?key=[\w-]{43}$/);
      expect(view).to.include({
        method: "browser",
        redirectUri: "http://localhost:8467/oauth/callback",
        expiresAt: "2026-01-01T00:10:00.000Z",
        state: "waiting",
        message: null,
        userCode: null,
      });
      expect(rig.flow.open).to.equal(true);
      expect(rig.logger.text).to.contain(view.url);
    });

    it("not without a client, and not on a port that is taken", async () => {
      rig.client = () => {
        throw faultOf("clientNotConfigured");
      };
      expect(await codeOf(rig.start())).to.equal("clientNotConfigured");
      expect(rig.machine.isListening(PORT)).to.equal(false);
      rig.client = () => CLIENT;
      const other = await rig.machine.listen(PORT, () => Promise.reject(new Error()));
      const fault = await rig.start().catch((thrown: unknown) => thrown as Fault);
      expect(fault).to.include({ code: "redirectPortInUse" });
      expect((fault as Fault).data).to.deep.equal({ port: PORT });
      await other.close();
    });

    it("not once called off, and leaves nothing listening", async () => {
      expect(await codeOf(rig.flow.start(AbortSignal.abort()))).to.equal("cancelled");
    });

    it("also while the keychain cannot be listed", async () => {
      rig.keeper.listFault = faultOf("keychainLocked");
      await rig.start();
      expect(await rig.state()).to.equal("required");
    });
  });

  describe("the page", () => {
    it("is guarded by its headers, and each answer has its own nonce", async () => {
      await rig.start();
      const [one, two] = [await rig.page(), await rig.page()];
      expect(one.headers).to.include({
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
      });
      const csp = one.headers["content-security-policy"] ?? "";
      expect(csp).to.match(/^default-src 'none'; script-src 'self'; style-src 'nonce-[\w-]{22}'; connect-src 'self';/);
      expect(csp).to.contain("form-action 'self'").and.to.contain("frame-ancestors 'none'");
      expect(csp).not.to.equal(two.headers["content-security-policy"]);
      const nonce = /nonce-([\w-]+)/.exec(csp)?.[1] ?? "";
      expect(one.body).to.contain(`<style nonce="${nonce}">`);
    });

    it("shows one row an organization, those that need it again with AUTHORIZE, one AUTHORIZE in all", async () => {
      rig.keeper.authorizations = [authorizationOf("Acme & <Sons>"), authorizationOf("Beta", { state: "required" })];
      await rig.start();
      const { body } = await rig.page();
      expect(body.match(/<li class="row">/g)).to.have.length(2);
      expect(body.match(/data-testid="authorize"/g)).to.have.length(1);
      expect(body).to.contain("Acme &amp; &lt;Sons&gt;").and.to.contain("Needs authorization");
    });

    it("tells of problems as they come and go, live, escaped, and of none that only distracts", async () => {
      rig.keeper.authorizations = [authorizationOf("Acme")];
      await rig.start();
      const stream = await rig.machine.open(PORT, `/events?key=${rig.key}`);
      rig.notices.tell(
        { code: "statusSharingOff", severity: "error", message: "Off <now>.", hint: "Switch it on.", orgId: "org-Acme" },
        { code: "authorizationRequired", severity: "error", message: "Untold one.", hint: "", orgId: null },
        { code: "memorySecretStore", severity: "info", message: "Untold two.", hint: "", orgId: null },
      );
      expect(stream.received).to.have.length(2);
      expect(stream.received[1])
        .to.contain("Acme: Off &lt;now&gt;.")
        .and.to.contain("Switch it on.")
        .and.not.to.contain("Untold");
      rig.notices.tell();
      expect(stream.received[2]).not.to.contain("Switch it on.");
      expect(rig.views).to.deep.equal([]);
    });

    it("follows what another way of authorizing has brought", async () => {
      await rig.start();
      const stream = await rig.machine.open(PORT, `/events?key=${rig.key}`);
      await rig.keeper.completeGrant(counterpartOf(rig.oauth), ANSWER);
      await rig.clock.advance(0);
      expect(stateOf(stream.received.at(-1) ?? "")).to.equal("authorized");
    });

    it("says how long it stays", async () => {
      await rig.start();
      await rig.clock.advance(90_000);
      expect((await rig.page()).body)
        .to.contain('data-remaining="510"')
        .and.to.contain("8:30");
    });
  });

  it("answers a defect of its own with a fixed text, and logs it", async () => {
    await rig.start();
    const address = `/?key=${rig.key}`;
    rig.notices.list = () => {
      throw new Error("a foreign text");
    };
    const answer = await rig.get(address);
    rig.notices.list = () => [];
    expect(answer.status).to.equal(500);
    expect(answer.body).not.to.contain("foreign");
    expect(rig.logger.records.at(-1)).to.deep.include({ level: "error", message: "The authorization page could not answer." });
  });

  describe("ends", () => {
    const authorize = async (): Promise<void> => {
      rig.oauth.exchangeAnswers.push(ANSWER);
      await rig.get(`/oauth/callback?code=code-1-text&state=${await rig.depart()}`);
    };

    it("with COMPLETE REQUEST: a last page, the last word to each window, and the port free", async () => {
      await rig.start();
      await authorize();
      const stream = await rig.machine.open(PORT, `/events?key=${rig.key}`);
      const last = await rig.complete();
      expect(last.status).to.equal(200);
      expect(stateOf(last.body)).to.equal("authorized");
      expect(last.body).to.contain("Presence starts now").and.not.to.contain("<script").and.not.to.contain("/authorize");
      expect(rig.flow.view).to.include({ state: "authorized", message: "Acme: authorized." });
      expect(rig.flow.open).to.equal(false);
      expect(stream.ended).to.equal(true);
      expect(rig.machine.isListening(PORT)).to.equal(false);
      expect(rig.views.map((view) => view.state)).to.deep.equal(["authorized"]);
    });

    it("at its deadline: expired without an authorization, authorized with one", async () => {
      await rig.start();
      const stream = await rig.machine.open(PORT, `/events?key=${rig.key}`);
      await rig.clock.advance(599_999);
      expect(rig.flow.open).to.equal(true);
      await rig.clock.advance(1);
      expect(rig.flow.view.state).to.equal("expired");
      expect(rig.machine.isListening(PORT)).to.equal(false);
      expect(stateOf(stream.received.at(-1) ?? "")).to.equal("expired");
    });

    it("at its deadline as authorized, when an authorization came", async () => {
      await rig.start();
      await authorize();
      await rig.clock.advance(600_000);
      expect(rig.flow.view.state).to.equal("authorized");
    });

    it("when called off, once", async () => {
      await rig.start();
      const stream = await rig.machine.open(PORT, `/events?key=${rig.key}`);
      await Promise.all([rig.flow.stop(), rig.flow.stop()]);
      expect(rig.views.map((view) => view.state)).to.deep.equal(["cancelled"]);
      expect(stream.received.at(-1)).to.contain("This page is closed");
      await rig.clock.advance(600_000);
      expect(rig.views).to.have.length(1);
    });

    it("and says why, to the host and on the page, where nobody has simply called it off", async () => {
      await rig.start();
      const stream = await rig.machine.open(PORT, `/events?key=${rig.key}`);
      await rig.flow.stop("The client was changed.");
      expect(rig.flow.view).to.include({ state: "cancelled", message: "The client was changed." });
      expect(stream.received.at(-1)).to.contain("The client was changed.");
    });

    it("without keeping what Webex answers after that", async () => {
      await rig.start();
      let give: (answer: TokenAnswer) => void = () => undefined;
      rig.oauth.exchangeAnswers.push(new Promise<TokenAnswer>((resolve) => (give = resolve)));
      const callback = rig.get(`/oauth/callback?code=code-1-text&state=${await rig.depart()}`);
      await rig.clock.advance(1);
      await rig.flow.stop();
      give(ANSWER);
      await callback;
      expect(rig.keeper.completed).to.equal(0);
      expect(rig.flow.view.state).to.equal("cancelled");
      expect(rig.logger.text).to.contain("given already was not kept");
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

import { expect } from "chai";

import { BrowserFlow } from "../../src/authorization/browser-flow.js";
import type { FlowView } from "../../src/authorization/flow.js";
import { readAsset } from "../../src/platform/node-process.js";
import type { LoopbackPage, LoopbackRequest } from "../../src/ports/loopback-server.js";
import type { OAuthClient } from "../../src/webex/oauth.js";
import { FakeLoopback } from "./loopback-server-fake.js";
import { FakeClock, SeededRandom } from "./clock-fake.js";
import { RecordingLogger } from "./logger-fake.js";
import {
  authorizationOf,
  CLIENT,
  oauthContextOf,
  GrantSinkFake,
  PageNoticesFake,
  OAuthFake,
} from "./authorization-flow-fixture.js";

export const PORT = 8467;
export const FORM = {
  host: `localhost:${PORT}`,
  "content-type": "application/x-www-form-urlencoded",
};

/**
 * A browser flow with fakes for all of its dependencies. Records everything that its page sends.
 */
export class BrowserFlowHarness {
  readonly clock = new FakeClock();
  readonly crypto = new SeededRandom(7);
  readonly oauth = new OAuthFake();
  readonly grantSink = new GrantSinkFake();
  readonly notices = new PageNoticesFake();
  readonly loopback = new FakeLoopback();
  readonly logger = new RecordingLogger();
  readonly views: FlowView[] = [];
  readonly retriedOrgIds: string[] = [];
  readonly flow: BrowserFlow;
  client: () => OAuthClient = () => CLIENT;
  apiPath = "/v1";
  #responses = "";

  constructor() {
    const { oauth, grantSink, notices, clock, crypto, logger } = this;
    const listen = this.loopback.listen;
    this.flow = new BrowserFlow({
      oauthContext: () => oauthContextOf(oauth, this.client(), undefined, this.apiPath),
      grantSink,
      notices,
      retryOrganization: (orgId) => this.retriedOrgIds.push(orgId),
      clock,
      crypto,
      logger,
      readAsset,
      listen,
      redirectPort: PORT,
    });
    this.flow.events.on("viewChanged", (view) => this.views.push(view));
  }

  start(): Promise<FlowView> {
    return this.flow.start(new AbortController().signal);
  }

  /** Stops the flow. Fails if it leaves a timer or port, or if it has sent or logged a secret. */
  async stop(): Promise<void> {
    await this.flow.stop();
    expect(this.loopback.isListening(PORT)).to.equal(false);
    expect(this.clock.pendingTimers).to.equal(0);
    const verifiers = this.oauth.exchanges.map(({ verifier }) => verifier);
    for (const secret of [
      "access-token-text",
      "refresh-token-text",
      "client-secret-text",
      "code-1-text",
      ...verifiers,
    ]) {
      expect(this.#responses + this.logger.text + JSON.stringify(this.views)).not.to.contain(
        secret,
      );
    }
  }

  get key(): string {
    return new URL(this.flow.view.url ?? "").searchParams.get("key") ?? "";
  }

  async send(request: Partial<LoopbackRequest>): Promise<LoopbackPage> {
    const page = await this.loopback.request(PORT, request);
    this.#responses += page.body + JSON.stringify(page.headers);
    return page;
  }

  get(target: string): Promise<LoopbackPage> {
    return this.send({ target });
  }

  page(): Promise<LoopbackPage> {
    return this.get(`/?key=${this.key}`);
  }

  async state(): Promise<string> {
    return stateOf((await this.page()).body);
  }

  /** Follows AUTHORIZE and returns the `state` parameter of the request to Webex. */
  async authorize(): Promise<string> {
    const { headers } = await this.get(`/authorize?key=${this.key}`);
    return new URL(headers.location ?? "", "http://localhost").searchParams.get("state") ?? "";
  }

  /** Authorizes an organization that Webex then refuses. Returns its id. */
  refuse(code = "adminRoleLost"): string {
    const acme = authorizationOf("Acme");
    this.grantSink.authorizations = [acme];
    const text = { severity: "error", message: "Webex refuses.", hint: "Act." } as const;
    this.notices.set({ code, ...text, orgId: acme.orgId });
    return acme.orgId;
  }

  complete(changes: Partial<LoopbackRequest> = {}): Promise<LoopbackPage> {
    return this.send({
      method: "POST",
      target: "/complete",
      headers: FORM,
      body: `key=${this.key}`,
      ...changes,
    });
  }
}

export function stateOf(body: string): string {
  return /data-testid="state"[^>]*data-state="(\w+)"/.exec(body)?.[1] ?? "none";
}

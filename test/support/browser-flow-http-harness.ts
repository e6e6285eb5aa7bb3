import type { AuthorizationEvents, GrantSink, FlowView } from "../../src/authorization/flow.js";
import { fetchTokenOwner } from "../../src/authorization/grant-import.js";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { request as httpRequest } from "node:http";
import type { Context } from "mocha";

import { type Browser, chromium } from "playwright-core";

import { BrowserFlow } from "../../src/authorization/browser-flow.js";
import { type Authorization, REQUIRED_SCOPES } from "../../src/authorization/grant.js";
import { Emitter } from "../../src/faults/emitter.js";
import { Secret } from "../../src/faults/secret.js";
import { createAxiosHttp } from "../../src/platform/axios-http.js";
import { readAsset } from "../../src/platform/node-process.js";
import { listenOnLoopback } from "../../src/platform/loopback-server.js";
import type { Clock } from "../../src/ports/clock.js";
import { systemClock, systemCrypto } from "../../src/platform/system-clock.js";
import { createIdentityApi } from "../../src/webex/identity.js";
import { createOAuthApi } from "../../src/webex/oauth.js";
import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { RecordingLogger } from "./logger-fake.js";
import { PageNoticesFake } from "./authorization-flow-fixture.js";
import { requirePart } from "./required-tool-fixture.js";
import { IS_WINDOWS } from "./windows-fixture.js";

const CHROMIUM = "/usr/bin/chromium";

/** Starts headless Chromium. Without it, skips the test; see `requirePart`. */
export async function launchChromium(context: Context): Promise<Browser> {
  // Wine finds Debian's Chromium under this path, too, and cannot start it.
  requirePart(context, !IS_WINDOWS && existsSync(CHROMIUM), "Chromium", "chromium");
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A browser flow over HTTP with the Webex simulator. Only its grant sink is a fake. */
export class HttpBrowserFlowHarness {
  readonly logger = new RecordingLogger();
  readonly notices = new PageNoticesFake();
  readonly views: FlowView[] = [];
  readonly simulator = new WebexSimulator({
    organizations: [
      { name: "Acme", persons: 3 },
      { name: "Beta", persons: 3 },
    ],
  });
  flow!: BrowserFlow;
  authorizations: Authorization[] = [];
  readonly retriedOrgIds: string[] = [];
  readonly #http = createAxiosHttp({ proxy: "none", proxyPassword: null, extraCertificates: null });
  readonly #events = new Emitter<AuthorizationEvents>();

  /** `clock` is used for the deadline of the flow only. */
  async start(clock: Clock = systemClock): Promise<void> {
    const { apiUrl } = await this.simulator.start();
    const rest = { apiUrl, version: "1.0.0", http: this.#http, clock: systemClock };
    const identity = createIdentityApi(rest, () => undefined);
    const grantSink: GrantSink = {
      completeGrant: async (_context, tokens, signal) => {
        const owner = await fetchTokenOwner(identity, tokens.accessToken, signal);
        const authorization = {
          ...owner,
          scopes: tokens.scopes ?? REQUIRED_SCOPES,
          grantedAt: new Date().toISOString(),
          accessTokenExpiresAt: null,
          refreshTokenExpiresAt: new Date(
            Date.now() + (tokens.refreshTokenExpiresInSeconds ?? 0) * 1_000,
          ).toISOString(),
          state: "valid" as const,
        };
        this.authorizations = [
          ...this.authorizations.filter(({ orgId }) => orgId !== owner.orgId),
          authorization,
        ];
        this.#events.emit("authorizationsChanged", {
          authorizations: this.authorizations,
          flow: null,
        });
        return authorization;
      },
      list: async () => this.authorizations,
      events: this.#events,
    };
    const { clientId, clientSecret } = this.simulator.client;
    const oauth = createOAuthApi(rest);
    this.flow = new BrowserFlow({
      oauthContext: () => ({
        client: { clientId, clientSecret: new Secret(clientSecret) },
        apiUrl,
        apiOrigin: apiUrl,
        oauth,
        identity,
      }),
      grantSink,
      notices: this.notices,
      retryOrganization: (orgId) => this.retriedOrgIds.push(orgId),
      clock,
      crypto: systemCrypto,
      logger: this.logger,
      readAsset,
      listen: listenOnLoopback,
      redirectPort: 0,
    });
    this.flow.events.on("viewChanged", (view) => this.views.push(view));
    const view = await this.flow.start(new AbortController().signal);
    this.simulator.addRedirectUri(view.redirectUri ?? "");
  }

  async stop(): Promise<void> {
    await this.flow.stop();
    await this.simulator.stop();
    this.#http.close();
  }

  get url(): string {
    return this.flow.view.url ?? "";
  }

  get key(): string {
    return new URL(this.url).searchParams.get("key") ?? "";
  }

  /** Sends a request with arbitrary headers, as no browser would. */
  async request(
    target: string,
    options: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<{ status: number; location: string; body: string }> {
    const { port } = new URL(this.url);
    const { method = "GET", headers = {}, body = "" } = options;
    const request = httpRequest({
      host: "127.0.0.1",
      port,
      method,
      path: target,
      headers: { host: `localhost:${port}`, "content-length": Buffer.byteLength(body), ...headers },
    });
    request.end(body);
    const [response] = (await once(request, "response")) as [import("node:http").IncomingMessage];
    response.setEncoding("utf8");
    let text = "";
    for await (const chunk of response) text += chunk as string;
    return {
      status: response.statusCode ?? 0,
      location: response.headers.location ?? "",
      body: text,
    };
  }
}

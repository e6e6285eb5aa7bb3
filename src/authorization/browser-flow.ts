import { asFault } from "../faults/fault.js";
import { type Disposer, Emitter, type Subscribable } from "../faults/emitter.js";
import type { Clock, Crypto } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type {
  ListenOnLoopback,
  LoopbackResponse,
  LoopbackRequest,
  LoopbackServer,
} from "../ports/loopback-server.js";
import {
  authorizationPage,
  GUARDED_HEADERS,
  redirect,
  rejectionPage,
  scriptResponse,
} from "./page/authorization-page.js";
import { pageParts } from "./authorization-page-parts.js";
import { canComplete, flowOutcome, type PageModel, type PagePhase } from "./page/page-model.js";
import { BrowserAttempts } from "./browser-attempts.js";
import {
  PAGE_NOT_OPEN,
  type Rejection,
  checkRequest,
  UNEXPECTED_CALLBACK,
  parsePageRequest,
  INVALID_KEY,
} from "./page/page-request.js";
import type { OAuthContext } from "./oauth-context.js";
import type { Flow, FlowEvents, FlowView } from "./flow.js";
import type { Authorization } from "./grant.js";
import type { GrantSink } from "./grant-keeper.js";
import type { PageNotice } from "./page-notice.js";
import { cancelled } from "./shared-task.js";

export interface PageNoticesEvents {
  readonly problemsChanged: undefined;
}

/** The worker's problems, as far as they concern whoever authorizes. */
export interface PageNotices {
  list(): readonly PageNotice[];
  readonly events: Subscribable<PageNoticesEvents>;
}

export interface BrowserFlowOptions {
  /** In force now: asked at each AUTHORIZE. Fault: `clientNotConfigured`. */
  readonly oauthContext: () => OAuthContext;
  readonly grantSink: GrantSink;
  readonly notices: PageNotices;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly listen: ListenOnLoopback;
  /** 0 takes any free port: for tests. */
  readonly redirectPort: number;
}

const LIFETIME_MS = 600_000;

/**
 * Authorization at a page of this machine's own (RFC 8252 with PKCE, RFC 7636). A try that is declined or fails is told as `denied`
 * or `failed`, but the page stays, and AUTHORIZE may be pressed again. A grant is in the vault as soon as Webex has given it;
 * `authorized` is told when the person presses COMPLETE REQUEST, or at the deadline. Only then is `open` false.
 */
export class BrowserFlow implements Flow {
  readonly method = "browser";
  readonly #options: BrowserFlowOptions;
  readonly events = new Emitter<FlowEvents>();
  readonly #eventStreams = new Set<(data: string) => void>();
  readonly #abort = new AbortController();
  readonly #attempts: BrowserAttempts;
  readonly #disposers: Disposer[] = [];
  #server: LoopbackServer | null = null;
  #key = "";
  #deadline = 0;
  #expiresAt: string | null = null;
  #organizations: readonly Authorization[] = [];
  #phase: PagePhase = "open";
  #endReason: string | null = null;
  #lastView: FlowView;
  #closing: Promise<void> | null = null;

  constructor(options: BrowserFlowOptions) {
    this.#options = options;
    this.#attempts = new BrowserAttempts(options, () => this.#publish());
    this.#lastView = this.view;
  }

  get isOpen(): boolean {
    return this.#server !== null && this.#phase === "open";
  }

  get view(): FlowView {
    const origin = this.#server === null ? null : `http://localhost:${this.#server.port}`;
    return {
      method: "browser",
      url: origin === null ? null : `${origin}/?key=${this.#key}`,
      redirectUri: origin === null ? null : `${origin}/oauth/callback`,
      verificationUri: null,
      verificationUriComplete: null,
      userCode: null,
      expiresAt: this.#expiresAt,
      ...flowOutcome(this.#model(), this.#attempts.authorizedOrgNames),
    };
  }

  async start(signal: AbortSignal): Promise<FlowView> {
    const { clock, crypto, grantSink, notices, logger } = this.#options;
    this.#options.oauthContext();
    this.#key = crypto.token(32);
    const server = await this.#options.listen(this.#options.redirectPort, (request) =>
      this.#handle(request),
    );
    if (signal.aborted || this.#abort.signal.aborted) {
      await server.close();
      throw cancelled();
    }
    this.#server = server;
    this.#deadline = clock.monotonic() + LIFETIME_MS;
    this.#expiresAt = new Date(clock.now() + LIFETIME_MS).toISOString();
    this.#attempts.setFlowContext({
      redirectUri: `http://localhost:${server.port}/oauth/callback`,
      deadline: this.#deadline,
      signal: this.#abort.signal,
    });
    this.#disposers.push(
      clock.schedule(
        LIFETIME_MS,
        () => void this.#attempts.whenIdle().then(() => this.#close("expired")),
      ),
      grantSink.events.on("authorizationsChanged", () => void this.#readOrganizations()),
      notices.events.on("problemsChanged", () => this.#publish()),
    );
    this.#lastView = this.view;
    await this.#readOrganizations();
    if (!this.isOpen) throw cancelled();
    logger.info("To authorize, open this page on this machine.", {
      url: this.view.url,
      expiresAt: this.#expiresAt,
    });
    return this.view;
  }

  async stop(reason: string | null = null): Promise<void> {
    this.#endReason ??= reason;
    this.#abort.abort();
    await this.#close("cancelled");
  }

  async #handle(request: LoopbackRequest): Promise<LoopbackResponse> {
    try {
      return await this.#respond(request);
    } catch (thrown) {
      this.#options.logger.error("The authorization page could not answer.", {
        error: asFault(thrown),
      });
      throw thrown;
    }
  }

  async #respond(request: LoopbackRequest): Promise<LoopbackResponse> {
    if (!this.isOpen) return this.#reject(PAGE_NOT_OPEN);
    const pageRequest = parsePageRequest(request);
    const rejection = checkRequest(request, pageRequest, this.#server?.port ?? 0);
    if (rejection !== null) return this.#reject(rejection);
    if (pageRequest.path === "/oauth/callback") {
      return (await this.#attempts.handleCallback(pageRequest.query))
        ? redirect(303, `/?key=${this.#key}`)
        : this.#reject(UNEXPECTED_CALLBACK);
    }
    const key =
      pageRequest.path === "/complete"
        ? new URLSearchParams(request.body).get("key")
        : pageRequest.query.get("key");
    if (key === null || !this.#isKey(key)) return this.#reject(INVALID_KEY);
    switch (pageRequest.path) {
      case "/authorize":
        return this.#authorize();
      case "/complete":
        return this.#complete();
      case "/events":
        return this.#events();
      case "/page.js":
        return scriptResponse();
      default:
        return authorizationPage(this.#model(), 200, this.#nonce());
    }
  }

  #authorize(): LoopbackResponse {
    const url = this.#attempts.start();
    return url === null ? redirect(303, `/?key=${this.#key}`) : redirect(302, url);
  }

  async #complete(): Promise<LoopbackResponse> {
    await this.#readOrganizations();
    if (!canComplete(this.#model())) return authorizationPage(this.#model(), 409, this.#nonce());
    void this.#close("completed");
    return authorizationPage(this.#model(), 200, this.#nonce());
  }

  #events(): LoopbackResponse {
    return {
      kind: "events",
      headers: GUARDED_HEADERS,
      open: (send) => {
        send(pageParts(this.#model()).text);
        this.#eventStreams.add(send);
        return () => this.#eventStreams.delete(send);
      },
    };
  }

  /** A keychain out of reach does not keep the page away: the notices say so. */
  async #readOrganizations(): Promise<void> {
    try {
      this.#organizations = await this.#options.grantSink.list();
    } catch (thrown) {
      this.#options.logger.debug("The authorizations could not be listed for the page.", {
        fault: asFault(thrown).code,
      });
    }
    this.#publish();
  }

  #publish(): void {
    this.#broadcast();
    this.#notifyIfChanged();
  }

  #broadcast(): void {
    if (this.#eventStreams.size === 0) return;
    const options = pageParts(this.#model()).text;
    for (const send of this.#eventStreams) send(options);
  }

  #notifyIfChanged(): void {
    const view = this.view;
    if (view.state === this.#lastView.state && view.message === this.#lastView.message) return;
    this.#lastView = view;
    this.events.emit("viewChanged", view);
  }

  /** Ends the flow, as completed where it has brought a grant. The windows hear the last word before their streams end. */
  #close(phase: PagePhase): Promise<void> {
    if (this.#server === null) return Promise.resolve();
    if (this.#closing === null) {
      this.#phase = this.#attempts.authorizedOrgNames.length > 0 ? "completed" : phase;
      for (const dispose of this.#disposers.splice(0)) dispose();
      this.#broadcast();
      this.#closing = this.#server.close();
      this.#abort.abort();
      this.#notifyIfChanged();
    }
    return this.#closing;
  }

  #model(): PageModel {
    return {
      key: this.#key,
      clientId: this.#clientId(),
      phase: this.#phase,
      endReason: this.#endReason,
      attempt: this.#attempts.latest,
      organizations: this.#organizations,
      notices: this.#options.notices.list(),
      remainingSeconds: Math.max(
        0,
        Math.ceil((this.#deadline - this.#options.clock.monotonic()) / 1_000),
      ),
    };
  }

  /** The integration that AUTHORIZE goes by now; null while there is none. */
  #clientId(): string | null {
    try {
      return this.#options.oauthContext().client.clientId;
    } catch {
      return null;
    }
  }

  /** Digests are compared, so that the time it takes tells nothing of the key. */
  #isKey(text: string): boolean {
    const { crypto } = this.#options;
    return crypto.sha256(text) === crypto.sha256(this.#key);
  }

  #reject(rejection: Rejection): LoopbackResponse {
    return rejectionPage(rejection, this.#nonce());
  }

  #nonce(): string {
    return this.#options.crypto.token(16);
  }
}

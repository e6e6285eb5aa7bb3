import { Emitter, type Disposer } from "../faults/emitter.js";
import { asFault } from "../faults/fault.js";
import type { Clock, Crypto } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type {
  ListenOnLoopback,
  LoopbackRequest,
  LoopbackResponse,
  LoopbackServer,
  ReadAsset,
} from "../ports/loopback-server.js";
import { BrowserAttempts } from "./browser-attempts.js";
import type { Flow, FlowEvents, FlowView, GrantSink } from "./flow.js";
import type { Authorization } from "./grant.js";
import type { OAuthContext } from "./oauth-context.js";
import { AuthorizationPage, redirect, SECURITY_HEADERS } from "./page/authorization-page.js";
import {
  canComplete,
  flowOutcome,
  type PageModel,
  type PageNotices,
  type PagePhase,
} from "./page/page-model.js";
import {
  checkRequest,
  INVALID_KEY,
  PAGE_NOT_OPEN,
  parseRequest,
  UNEXPECTED_CALLBACK,
} from "./page/page-request.js";
import { cancelled } from "./shared-task.js";

export interface BrowserFlowOptions {
  /** Returns the current context. Called at each attempt. Throws `clientNotConfigured`. */
  readonly oauthContext: () => OAuthContext;
  readonly grantSink: GrantSink;
  readonly notices: PageNotices;
  readonly readAsset: ReadAsset;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly listen: ListenOnLoopback;
  /** 0: any free port, for tests. */
  readonly redirectPort: number;
}

/** What exists from the start of the flow on. */
interface Session {
  readonly page: AuthorizationPage;
  readonly server: LoopbackServer;
  readonly origin: string;
  readonly attempts: BrowserAttempts;
  /** A time of `Clock.monotonic()`. */
  readonly deadline: number;
  readonly expiresAt: string;
}

const LIFETIME_MS = 600_000;

/**
 * Authorization on a page that the worker serves on this machine (RFC 8252, with PKCE, RFC 7636). A
 * grant is stored as soon as Webex issues it. If an attempt is declined or fails, the state becomes
 * `denied` or `failed`, but the page stays open for another attempt. The flow ends with COMPLETE
 * REQUEST or at its deadline, and only then becomes `authorized`.
 */
export class BrowserFlow implements Flow {
  readonly method = "browser";
  readonly events = new Emitter<FlowEvents>();
  readonly #options: BrowserFlowOptions;
  readonly #key: string;
  readonly #eventStreams = new Set<(data: string) => void>();
  readonly #abort = new AbortController();
  readonly #disposers: Disposer[] = [];
  #session: Session | null = null;
  #organizations: readonly Authorization[] = [];
  #phase: PagePhase = "open";
  #endReason: string | null = null;
  #lastView: FlowView;
  #closing: Promise<void> | null = null;

  constructor(options: BrowserFlowOptions) {
    this.#options = options;
    this.#key = options.crypto.token(32);
    this.#lastView = this.view;
  }

  get isOpen(): boolean {
    return this.#session !== null && this.#phase === "open";
  }

  get view(): FlowView {
    const session = this.#session;
    return {
      method: "browser",
      url: session === null ? null : `${session.origin}/?key=${this.#key}`,
      redirectUri: session === null ? null : callbackUrl(session.origin),
      verificationUri: null,
      verificationUriComplete: null,
      userCode: null,
      expiresAt: session?.expiresAt ?? null,
      ...flowOutcome(this.#model(), session?.attempts.authorizedOrgNames ?? []),
    };
  }

  async start(signal: AbortSignal): Promise<FlowView> {
    const { oauthContext, readAsset, listen, redirectPort, clock, logger } = this.#options;
    oauthContext();
    const page = await AuthorizationPage.load(readAsset);
    const server = await listen(redirectPort, (request) => this.#handle(page, request));
    if (signal.aborted || this.#abort.signal.aborted) {
      await server.close();
      throw cancelled();
    }
    const origin = `http://localhost:${server.port}`;
    const deadline = clock.monotonic() + LIFETIME_MS;
    const attempts = new BrowserAttempts({
      ...this.#options,
      redirectUri: callbackUrl(origin),
      deadline,
      signal: this.#abort.signal,
      onChange: () => this.#publish(),
    });
    const expiresAt = new Date(clock.now() + LIFETIME_MS).toISOString();
    this.#session = { page, server, origin, attempts, deadline, expiresAt };
    this.#disposers.push(
      clock.schedule(
        LIFETIME_MS,
        () => void attempts.whenIdle().then(() => this.#close("expired")),
      ),
      this.#options.grantSink.events.on(
        "authorizationsChanged",
        () => void this.#readOrganizations(),
      ),
      this.#options.notices.events.on("problemsChanged", () => this.#publish()),
    );
    this.#lastView = this.view;
    await this.#readOrganizations();
    if (!this.isOpen) throw cancelled();
    logger.info("To authorize, open this page on this machine.", { url: this.view.url, expiresAt });
    return this.view;
  }

  async stop(reason: string | null = null): Promise<void> {
    this.#endReason ??= reason;
    this.#abort.abort();
    await this.#close("cancelled");
  }

  async #handle(page: AuthorizationPage, request: LoopbackRequest): Promise<LoopbackResponse> {
    try {
      return await this.#respond(page, request);
    } catch (thrown) {
      this.#options.logger.error("The authorization page failed to respond.", {
        error: asFault(thrown),
      });
      throw thrown;
    }
  }

  async #respond(page: AuthorizationPage, request: LoopbackRequest): Promise<LoopbackResponse> {
    const session = this.#session;
    if (session === null || !this.isOpen) return page.rejection(PAGE_NOT_OPEN, this.#nonce());
    const pageRequest = parseRequest(request);
    const rejection = checkRequest(request, pageRequest.path, session.server.port);
    if (rejection !== null) return page.rejection(rejection, this.#nonce());
    if (pageRequest.path === "/oauth/callback") {
      const isExpected = await session.attempts.handleCallback(pageRequest.query);
      if (!isExpected) return page.rejection(UNEXPECTED_CALLBACK, this.#nonce());
      return redirect(303, `/?key=${this.#key}`);
    }
    if (!this.#isKey(pageRequest.key)) return page.rejection(INVALID_KEY, this.#nonce());
    switch (pageRequest.path) {
      case "/authorize": {
        const url = session.attempts.start();
        return url === null ? redirect(303, `/?key=${this.#key}`) : redirect(302, url);
      }
      case "/complete":
        return this.#complete(page);
      case "/events":
        return this.#openEventStream(page);
      case "/page.js":
        return page.script();
      default:
        return page.document(this.#model(), 200, this.#nonce());
    }
  }

  async #complete(page: AuthorizationPage): Promise<LoopbackResponse> {
    await this.#readOrganizations();
    const isComplete = canComplete(this.#model());
    if (isComplete) void this.#close("completed");
    return page.document(this.#model(), isComplete ? 200 : 409, this.#nonce());
  }

  #openEventStream(page: AuthorizationPage): LoopbackResponse {
    return {
      kind: "events",
      headers: SECURITY_HEADERS,
      open: (send) => {
        send(page.content(this.#model()));
        this.#eventStreams.add(send);
        return () => this.#eventStreams.delete(send);
      },
    };
  }

  /** If the keychain is unavailable, the page still works, and its notices name the problem. */
  async #readOrganizations(): Promise<void> {
    try {
      this.#organizations = await this.#options.grantSink.list();
    } catch (thrown) {
      this.#options.logger.debug("The authorizations could not be read for the page.", {
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
    if (this.#session === null || this.#eventStreams.size === 0) return;
    const content = this.#session.page.content(this.#model());
    for (const send of this.#eventStreams) send(content);
  }

  #notifyIfChanged(): void {
    const view = this.view;
    if (view.state === this.#lastView.state && view.message === this.#lastView.message) return;
    this.#lastView = view;
    this.events.emit("viewChanged", view);
  }

  /** A flow that obtained a grant ends as completed. Open pages get the final state first. */
  #close(phase: PagePhase): Promise<void> {
    if (this.#session === null) return Promise.resolve();
    if (this.#closing === null) {
      const { attempts, server } = this.#session;
      this.#phase = attempts.authorizedOrgNames.length > 0 ? "completed" : phase;
      for (const dispose of this.#disposers.splice(0)) dispose();
      this.#broadcast();
      this.#closing = server.close();
      this.#abort.abort();
      this.#notifyIfChanged();
    }
    return this.#closing;
  }

  #model(): PageModel {
    const { clock, notices } = this.#options;
    const remainingMs = (this.#session?.deadline ?? 0) - clock.monotonic();
    return {
      key: this.#key,
      clientId: this.#clientId(),
      phase: this.#phase,
      endReason: this.#endReason,
      attempt: this.#session?.attempts.latest ?? { kind: "none" },
      organizations: this.#organizations,
      notices: notices.list(),
      remainingSeconds: Math.max(0, Math.ceil(remainingMs / 1_000)),
    };
  }

  /** The client id that the next attempt would use, or null if none is configured. */
  #clientId(): string | null {
    try {
      return this.#options.oauthContext().client.clientId;
    } catch {
      return null;
    }
  }

  /** Compares digests, so that the duration reveals nothing about the key. */
  #isKey(text: string | null): boolean {
    const { crypto } = this.#options;
    return text !== null && crypto.sha256(text) === crypto.sha256(this.#key);
  }

  #nonce(): string {
    return this.#options.crypto.token(16);
  }
}

function callbackUrl(origin: string): string {
  return `${origin}/oauth/callback`;
}

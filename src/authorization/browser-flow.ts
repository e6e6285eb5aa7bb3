import { asFault } from "../faults/fault.js";
import { type Disposer, Emitter, type Subscribable } from "../faults/emitter.js";
import type { Chance, Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { ListenOnLoopback, LoopbackAnswer, LoopbackRequest, LoopbackServer } from "../ports/loopback-server.js";
import { authorizationPage, GUARDED_HEADERS, redirect, refusalPage, scriptAnswer } from "./authorization-page.js";
import { pageParts } from "./authorization-page-parts.js";
import { canComplete, flowOutcome, type PageModel, type PagePhase } from "./authorization-page-state.js";
import { BrowserAttempts } from "./browser-attempts.js";
import { PAGE_NOT_OPEN, type Refusal, refusalOf, UNEXPECTED_ANSWER, visitOf, WRONG_KEY } from "./browser-flow-guard.js";
import type { Counterpart } from "./counterpart.js";
import type { Flow, FlowEvents, FlowView } from "./flow.js";
import type { Authorization } from "./grant.js";
import type { GrantKeeper } from "./grant-keeper.js";
import type { PageNotice } from "./page-notice.js";
import { cancelled } from "./single-flight.js";

export interface PageNoticesEvents {
  readonly problemsChanged: undefined;
}

/** The worker's problems, as far as they concern whoever authorizes. */
export interface NoticeBoard {
  list(): readonly PageNotice[];
  readonly events: Subscribable<PageNoticesEvents>;
}

export interface BrowserFlowParts {
  /** In force now: asked at each AUTHORIZE. Fault: `clientNotConfigured`. */
  readonly counterpart: () => Counterpart;
  readonly keeper: GrantKeeper;
  readonly notices: NoticeBoard;
  readonly clock: Clock;
  readonly chance: Chance;
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
  readonly #parts: BrowserFlowParts;
  readonly events = new Emitter<FlowEvents>();
  readonly #streams = new Set<(data: string) => void>();
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
  #told: FlowView;
  #closing: Promise<void> | null = null;

  constructor(parts: BrowserFlowParts) {
    this.#parts = parts;
    this.#attempts = new BrowserAttempts(parts, () => this.#publish());
    this.#told = this.view;
  }

  get open(): boolean {
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
      ...flowOutcome(this.#model(), this.#attempts.kept),
    };
  }

  async start(signal: AbortSignal): Promise<FlowView> {
    const { clock, chance, keeper, notices, logger } = this.#parts;
    this.#parts.counterpart();
    this.#key = chance.token(32);
    const server = await this.#parts.listen(this.#parts.redirectPort, (request) => this.#serve(request));
    if (signal.aborted || this.#abort.signal.aborted) {
      await server.close();
      throw cancelled();
    }
    this.#server = server;
    this.#deadline = clock.monotonic() + LIFETIME_MS;
    this.#expiresAt = new Date(clock.now() + LIFETIME_MS).toISOString();
    this.#attempts.begin({
      redirectUri: `http://localhost:${server.port}/oauth/callback`,
      deadline: this.#deadline,
      signal: this.#abort.signal,
    });
    this.#disposers.push(
      clock.timer(LIFETIME_MS, () => void this.#attempts.idle().then(() => this.#close("expired"))),
      keeper.events.on("authorizationsChanged", () => void this.#readOrganizations()),
      notices.events.on("problemsChanged", () => this.#publish()),
    );
    this.#told = this.view;
    await this.#readOrganizations();
    if (!this.open) throw cancelled();
    logger.info("To authorize, open this page on this machine.", { url: this.view.url, expiresAt: this.#expiresAt });
    return this.view;
  }

  async stop(reason: string | null = null): Promise<void> {
    this.#endReason ??= reason;
    this.#abort.abort();
    await this.#close("cancelled");
  }

  async #serve(request: LoopbackRequest): Promise<LoopbackAnswer> {
    try {
      return await this.#answer(request);
    } catch (thrown) {
      this.#parts.logger.error("The authorization page could not answer.", { error: asFault(thrown) });
      throw thrown;
    }
  }

  async #answer(request: LoopbackRequest): Promise<LoopbackAnswer> {
    if (!this.open) return this.#refuse(PAGE_NOT_OPEN);
    const visit = visitOf(request);
    const refusal = refusalOf(request, visit, this.#server?.port ?? 0);
    if (refusal !== null) return this.#refuse(refusal);
    if (visit.path === "/oauth/callback") {
      return (await this.#attempts.arrive(visit.query)) ? redirect(303, `/?key=${this.#key}`) : this.#refuse(UNEXPECTED_ANSWER);
    }
    const key = visit.path === "/complete" ? new URLSearchParams(request.body).get("key") : visit.query.get("key");
    if (key === null || !this.#isKey(key)) return this.#refuse(WRONG_KEY);
    switch (visit.path) {
      case "/authorize":
        return this.#authorize();
      case "/complete":
        return this.#complete();
      case "/events":
        return this.#events();
      case "/page.js":
        return scriptAnswer();
      default:
        return authorizationPage(this.#model(), 200, this.#nonce());
    }
  }

  #authorize(): LoopbackAnswer {
    const url = this.#attempts.depart();
    return url === null ? redirect(303, `/?key=${this.#key}`) : redirect(302, url);
  }

  async #complete(): Promise<LoopbackAnswer> {
    await this.#readOrganizations();
    if (!canComplete(this.#model())) return authorizationPage(this.#model(), 409, this.#nonce());
    void this.#close("completed");
    return authorizationPage(this.#model(), 200, this.#nonce());
  }

  #events(): LoopbackAnswer {
    return {
      kind: "events",
      headers: GUARDED_HEADERS,
      open: (send) => {
        send(pageParts(this.#model()).text);
        this.#streams.add(send);
        return () => this.#streams.delete(send);
      },
    };
  }

  /** A keychain out of reach does not keep the page away: the notices say so. */
  async #readOrganizations(): Promise<void> {
    try {
      this.#organizations = await this.#parts.keeper.list();
    } catch (thrown) {
      this.#parts.logger.debug("The authorizations could not be listed for the page.", { fault: asFault(thrown).code });
    }
    this.#publish();
  }

  #publish(): void {
    this.#broadcast();
    this.#tell();
  }

  #broadcast(): void {
    if (this.#streams.size === 0) return;
    const parts = pageParts(this.#model()).text;
    for (const send of this.#streams) send(parts);
  }

  #tell(): void {
    const view = this.view;
    if (view.state === this.#told.state && view.message === this.#told.message) return;
    this.#told = view;
    this.events.emit("viewChanged", view);
  }

  /** Ends the flow, as completed where it has brought a grant. The windows hear the last word before their streams end. */
  #close(phase: PagePhase): Promise<void> {
    if (this.#server === null) return Promise.resolve();
    if (this.#closing === null) {
      this.#phase = this.#attempts.kept.length > 0 ? "completed" : phase;
      for (const dispose of this.#disposers.splice(0)) dispose();
      this.#broadcast();
      this.#closing = this.#server.close();
      this.#abort.abort();
      this.#tell();
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
      notices: this.#parts.notices.list(),
      remainingSeconds: Math.max(0, Math.ceil((this.#deadline - this.#parts.clock.monotonic()) / 1_000)),
    };
  }

  /** The integration that AUTHORIZE goes by now; null while there is none. */
  #clientId(): string | null {
    try {
      return this.#parts.counterpart().client.clientId;
    } catch {
      return null;
    }
  }

  /** Digests are compared, so that the time it takes tells nothing of the key. */
  #isKey(text: string): boolean {
    const { chance } = this.#parts;
    return chance.sha256(text) === chance.sha256(this.#key);
  }

  #refuse(refusal: Refusal): LoopbackAnswer {
    return refusalPage(refusal, this.#nonce());
  }

  #nonce(): string {
    return this.#parts.chance.token(16);
  }
}

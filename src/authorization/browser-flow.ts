import { Emitter, type Disposer } from "../faults/emitter.js";
import { asFault, Fault, faultFields } from "../faults/fault.js";
import type { Crypto } from "../ports/clock.js";
import type {
  ListenOnLoopback,
  LoopbackRequest,
  LoopbackResponse,
  LoopbackServer,
  ReadAsset,
} from "../ports/loopback-server.js";
import { checkHost, checkMethod, checkOrigin, isPrefetch } from "../pages/request-checks.js";
import { redirect, SECURITY_HEADERS, type Rejection } from "../pages/responses.js";
import { likelyApiUrl } from "../webex/api-address.js";
import { BrowserAttempts } from "./browser-attempts.js";
import type { Flow, FlowEvents, FlowOptions, FlowView } from "./flow.js";
import type { Authorization } from "./grant.js";
import { AuthorizationPage } from "./page/authorization-page.js";
import {
  canComplete,
  flowOutcome,
  isRefused,
  type PageModel,
  type PageNotices,
  type PagePhase,
} from "./page/page-model.js";
import { cancelled, delay } from "./shared-task.js";

export interface BrowserFlowOptions extends FlowOptions {
  readonly notices: PageNotices;
  readonly readAsset: ReadAsset;
  readonly crypto: Crypto;
  readonly listen: ListenOnLoopback;
  /** Polls an organization now, although Webex refused it. */
  readonly retryOrganization: (orgId: string) => void;
  /** 0: any free port, for tests. */
  readonly redirectPort: number;
}

/** What exists from the start of the flow on. */
interface Session {
  readonly server: LoopbackServer;
  readonly url: string;
  readonly redirectUri: string;
  readonly attempts: BrowserAttempts;
  /** A time of `Clock.monotonic()`. */
  readonly deadline: number;
  readonly expiresAt: string;
}

const LIFETIME_MS = 600_000;
/** How long the response to "Try again" waits for the outcome, for a browser without script. */
const RETRY_OUTCOME_MS = 2_000;

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
  /** Each sends the current content to an open page. */
  readonly #eventStreams = new Set<() => void>();
  readonly #abort = new AbortController();
  readonly #disposers: Disposer[] = [];
  #session: Session | null = null;
  #organizations: readonly Authorization[] = [];
  readonly #retriedOrgIds = new Set<string>();
  #phase: PagePhase = "open";
  #endReason: string | null = null;
  #lastView: FlowView | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: BrowserFlowOptions) {
    this.#options = options;
    this.#key = options.crypto.token(32);
  }

  get isOpen(): boolean {
    return this.#session !== null && this.#phase === "open";
  }

  get view(): FlowView {
    const session = this.#session;
    return {
      method: "browser",
      url: session?.url ?? null,
      redirectUri: session?.redirectUri ?? null,
      verificationUri: null,
      verificationUriComplete: null,
      userCode: null,
      expiresAt: session?.expiresAt ?? null,
      ...flowOutcome(this.#model(), session?.attempts.authorizedOrgNames ?? []),
    };
  }

  async start(signal: AbortSignal): Promise<FlowView> {
    const { oauthContext, grantSink, notices, clock, crypto, logger } = this.#options;
    const { readAsset, listen, redirectPort } = this.#options;
    oauthContext();
    const page = await AuthorizationPage.load(readAsset, () => crypto.token(16));
    const respond = (request: LoopbackRequest): Promise<LoopbackResponse> =>
      this.#respond(page, request).catch((thrown: unknown) => {
        logger.error("The authorization page failed to respond.", { error: asFault(thrown) });
        throw thrown;
      });
    const server = await listen(redirectPort, respond).catch((thrown: unknown) => {
      throw toRedirectPortFault(thrown);
    });
    if (signal.aborted || this.#abort.signal.aborted) {
      await server.close();
      throw cancelled();
    }
    const url = `http://localhost:${server.port}/?key=${this.#key}`;
    const redirectUri = `http://localhost:${server.port}/oauth/callback`;
    const deadline = clock.monotonic() + LIFETIME_MS;
    const expiresAt = new Date(clock.now() + LIFETIME_MS).toISOString();
    const attempts = new BrowserAttempts({
      ...this.#options,
      redirectUri,
      deadline,
      signal: this.#abort.signal,
      onChange: () => this.#publish(),
    });
    this.#session = { server, url, redirectUri, attempts, deadline, expiresAt };
    const expire = (): void => void attempts.whenIdle().then(() => this.#close("expired"));
    this.#disposers.push(
      clock.schedule(LIFETIME_MS, expire),
      grantSink.events.on("authorizationsChanged", () => void this.#readOrganizations()),
      notices.events.on("problemsChanged", () => this.#publish()),
    );
    this.#lastView = this.view;
    await this.#readOrganizations();
    if (!this.isOpen) throw cancelled();
    logger.info("To authorize, open this page on this machine.", { url, expiresAt });
    return this.view;
  }

  async stop(reason: string | null = null): Promise<void> {
    this.#endReason ??= reason;
    this.#abort.abort();
    await this.#close("cancelled");
  }

  async #respond(page: AuthorizationPage, request: LoopbackRequest): Promise<LoopbackResponse> {
    const { crypto } = this.#options;
    const session = this.#session;
    if (session === null || !this.isOpen) return page.rejection(PAGE_NOT_OPEN);
    const path = request.target.replace(/\?.*$/s, "");
    const query = new URLSearchParams(request.target.slice(path.length));
    const rejection = checkRequest(request, path, session.server.port);
    if (rejection !== null) return page.rejection(rejection);
    if (path === "/oauth/callback") {
      const outcome = await session.attempts.handleCallback(query);
      if (outcome === "processed") return redirect(303, `/?key=${this.#key}`);
      // Who knows the state and the code of a request may see what became of it.
      if (outcome === "repeated") return page.document(this.#model(), UNEXPECTED_CALLBACK.status);
      return page.rejection(UNEXPECTED_CALLBACK);
    }
    const form = request.method === "POST" ? new URLSearchParams(request.body) : query;
    // Compares digests, so that the duration reveals nothing about the key.
    if (crypto.sha256(form.get("key") ?? "") !== crypto.sha256(this.#key))
      return page.rejection(INVALID_KEY);
    switch (path) {
      case "/authorize": {
        const url = session.attempts.start();
        return url === null ? redirect(303, `/?key=${this.#key}`) : redirect(302, url);
      }
      case "/complete": {
        await this.#readOrganizations();
        const isComplete = canComplete(this.#model());
        if (isComplete) void this.#close("completed");
        return page.document(this.#model(), isComplete ? 200 : 409);
      }
      case "/retry":
        await this.#retry(form.get("orgId") ?? "");
        return redirect(303, `/?key=${this.#key}`);
      case "/events":
        return this.#openEventStream(page);
      case "/page.js":
        return page.script();
      default:
        return page.document(this.#model(), 200);
    }
  }

  /**
   * Resolves when Webex accepts the organization, or after a while: that it refuses again is no
   * change. Does nothing if Webex has accepted it since the page was shown.
   */
  async #retry(orgId: string): Promise<void> {
    const { notices, clock, logger, retryOrganization } = this.#options;
    if (!isRefused({ notices: notices.list() }, orgId)) return;
    logger.info("Somebody asked on the authorization page to poll an organization again.", {
      orgId,
    });
    this.#retriedOrgIds.add(orgId);
    const outcome = new AbortController();
    const dispose = notices.events.on("problemsChanged", () => {
      if (!isRefused({ notices: notices.list() }, orgId)) outcome.abort();
    });
    retryOrganization(orgId);
    this.#publish();
    const either = AbortSignal.any([outcome.signal, this.#abort.signal]);
    await delay(clock, RETRY_OUTCOME_MS, either).catch(() => undefined);
    dispose();
  }

  #openEventStream(page: AuthorizationPage): LoopbackResponse {
    return {
      kind: "events",
      headers: SECURITY_HEADERS,
      open: (send) => {
        const update = (): void => send(page.content(this.#model()));
        update();
        this.#eventStreams.add(update);
        return () => this.#eventStreams.delete(update);
      },
    };
  }

  /** If the keychain is unavailable, the page still works, and its notices name the problem. */
  async #readOrganizations(): Promise<void> {
    try {
      this.#organizations = await this.#options.grantSink.list();
    } catch (thrown) {
      const message = "The authorizations could not be read for the page.";
      this.#options.logger.debug(message, faultFields(asFault(thrown)));
    }
    this.#publish();
  }

  #publish(): void {
    const notices = this.#options.notices.list();
    for (const orgId of this.#retriedOrgIds)
      if (!isRefused({ notices }, orgId)) this.#retriedOrgIds.delete(orgId);
    for (const update of this.#eventStreams) update();
    this.#notifyIfChanged();
  }

  #notifyIfChanged(): void {
    const view = this.view;
    if (view.state === this.#lastView?.state && view.message === this.#lastView.message) return;
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
      for (const update of this.#eventStreams) update();
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
      ...this.#describeContext(),
      phase: this.#phase,
      endReason: this.#endReason,
      attempt: this.#session?.attempts.latest ?? { kind: "none" },
      organizations: this.#organizations,
      notices: notices.list(),
      retriedOrgIds: this.#retriedOrgIds,
      remainingSeconds: Math.max(0, Math.ceil(remainingMs / 1_000)),
    };
  }

  /** What the next attempt would use; null without a configured client. */
  #describeContext(): Pick<PageModel, "clientId" | "unlikelyApiUrl"> {
    try {
      const { client, apiUrl } = this.#options.oauthContext();
      const likely = likelyApiUrl(apiUrl);
      const unlikelyApiUrl = likely === apiUrl ? null : { apiUrl, likely };
      return { clientId: client.clientId, unlikelyApiUrl };
    } catch {
      return { clientId: null, unlikelyApiUrl: null };
    }
  }
}

const RESERVED_HINT =
  "Set WebexPresence.RedirectPort to a port outside the ranges of `netsh interface ipv4 show excludedportrange protocol=tcp`, and register its redirect URI with the integration.";
const IN_USE_HINT =
  "End that program, or set WebexPresence.RedirectPort to another port and register its redirect URI with the integration.";

function toRedirectPortFault(thrown: unknown): Fault {
  const fault = asFault(thrown);
  if (fault.code !== "portInUse") return fault;
  const { port, isReserved } = fault.data;
  return new Fault(
    "redirectPortInUse",
    `${fault.message.replace(/\.$/, "")}, so the authorization page cannot be shown.`,
    { cause: fault.cause, hint: isReserved === true ? RESERVED_HINT : IN_USE_HINT, data: { port } },
  );
}

const PAGE_NOT_OPEN: Rejection = {
  status: 503,
  title: "This page is not open",
  hint: "Open the most recent address that the worker has reported.",
};
export const INVALID_KEY: Rejection = {
  status: 403,
  title: "This address is not valid",
  hint: "Its key is missing or belongs to an earlier page. Open the most recent address that the worker has reported.",
};
const PREFETCH: Rejection = {
  status: 503,
  title: "This address is not loaded in advance",
  hint: "Open it in a browser.",
};
const UNEXPECTED_CALLBACK: Rejection = {
  status: 400,
  title: "This response was not expected",
  hint: "It belongs to no open request, or was used before. Go back to the authorization page and press AUTHORIZE again.",
};

const FORM_PATHS = ["/complete", "/retry"];
const PATHS = ["/", "/authorize", "/oauth/callback", "/events", "/page.js", ...FORM_PATHS];
/** A request for one of these uses up a state or begins another attempt, although it is a GET. */
const STATEFUL_PATHS = ["/authorize", "/oauth/callback"];

/** Refuses requests that are wrong whatever their key is. Returns null for all others. */
function checkRequest(request: LoopbackRequest, path: string, port: number): Rejection | null {
  const wrongHost = checkHost(request, port);
  if (wrongHost !== null) return wrongHost;
  if (!PATHS.includes(path)) {
    return {
      status: 404,
      title: "Page not found",
      hint: "Open the address that the worker has reported, including its key.",
    };
  }
  const method = FORM_PATHS.includes(path) ? "POST" : "GET";
  const wrongMethod = checkMethod(request, method);
  if (wrongMethod !== null) return wrongMethod;
  if (STATEFUL_PATHS.includes(path) && isPrefetch(request)) return PREFETCH;
  return method === "POST" ? (checkOrigin(request) ?? checkForm(request)) : null;
}

function checkForm({ headers }: LoopbackRequest): Rejection | null {
  const { "content-type": type = "" } = headers;
  const isForm = type.toLowerCase().startsWith("application/x-www-form-urlencoded");
  const title = "Request refused";
  return isForm ? null : { status: 415, title, hint: "Use the button on the authorization page." };
}

import { asFault, type Fault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import type { Crypto } from "../ports/clock.js";
import { logFailure, storeGrant, type StoreGrantOptions } from "./flow.js";
import { REQUIRED_SCOPES } from "./grant.js";
import type { OAuthContext } from "./oauth-context.js";
import { attemptFromError, attemptFromFault, type Attempt } from "./page/page-model.js";

export interface BrowserAttemptsOptions extends Omit<StoreGrantOptions, "onRetry"> {
  readonly crypto: Crypto;
  readonly redirectUri: string;
  readonly onChange: () => void;
}

/** An authorization request without a callback yet, and what the callback is checked with. */
interface PendingRequest {
  readonly context: OAuthContext;
  readonly codeVerifier: Secret;
}

/**
 * A callback is `processed` once. The same one again is `repeated`: some security products open an
 * address before the browser does. Any other is `unexpected`.
 */
export type CallbackOutcome = "processed" | "repeated" | "unexpected";

/** A person does not have more requests open than this. The oldest one is dropped. */
const MAX_PENDING_REQUESTS = 32;
/** Error codes that may be logged (RFC 6749, 4.1.2.1). Others are untrusted text. */
const KNOWN_ERRORS = new Set([
  "access_denied",
  "invalid_scope",
  "server_error",
  "temporarily_unavailable",
  "invalid_request",
  "unauthorized_client",
]);

/**
 * The authorization requests of one browser flow. Each has its own `state` and PKCE verifier, and
 * its callback is accepted once.
 */
export class BrowserAttempts {
  readonly #options: BrowserAttemptsOptions;
  readonly #pendingRequests = new Map<string, PendingRequest>();
  /** The state of each code that was used, by the digest of the code. */
  readonly #usedCodes = new Map<string, string>();
  readonly #authorizedOrgNames = new Map<string, string>();
  #latest: Attempt = { kind: "none" };
  #pendingCallbacks: Promise<unknown> = Promise.resolve();

  constructor(options: BrowserAttemptsOptions) {
    this.#options = options;
  }

  get latest(): Attempt {
    return this.#latest;
  }

  /** The names of the organizations that were authorized in this flow. */
  get authorizedOrgNames(): readonly string[] {
    return [...this.#authorizedOrgNames.values()];
  }

  /** Resolves when no callback is being processed: the deadline must not discard a consent. */
  async whenIdle(): Promise<void> {
    await this.#pendingCallbacks;
  }

  /** Returns the URL of an authorization request, or null if `latest` says why there is none. */
  start(): string | null {
    const { oauthContext, crypto, redirectUri } = this.#options;
    try {
      const context = oauthContext();
      const codeVerifier = new Secret(crypto.token(32));
      const state = crypto.token(32);
      const url = context.oauth.authorizeUrl({
        clientId: context.client.clientId,
        redirectUri,
        scope: REQUIRED_SCOPES.join(" "),
        state,
        codeChallenge: crypto.sha256(codeVerifier.reveal()),
      });
      this.#pendingRequests.set(state, { context, codeVerifier });
      const [oldest = ""] = this.#pendingRequests.keys();
      if (this.#pendingRequests.size > MAX_PENDING_REQUESTS) this.#pendingRequests.delete(oldest);
      this.#setLatest({ kind: "waiting" });
      return url;
    } catch (thrown) {
      this.#fail(asFault(thrown));
      return null;
    }
  }

  /**
   * Processes the parameters of a callback (RFC 6749, 4.1.2). If they belong to a pending request,
   * or are those of an earlier callback, it resolves when `latest` shows an outcome.
   */
  async handleCallback(query: URLSearchParams): Promise<CallbackOutcome> {
    const { crypto, logger } = this.#options;
    const state = query.get("state") ?? "";
    const request = this.#pendingRequests.get(state);
    const code = query.get("code") ?? "";
    const error = query.get("error");
    const digest = crypto.sha256(code);
    if (state !== "" && this.#usedCodes.get(digest) === state) {
      await this.#pendingCallbacks;
      return "repeated";
    }
    if (request === undefined || (error === null && code === "")) return "unexpected";
    this.#pendingRequests.delete(state);
    if (error !== null) {
      logger.warn("Webex refused the authorization.", {
        error: KNOWN_ERRORS.has(error) ? error : "other",
      });
      this.#setLatest(attemptFromError(error, query.get("error_description")));
      return "processed";
    }
    if (this.#usedCodes.has(digest)) return "unexpected";
    this.#usedCodes.set(digest, state);
    const work = this.#exchange(request, new Secret(code));
    this.#pendingCallbacks = Promise.all([this.#pendingCallbacks, work]);
    await work;
    return "processed";
  }

  /**
   * Resolves at the first outcome. After a transient fault, storing continues in the background.
   */
  #exchange(request: PendingRequest, code: Secret): Promise<void> {
    this.#setLatest({ kind: "finishing" });
    return new Promise((resolve) => {
      const onRetry = (fault: Fault): void => {
        this.#fail(fault, true);
        resolve();
      };
      this.#exchangeAndStore(request, code, onRetry)
        .catch((thrown: unknown) => {
          if (!this.#options.signal.aborted) this.#fail(asFault(thrown));
        })
        .finally(resolve);
    });
  }

  async #exchangeAndStore(
    { context, codeVerifier }: PendingRequest,
    code: Secret,
    onRetry: (fault: Fault) => void,
  ): Promise<void> {
    const { redirectUri, signal, logger } = this.#options;
    const codeGrant = { code, redirectUri, codeVerifier };
    const tokens = await context.oauth.exchangeCode(context.client, codeGrant, signal);
    const authorization = await storeGrant(context, tokens, { ...this.#options, onRetry });
    const { orgId, orgName } = authorization;
    this.#authorizedOrgNames.set(orgId, orgName);
    logger.info("An organization was authorized.", { method: "browser", orgId });
    this.#setLatest({ kind: "authorized", authorization });
  }

  #fail(fault: Fault, isRetrying = false): void {
    logFailure(this.#options.logger, "browser", fault, isRetrying);
    this.#setLatest(attemptFromFault(fault, isRetrying));
  }

  #setLatest(attempt: Attempt): void {
    this.#latest = attempt;
    this.#options.onChange();
  }
}

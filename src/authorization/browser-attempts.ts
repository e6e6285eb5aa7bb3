import { asFault, type Fault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import type { Clock, Crypto } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { TokenResponse } from "../webex/oauth.js";
import { storeGrant, type GrantSink } from "./flow.js";
import { REQUIRED_SCOPES } from "./grant.js";
import type { OAuthContext } from "./oauth-context.js";
import { sanitizeText } from "./page/html-template.js";
import { attemptFromError, attemptFromFault, type Attempt } from "./page/page-model.js";

export interface BrowserAttemptsOptions {
  /** Returns the current context. Throws `clientNotConfigured`. */
  readonly oauthContext: () => OAuthContext;
  readonly grantSink: GrantSink;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
  readonly redirectUri: string;
  /** A time of `Clock.monotonic()`. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  readonly onChange: () => void;
}

/** An authorization request without a callback yet, and what the callback is checked with. */
interface PendingRequest {
  readonly context: OAuthContext;
  readonly codeVerifier: Secret;
}

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
  readonly #usedCodes = new Set<string>();
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

  /**
   * Resolves when no callback is being processed, so that the deadline does not discard a consent.
   */
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
      for (const oldest of this.#pendingRequests.keys()) {
        if (this.#pendingRequests.size <= MAX_PENDING_REQUESTS) break;
        this.#pendingRequests.delete(oldest);
      }
      this.#setLatest({ kind: "waiting" });
      return url;
    } catch (thrown) {
      this.#fail(asFault(thrown));
      return null;
    }
  }

  /**
   * Processes the parameters of a callback (RFC 6749, 4.1.2). Returns false if they belong to no
   * pending request or were used before. Otherwise it resolves when `latest` shows an outcome.
   */
  async handleCallback(query: URLSearchParams): Promise<boolean> {
    const { crypto, logger } = this.#options;
    const state = query.get("state") ?? "";
    const request = this.#pendingRequests.get(state);
    const code = query.get("code") ?? "";
    const error = query.get("error");
    if (request === undefined || (error === null && code === "")) return false;
    this.#pendingRequests.delete(state);
    if (error !== null) {
      logger.warn("Webex refused the authorization.", {
        error: KNOWN_ERRORS.has(error) ? error : "other",
      });
      this.#setLatest(attemptFromError(error, sanitizeText(query.get("error_description"))));
      return true;
    }
    const digest = crypto.sha256(code);
    if (this.#usedCodes.has(digest)) return false;
    this.#usedCodes.add(digest);
    const work = this.#exchange(request, new Secret(code));
    this.#pendingCallbacks = Promise.all([this.#pendingCallbacks, work]);
    await work;
    return true;
  }

  async #exchange({ context, codeVerifier }: PendingRequest, code: Secret): Promise<void> {
    const { redirectUri, signal } = this.#options;
    this.#setLatest({ kind: "finishing" });
    try {
      const codeGrant = { code, redirectUri, codeVerifier };
      const tokens = await context.oauth.exchangeCode(context.client, codeGrant, signal);
      await this.#store(context, tokens);
    } catch (thrown) {
      if (!signal.aborted) this.#fail(asFault(thrown));
    }
  }

  /**
   * Resolves at the first outcome. After a transient fault, retrying continues in the background.
   */
  #store(context: OAuthContext, tokens: TokenResponse): Promise<void> {
    const { signal } = this.#options;
    return new Promise((resolve) => {
      const onRetry = (fault: Fault): void => {
        this.#fail(fault, true);
        resolve();
      };
      storeGrant(context, tokens, { ...this.#options, onRetry }, signal)
        .then(
          (authorization) => {
            const { orgId, orgName } = authorization;
            this.#authorizedOrgNames.set(orgId, orgName);
            this.#options.logger.info("An organization was authorized.", {
              method: "browser",
              orgId,
            });
            this.#setLatest({ kind: "authorized", authorization });
          },
          (thrown: unknown) => {
            if (!signal.aborted) this.#fail(asFault(thrown));
          },
        )
        .finally(resolve);
    });
  }

  #fail(fault: Fault, isRetrying = false): void {
    this.#options.logger.error("The authorization failed.", {
      method: "browser",
      fault: fault.code,
      status: fault.status,
      trackingId: fault.trackingId,
      ...(fault.code === "defect" ? { error: fault } : {}),
      isRetrying,
    });
    this.#setLatest(attemptFromFault(fault, isRetrying));
  }

  #setLatest(attempt: Attempt): void {
    this.#latest = attempt;
    this.#options.onChange();
  }
}

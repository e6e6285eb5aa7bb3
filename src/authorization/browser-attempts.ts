import { asFault, type Fault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import type { Clock, Crypto } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { TokenResponse } from "../webex/oauth.js";
import { sanitizeText } from "./authorization-page-markup.js";
import { type Attempt, attemptFromFault, attemptFromError } from "./page/page-model.js";
import type { OAuthContext } from "./oauth-context.js";
import { type Authorization, REQUIRED_SCOPES } from "./grant.js";
import { type GrantSink, storeGrant } from "./grant-keeper.js";

interface AttemptOptions {
  readonly oauthContext: () => OAuthContext;
  readonly grantSink: GrantSink;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly logger: Logger;
}

/** One visit to Webex that is under way: everything its answer has to be checked against. */
interface PendingRequest {
  readonly oauthContext: OAuthContext;
  readonly verifier: Secret;
}

interface FlowContext {
  readonly redirectUri: string;
  /** Of the monotonic clock. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** More visits than this at a time are not a person's doing; the oldest is forgotten. */
const MAX_PENDING_REQUESTS = 32;
const KNOWN_ERRORS = new Set([
  "access_denied",
  "invalid_scope",
  "server_error",
  "temporarily_unavailable",
  "invalid_request",
  "unauthorized_client",
]);

/** The visits to Webex of one browser flow: each leaves with its own state and PKCE verifier, and its answer is taken once. */
export class BrowserAttempts {
  readonly #options: AttemptOptions;
  readonly #onChange: () => void;
  readonly #pendingRequests = new Map<string, PendingRequest>();
  readonly #usedCodes = new Set<string>();
  readonly #authorizedOrgNames = new Map<string, string>();
  #flowContext: FlowContext | null = null;
  #latest: Attempt = { kind: "none" };
  #pendingCallbacks: Promise<unknown> = Promise.resolve();

  constructor(options: AttemptOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  get latest(): Attempt {
    return this.#latest;
  }

  /** The names of the organizations authorized in this flow. */
  get authorizedOrgNames(): readonly string[] {
    return [...this.#authorizedOrgNames.values()];
  }

  setFlowContext(flowContext: FlowContext): void {
    this.#flowContext = flowContext;
  }

  /** Settles when no answer of Webex is being worked on: a consent just given is not lost to the deadline. */
  async whenIdle(): Promise<void> {
    await this.#pendingCallbacks;
  }

  /** Webex's address to go to, or null when the integration is not configured any more (`latest` says so). */
  start(): string | null {
    const { crypto } = this.#options;
    const flowContext = this.#flowContext;
    if (flowContext === null) return null;
    try {
      const oauthContext = this.#options.oauthContext();
      const pendingRequest = { oauthContext, verifier: new Secret(crypto.token(32)) };
      const state = crypto.token(32);
      const url = oauthContext.oauth.authorizeUrl({
        clientId: oauthContext.client.clientId,
        redirectUri: flowContext.redirectUri,
        scope: REQUIRED_SCOPES.join(" "),
        state,
        codeChallenge: crypto.sha256(pendingRequest.verifier.reveal()),
      });
      this.#pendingRequests.set(state, pendingRequest);
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
   * Takes Webex's answer (RFC 6749, 4.1.2): false when it belongs to no visit of this flow, or was used before. Otherwise resolves
   * when there is something to show; `latest` says what.
   */
  async handleCallback(query: URLSearchParams): Promise<boolean> {
    const state = query.get("state");
    const pendingRequest = state === null ? undefined : this.#pendingRequests.get(state);
    if (state === null || pendingRequest === undefined) return false;
    const code = query.get("code");
    const error = query.get("error");
    if (error === null && (code === null || code === "")) return false;
    this.#pendingRequests.delete(state);
    if (error !== null) {
      this.#options.logger.warn("Webex answered the authorization with a refusal.", {
        error: KNOWN_ERRORS.has(error) ? error : "other",
      });
      this.#setLatest(attemptFromError(error, sanitizeText(query.get("error_description"))));
      return true;
    }
    const digest = this.#options.crypto.sha256(code ?? "");
    if (this.#usedCodes.has(digest)) return false;
    this.#usedCodes.add(digest);
    const work = this.#finish(pendingRequest, new Secret(code ?? ""));
    this.#pendingCallbacks = Promise.all([this.#pendingCallbacks, work]);
    await work;
    return true;
  }

  async #finish(pendingRequest: PendingRequest, code: Secret): Promise<void> {
    const flowContext = this.#flowContext;
    if (flowContext === null) return;
    this.#setLatest({ kind: "finishing" });
    try {
      const grant = {
        code,
        redirectUri: flowContext.redirectUri,
        codeVerifier: pendingRequest.verifier,
      };
      const { oauthContext } = pendingRequest;
      const answer = await oauthContext.oauth.exchangeCode(
        oauthContext.client,
        grant,
        flowContext.signal,
      );
      await this.#store(oauthContext, answer, flowContext);
    } catch (thrown) {
      if (!flowContext.signal.aborted) this.#fail(asFault(thrown));
    }
  }

  /** Resolves at the first outcome: kept, refused, or a trouble that passes; after a trouble the keeping goes on behind. */
  #store(
    oauthContext: OAuthContext,
    answer: TokenResponse,
    flowContext: FlowContext,
  ): Promise<void> {
    const { grantSink, clock, logger } = this.#options;
    return new Promise((resolve) => {
      const onTrouble = (fault: Fault): void => {
        this.#fail(fault, true);
        resolve();
      };
      const options = {
        keeper: grantSink,
        clock,
        logger,
        deadline: flowContext.deadline,
        onTrouble,
      };
      storeGrant(oauthContext, answer, options, flowContext.signal)
        .then(
          (authorization) => this.#succeed(authorization),
          (thrown: unknown) => {
            if (!flowContext.signal.aborted) this.#fail(asFault(thrown));
          },
        )
        .finally(resolve);
    });
  }

  #succeed(authorization: Authorization): void {
    this.#authorizedOrgNames.set(authorization.orgId, authorization.orgName);
    this.#options.logger.info("An organization was authorized.", {
      method: "browser",
      orgId: authorization.orgId,
    });
    this.#setLatest({ kind: "authorized", authorization });
  }

  #fail(fault: Fault, authorizedOrgNames = false): void {
    this.#options.logger.error("The authorization failed.", {
      method: "browser",
      fault: fault.code,
      status: fault.status,
      trackingId: fault.trackingId,
      ...(fault.code === "defect" ? { error: fault } : {}),
      goesOn: authorizedOrgNames,
    });
    this.#setLatest(attemptFromFault(fault, authorizedOrgNames));
  }

  #setLatest(attempt: Attempt): void {
    this.#latest = attempt;
    this.#onChange();
  }
}

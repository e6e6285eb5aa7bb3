import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { Http, HttpResponse, ReusableBuffer } from "../ports/http.js";
import { parseErrorResponse, restFault } from "./error-response.js";
import { malformedResponse } from "./json-response.js";
import { sameOriginUrl } from "./link-header.js";

/** The access tokens of one organization. */
export interface TokenSource {
  /**
   * Returns a token for the next request and refreshes it before it expires. Faults:
   * `grantRefused`, `authorizationRequired`, `clientNotConfigured`, and those of the keychain and
   * the network.
   */
  getToken(signal: AbortSignal): Promise<Secret>;
  /**
   * Returns a token other than the one that Webex has rejected with 401, or null if there is none.
   * Concurrent calls share one refresh. Faults as `getToken`.
   */
  replace(rejected: Secret, signal: AbortSignal): Promise<Secret | null>;
}

export type RequestOutcome = "answered" | "rateLimited" | "failed";

/** Limits the rate of the requests with an organization's token. */
export interface RequestLimiter {
  /** Waits until the request budget allows a request, and counts it. */
  acquire(signal: AbortSignal): Promise<void>;
  complete(outcome: RequestOutcome): void;
}

export interface RestOptions {
  /** `WebexPresence.ApiUrl`, without a trailing slash. */
  readonly apiUrl: string;
  /** The version of the worker, for the User-Agent. */
  readonly version: string;
  readonly http: Http;
  readonly clock: Clock;
}

export interface RestLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly buffer?: ReusableBuffer;
}

export const PAGE_LIMITS: RestLimits = { timeoutMs: 60_000, maxBytes: 64 * 1024 * 1024 };
export const SMALL_LIMITS: RestLimits = { timeoutMs: 30_000, maxBytes: 4 * 1024 * 1024 };

const MAX_REDIRECTS = 3;
const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];

/**
 * Sends authorized GET requests to Webex's REST service. The token is sent to the origin of
 * `apiUrl` only, and every request passes the limiter.
 */
export class RestClient {
  readonly #options: RestOptions;
  readonly #tokens: TokenSource;
  readonly #limiter: RequestLimiter;

  constructor(options: RestOptions, tokens: TokenSource, limiter: RequestLimiter) {
    this.#options = options;
    this.#tokens = tokens;
    this.#limiter = limiter;
  }

  get apiUrl(): string {
    return this.#options.apiUrl;
  }

  /**
   * Returns a 2xx response and the URL after redirects, of which up to three within the origin are
   * followed. If Webex rejects the token, the request is sent once more with another one. Faults as
   * `PeopleApi`.
   */
  async get(
    url: string,
    limits: RestLimits,
    signal: AbortSignal,
  ): Promise<{ readonly response: HttpResponse; readonly url: string }> {
    const { apiUrl, clock } = this.#options;
    let currentUrl = sameOriginUrl(url, apiUrl, apiUrl, "the requested address");
    let token = await this.#tokens.getToken(signal);
    let hasRetried = false;
    for (let redirects = 0; ;) {
      const response = await this.#send(currentUrl, token, limits, signal);
      const { status } = response;
      if (status >= 200 && status < 300) return { response, url: currentUrl };
      if (REDIRECT_STATUSES.includes(status)) {
        redirects += 1;
        if (redirects > MAX_REDIRECTS) throw malformedResponse("redirects too often", status);
        const { location = "" } = response.headers;
        if (location === "") throw malformedResponse("is a redirect without a target", status);
        currentUrl = sameOriginUrl(location, currentUrl, apiUrl, "a redirect");
        continue;
      }
      if (status === 401 && !hasRetried) {
        const replacement = await this.#tokens.replace(token, signal);
        if (replacement !== null) {
          token = replacement;
          hasRetried = true;
          continue;
        }
      }
      throw restFault(status, parseErrorResponse(response, clock.now(), [token]));
    }
  }

  async #send(
    url: string,
    token: Secret,
    limits: RestLimits,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    throwIfCancelled(signal);
    await this.#limiter.acquire(signal);
    let outcome: RequestOutcome = "failed";
    try {
      throwIfCancelled(signal);
      const response = await this.#options.http.send({
        method: "GET",
        url,
        headers: {
          Authorization: `Bearer ${token.reveal()}`,
          Accept: "application/json",
          "User-Agent": `ucx-webex-presence/${this.#options.version}`,
        },
        ...limits,
        signal,
      });
      if (response.status === 429 || response.status === 423) outcome = "rateLimited";
      else if (response.status < 500) outcome = "answered";
      throwIfCancelled(signal);
      return response;
    } catch (error) {
      // A request that the worker cancels itself is not a failure.
      if (signal.aborted) outcome = "answered";
      throw error;
    } finally {
      this.#limiter.complete(outcome);
    }
  }
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new Fault("cancelled", "The request to Webex was cancelled.");
}

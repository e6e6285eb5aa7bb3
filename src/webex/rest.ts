import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { ReusableBuffer, Http, HttpResponse } from "../ports/http.js";
import { parseErrorResponse } from "./error-response.js";
import { sameOriginUrl } from "./link-header.js";
import type { RequestLimiter } from "./people-api.js";
import { restFault, throwIfCancelled, malformedResponse } from "./rest-faults.js";

/** Access tokens to send; a `TokenSource` is one. `replace` gives null where there is no other. */
export interface BearerSource {
  getToken(signal: AbortSignal): Promise<Secret>;
  replace(rejected: Secret, signal: AbortSignal): Promise<Secret | null>;
}

export interface RestOptions {
  /** `WebexPresence.ApiUrl`, without a trailing slash. */
  readonly apiUrl: string;
  /** The worker's version, for the User-Agent. */
  readonly version: string;
  readonly http: Http;
  readonly clock: Clock;
}

export interface RestLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly buffer?: ReusableBuffer;
}

export interface RestResponse {
  readonly response: HttpResponse;
  /** Where the answer came from in the end. */
  readonly url: string;
}

export const PAGE_LIMITS: RestLimits = { timeoutMs: 60_000, maxBytes: 64 * 1024 * 1024 };
export const SMALL_LIMITS: RestLimits = { timeoutMs: 30_000, maxBytes: 4 * 1024 * 1024 };

const MAX_REDIRECTS = 3;
const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];

/** Authorized GETs to Webex's REST service: the bearer goes to the origin of `apiUrl` alone, and never past the gate. */
export class RestClient {
  readonly #options: RestOptions;
  readonly #tokens: BearerSource;
  readonly #limiter: RequestLimiter;

  constructor(options: RestOptions, tokens: BearerSource, limiter: RequestLimiter) {
    this.#options = options;
    this.#tokens = tokens;
    this.#limiter = limiter;
  }

  get apiUrl(): string {
    return this.#options.apiUrl;
  }

  /**
   * What is at `url`, answered with 2xx. A rejected token is replaced and the request replayed once; up to three redirects within the origin
   * are followed. Faults: those of `PeopleApi`.
   */
  async get(url: string, limits: RestLimits, signal: AbortSignal): Promise<RestResponse> {
    const { apiUrl, clock } = this.#options;
    let currentUrl = sameOriginUrl(url, apiUrl, apiUrl, "the address asked for");
    let bearer = await this.#tokens.getToken(signal);
    let hasRetried = false;
    for (let redirects = 0; ;) {
      const response = await this.#send(currentUrl, bearer, limits, signal);
      if (response.status >= 200 && response.status < 300) return { response, url: currentUrl };
      if (REDIRECT_STATUSES.includes(response.status)) {
        redirects += 1;
        if (redirects > MAX_REDIRECTS)
          throw malformedResponse("redirects again and again", response.status);
        currentUrl = sameOriginUrl(requireLocation(response), currentUrl, apiUrl, "a redirect");
        continue;
      }
      if (response.status === 401 && !hasRetried) {
        const replacement = await this.#tokens.replace(bearer, signal);
        if (replacement !== null) {
          bearer = replacement;
          hasRetried = true;
          continue;
        }
      }
      throw restFault(response.status, parseErrorResponse(response, clock.now(), [bearer]));
    }
  }

  /** One request, counted and waited for by the gate whatever comes of it. */
  async #send(
    url: string,
    bearer: Secret,
    limits: RestLimits,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    throwIfCancelled(signal);
    await this.#limiter.acquire(signal);
    let outcome: Parameters<RequestLimiter["complete"]>[0] = "failed";
    try {
      throwIfCancelled(signal);
      const response = await this.#options.http.send({
        method: "GET",
        url,
        headers: {
          Authorization: `Bearer ${bearer.reveal()}`,
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
      // What we gave up ourselves is no failure to count.
      if (signal.aborted) outcome = "answered";
      throw error;
    } finally {
      this.#limiter.complete(outcome);
    }
  }
}

function requireLocation(response: HttpResponse): string {
  const { location } = response.headers;
  if (location === undefined || location === "")
    throw malformedResponse("is a redirect to nowhere", response.status);
  return location;
}

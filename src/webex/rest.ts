import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { BodyRoom, Http, HttpResponse } from "../ports/http.js";
import { readErrorAnswer } from "./error-answer.js";
import { sameOriginUrl } from "./link-header.js";
import type { RequestGate } from "./people-api.js";
import { restFault, throwIfCancelled, unreadableAnswer } from "./rest-faults.js";

/** Access tokens to send; a `TokenSource` is one. `replace` gives null where there is no other. */
export interface BearerSource {
  token(signal: AbortSignal): Promise<Secret>;
  replace(rejected: Secret, signal: AbortSignal): Promise<Secret | null>;
}

export interface RestParts {
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
  readonly room?: BodyRoom;
}

export interface RestAnswer {
  readonly response: HttpResponse;
  /** Where the answer came from in the end. */
  readonly url: string;
}

export const PAGE_LIMITS: RestLimits = { timeoutMs: 60_000, maxBytes: 64 * 1024 * 1024 };
export const SMALL_LIMITS: RestLimits = { timeoutMs: 30_000, maxBytes: 4 * 1024 * 1024 };

const MOST_REDIRECTS = 3;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Authorized GETs to Webex's REST service: the bearer goes to the origin of `apiUrl` alone, and never past the gate. */
export class RestClient {
  readonly #parts: RestParts;
  readonly #bearers: BearerSource;
  readonly #gate: RequestGate;

  constructor(parts: RestParts, bearers: BearerSource, gate: RequestGate) {
    this.#parts = parts;
    this.#bearers = bearers;
    this.#gate = gate;
  }

  get apiUrl(): string {
    return this.#parts.apiUrl;
  }

  /**
   * What is at `url`, answered with 2xx. A rejected token is replaced and the request replayed once; up to three redirects within the origin
   * are followed. Faults: those of `PeopleApi`.
   */
  async get(url: string, limits: RestLimits, signal: AbortSignal): Promise<RestAnswer> {
    const { apiUrl, clock } = this.#parts;
    let target = sameOriginUrl(url, apiUrl, apiUrl, "the address asked for");
    let bearer = await this.#bearers.token(signal);
    let replayed = false;
    for (let redirects = 0; ;) {
      const response = await this.#exchange(target, bearer, limits, signal);
      if (response.status >= 200 && response.status < 300) return { response, url: target };
      if (REDIRECTS.includes(response.status)) {
        redirects += 1;
        if (redirects > MOST_REDIRECTS) throw unreadableAnswer("redirects again and again", response.status);
        target = sameOriginUrl(locationOf(response), target, apiUrl, "a redirect");
        continue;
      }
      if (response.status === 401 && !replayed) {
        const other = await this.#bearers.replace(bearer, signal);
        if (other !== null) {
          bearer = other;
          replayed = true;
          continue;
        }
      }
      throw restFault(response.status, readErrorAnswer(response, clock.now(), [bearer]));
    }
  }

  /** One request, counted and waited for by the gate whatever comes of it. */
  async #exchange(url: string, bearer: Secret, limits: RestLimits, signal: AbortSignal): Promise<HttpResponse> {
    throwIfCancelled(signal);
    await this.#gate.admit(signal);
    let outcome: Parameters<RequestGate["ended"]>[0] = "failed";
    try {
      throwIfCancelled(signal);
      const response = await this.#parts.http.send({
        method: "GET",
        url,
        headers: {
          Authorization: `Bearer ${bearer.reveal()}`,
          Accept: "application/json",
          "User-Agent": `ucx-webex-presence/${this.#parts.version}`,
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
      this.#gate.ended(outcome);
    }
  }
}

function locationOf(response: HttpResponse): string {
  const { location } = response.headers;
  if (location === undefined || location === "") throw unreadableAnswer("is a redirect to nowhere", response.status);
  return location;
}

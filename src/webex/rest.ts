import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { Http, HttpRequest } from "../ports/http.js";
import { isRateLimited, parseErrorResponse, restFault } from "./error-response.js";
import { type JsonObject, malformedResponse, parseJsonObject } from "./json-response.js";
import { sanitize } from "../faults/foreign-text.js";
import { bytesContainSecret } from "../faults/secret-search.js";
import type { ReceivedResponse } from "./response-text.js";

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

type RequestOutcome = "answered" | "rateLimited" | "failed";

/** Limits the rate of the requests with an organization's token. */
export interface RequestLimiter {
  /**
   * Waits until the request budget allows a request, and counts it. Resolves to what tells it from
   * the others in flight.
   */
  acquire(signal: AbortSignal): Promise<unknown>;
  /** `admission`: what `acquire` resolved to. */
  complete(outcome: RequestOutcome, admission?: unknown): void;
}

export interface RestOptions {
  /** `WebexPresence.ApiUrl`, without a trailing slash. */
  readonly apiUrl: string;
  /** The version of the worker, for the User-Agent. */
  readonly version: string;
  readonly http: Http;
  readonly clock: Clock;
  /** Called while a request waits for a server that has sent nothing for 10 s. */
  readonly onSilence?: (fault: Fault) => void;
  /**
   * Secrets besides those of a request that its response may contain, if something keeps them that
   * stands before Webex.
   */
  readonly storedSecrets?: () => readonly Secret[];
}

type RestLimits = Pick<HttpRequest, "timeoutMs" | "silenceTimeoutMs" | "maxBytes" | "buffer">;

const SILENCE_TIMEOUT_MS = 20_000;
export const PAGE_LIMITS: RestLimits = {
  timeoutMs: 60_000,
  silenceTimeoutMs: SILENCE_TIMEOUT_MS,
  maxBytes: 64 * 1024 * 1024,
};
export const SMALL_LIMITS: RestLimits = {
  timeoutMs: 30_000,
  silenceTimeoutMs: SILENCE_TIMEOUT_MS,
  maxBytes: 4 * 1024 * 1024,
};

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
   * Requests `target`, a URL or a path relative to `apiUrl`. Returns a 2xx response and the URL
   * after redirects, of which up to three within the origin are followed. If Webex itself
   * rejects the token, the request is sent once more with another one. A response that repeats a
   * secret is none of Webex. Faults as `PeopleApi`.
   */
  async get(
    target: string,
    limits: RestLimits,
    signal: AbortSignal,
  ): Promise<{ readonly response: ReceivedResponse; readonly url: string }> {
    const { apiUrl, clock } = this.#options;
    let url = sameOriginUrl(target, `${apiUrl}/`, "the requested address", []);
    let token = await this.#tokens.getToken(signal);
    let hasRetried = false;
    for (let redirects = 0; ;) {
      const response = await this.#sendRepeatable(url, token, limits, signal);
      const { status } = response;
      if (status >= 200 && status < 300) {
        refuseEchoes(response);
        return { response, url };
      }
      if (REDIRECT_STATUSES.includes(status)) {
        redirects += 1;
        if (redirects > MAX_REDIRECTS) throw malformedResponse("redirects too often", response);
        const { location = "" } = response.headers;
        if (location === "") throw malformedResponse("is a redirect without a target", response);
        url = sameOriginUrl(location, url, "a redirect", response.secrets);
        continue;
      }
      const error = parseErrorResponse(response, clock.now());
      // The 401 of a firewall or a portal says nothing about the token.
      const isRejected = status === 401 && error.isRestForm && !hasRetried;
      const replacement = isRejected ? await this.#tokens.replace(token, signal) : null;
      if (replacement === null) throw restFault(error);
      token = replacement;
      hasRetried = true;
    }
  }

  /**
   * Returns the JSON object at `target`, and what its texts may echo in part. Throws as `get` and
   * `parseJsonObject` do.
   */
  async getObject(
    target: string,
    signal: AbortSignal,
  ): Promise<{ readonly body: JsonObject; readonly secrets: readonly Secret[] }> {
    const { response } = await this.get(target, SMALL_LIMITS, signal);
    return { body: parseJsonObject(response), secrets: response.secrets };
  }

  /** A connection that Webex closed while it was idle is no failure. */
  async #sendRepeatable(
    ...request: readonly [string, Secret, RestLimits, AbortSignal]
  ): Promise<ReceivedResponse> {
    try {
      return await this.#send(...request);
    } catch (error) {
      if (!isStaleConnection(error)) throw error;
      return await this.#send(...request);
    }
  }

  async #send(
    url: string,
    token: Secret,
    limits: RestLimits,
    signal: AbortSignal,
  ): Promise<ReceivedResponse> {
    throwIfCancelled(signal);
    const admission = await this.#limiter.acquire(signal);
    let outcome: RequestOutcome = "failed";
    try {
      throwIfCancelled(signal);
      const { http, version, onSilence, storedSecrets } = this.#options;
      const secrets = [token, ...(storedSecrets?.() ?? [])];
      const response = await http.send({
        method: "GET",
        url,
        headers: {
          Authorization: `Bearer ${token.reveal()}`,
          Accept: "application/json",
          "User-Agent": `ucx-webex-presence/${version}`,
        },
        ...limits,
        ...(onSilence !== undefined && { onSilence }),
        secrets,
        signal,
      });
      if (isRateLimited(response.status)) outcome = "rateLimited";
      else if (response.status < 500) outcome = "answered";
      throwIfCancelled(signal);
      return { ...response, secrets };
    } catch (error) {
      // A request that the worker cancels itself, or repeats, is not a failure.
      if (signal.aborted || isStaleConnection(error)) outcome = "answered";
      throw error;
    } finally {
      this.#limiter.complete(outcome, admission);
    }
  }
}

function isStaleConnection(error: unknown): boolean {
  return error instanceof Fault && error.data.reason === "staleConnection";
}

/** What a host, a log or a status file gets of a response must not contain a secret. */
function refuseEchoes(response: ReceivedResponse): void {
  if (bytesContainSecret(response.body, response.secrets))
    throw malformedResponse("repeats a token or another secret of the worker", response);
}

export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new Fault("cancelled", "The request to Webex was cancelled.");
}

/** Node's limit for all headers of a response together is 16 KB. */
const MAX_LINK_HEADER_LENGTH = 16_384;
/** A sweep keeps the links of all its pages. */
const MAX_LINK_LENGTH = 4_096;
/** Of another server, in a message. */
const MAX_ORIGIN_LENGTH = 100;
const PARAMETER = /\s*;\s*([^\s=;,"<>]*)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"<>]*)))?/gy;

/**
 * Returns the `rel="next"` link of a `Link` header (RFC 8288), resolved against `requestUrl`, or
 * null. Ignores what is not a link, up to the next `<`. Throws a `Fault` `webexError` if the link
 * points to another origin, or is longer than 4,096 characters.
 */
export function nextLink(
  header: string | undefined,
  requestUrl: string,
  secrets: readonly Secret[],
): string | null {
  if (header === undefined) return null;
  if (header.length > MAX_LINK_HEADER_LENGTH)
    throw malformedResponse("has an overlong Link header");
  for (let open = header.indexOf("<"); open !== -1;) {
    const close = header.indexOf(">", open);
    if (close === -1) return null;
    const parameters = [...header.slice(close + 1).matchAll(PARAMETER)];
    // RFC 8288 3.3: only the first of several `rel` parameters applies.
    const rel = parameters.find(([, name]) => name?.toLowerCase() === "rel");
    const relations = rel?.[2]?.replace(/\\(.)/g, "$1") ?? rel?.[3] ?? "";
    if (relations.toLowerCase().split(/\s+/).includes("next")) {
      const target = header.slice(open + 1, close);
      if (target.length > MAX_LINK_LENGTH) throw malformedResponse("has an overlong Link header");
      return sameOriginUrl(target, requestUrl, "the link to the next page", secrets);
    }
    const length = parameters.reduce((sum, [text]) => sum + text.length, 0);
    open = header.indexOf("<", close + 1 + length);
  }
  return null;
}

/** Resolves `target` against `base`. Another origin must not receive the access token. */
function sameOriginUrl(
  target: string,
  base: string,
  description: string,
  secrets: readonly Secret[],
): string {
  if (!URL.canParse(target, base)) {
    throw new Fault("webexError", `Webex's response is invalid: ${description} is not a URL.`);
  }
  const url = new URL(target, base);
  // User information in the URL would replace the access token.
  const { hostname, origin, protocol } = new URL(base);
  const isSameOrigin = url.origin === origin;
  if (isSameOrigin && url.username === "" && url.password === "") return url.href;
  const needsHttps = url.protocol === "https:" && url.hostname === hostname && protocol === "http:";
  const remedy = needsHttps
    ? `Set WebexPresence.ApiUrl to an address that begins with ${url.origin}.`
    : "Check WebexPresence.ApiUrl, and whether a proxy rewrites Webex's responses.";
  const server = sanitize(url.origin, secrets, MAX_ORIGIN_LENGTH);
  throw new Fault(
    "webexError",
    `Webex's response was not followed: ${description} points to another server, ${server}.`,
    { hint: `${remedy} The access token was not sent there.` },
  );
}

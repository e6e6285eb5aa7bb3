import type { IncomingMessage } from "node:http";
import type { FaultQueue, FaultRule, ForeignOrigin } from "./faults.js";
import type { HeldResponses } from "./held-responses.js";
import type { Knobs } from "./knobs.js";
import type { Population } from "./population.js";
import type { RateLimiter } from "./rate-limit.js";
import type { RequestLog } from "./request-log.js";
import type { ClientRegistry, TokenStore } from "./token-store.js";

/** The state that all routes share. */
export interface SimulatorContext {
  readonly population: Population;
  readonly knobs: Readonly<Knobs>;
  readonly tokens: TokenStore;
  readonly clients: ClientRegistry;
  readonly faults: FaultQueue;
  readonly holds: HeldResponses;
  readonly limiter: RateLimiter;
  readonly requests: RequestLog;
  readonly foreignOrigin: ForeignOrigin;
  /** How often each cursor was used while `linkUses` applied. */
  readonly cursorUses: Map<string, number>;
  readonly now: () => number;
}

/** A response, before faults and knobs are applied to it. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Bytes of padding to insert before the last character of the body. */
  readonly padding?: number;
  /** The number of persons in the body, for `latencyPerPersonMs`. */
  readonly persons?: number;
}

const MAX_BODY_BYTES = 1024 * 1024;

/** One request and what its route needs to answer it. */
export class Exchange {
  readonly context: SimulatorContext;
  readonly request: IncomingMessage;
  readonly method: string;
  readonly url: URL;
  /** The value of the `TrackingID` header, repeated in error bodies. */
  readonly trackingId: string;
  /** A fault that applies to this request; the route itself implements those of pages. */
  readonly fault: FaultRule | null;

  constructor(
    context: SimulatorContext,
    request: IncomingMessage,
    options: { readonly url: URL; readonly trackingId: string; readonly fault: FaultRule | null },
  ) {
    this.context = context;
    this.request = request;
    this.method = request.method ?? "GET";
    this.url = options.url;
    this.trackingId = options.trackingId;
    this.fault = options.fault;
  }

  get bearer(): string | null {
    return bearerToken(this.request);
  }

  /** The id and secret of HTTP Basic authentication, or null. */
  get basicCredentials(): { id: string; secret: string } | null {
    const match = /^Basic (.+)$/i.exec(this.request.headers.authorization ?? "");
    if (!match?.[1]) return null;
    const [id = "", ...rest] = Buffer.from(match[1], "base64").toString("utf8").split(":");
    return { id: decodeURIComponent(id), secret: decodeURIComponent(rest.join(":")) };
  }

  async form(): Promise<URLSearchParams> {
    return new URLSearchParams(await this.#text());
  }

  /** The JSON object in the body; `{}` for an empty body. Throws a RangeError for anything else. */
  async json(): Promise<Record<string, unknown>> {
    const text = await this.#text();
    if (text.trim() === "") return {};
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new RangeError("The body is not JSON.");
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new RangeError("The body is not a JSON object.");
    }
    return value as Record<string, unknown>;
  }

  async #text(): Promise<string> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) throw new RangeError("The body is too long.");
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }
}

export function bearerToken(request: IncomingMessage): string | null {
  return /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? null;
}

export function jsonReply(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return {
    status,
    headers: { "content-type": "application/json;charset=UTF-8", ...headers },
    body: JSON.stringify(body),
  };
}

export function htmlReply(status: number, body: string): Reply {
  const headers = { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" };
  return { status, headers, body };
}

/**
 * Webex's error body. `errors` holds the description, by default the message; it is missing if
 * `description` is null, as in some responses of the live service.
 */
export function webexError(
  exchange: Exchange,
  status: number,
  message: string,
  options: {
    readonly description?: string | null;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Reply {
  const { description = message } = options;
  const errors = description === null ? {} : { errors: [{ description }] };
  const body = { message, ...errors, trackingId: exchange.trackingId };
  return jsonReply(status, body, options.headers);
}

/** OAuth's error body (RFC 6749, section 5.2). */
export function oauthError(status: number, error: string, description: string): Reply {
  const body = { error, error_description: description };
  return jsonReply(status, body, { "cache-control": "no-store" });
}

export function notFound(exchange: Exchange): Reply {
  return webexError(exchange, 404, "The requested resource could not be found.");
}

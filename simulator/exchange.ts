import type { IncomingMessage } from "node:http";
import type { FaultRule } from "./faults.js";

const MAX_BODY_BYTES = 1024 * 1024;

/** What a route answers. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Bytes of padding to put before the last character of the body. */
  readonly padding?: number;
  /** How many persons stand in the body: pages take their time. */
  readonly persons?: number;
}

/** One request on its way through the routes. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly method: string;
  readonly url: URL;
  /** What stands in the `TrackingID` header and in error bodies. */
  readonly trackingId: string;
  /** A fault that the route itself has to play. */
  readonly fault: FaultRule | null;

  constructor(request: IncomingMessage, url: URL, trackingId: string, fault: FaultRule | null) {
    this.request = request;
    this.method = request.method ?? "GET";
    this.url = url;
    this.trackingId = trackingId;
    this.fault = fault;
  }

  /** The address that the client used for this server. */
  get origin(): string {
    return this.url.origin;
  }

  get bearer(): string | null {
    return bearerToken(this.request);
  }

  /** The id and secret of HTTP Basic, where they are given. */
  get basicCredentials(): { id: string; secret: string } | null {
    const match = /^Basic (.+)$/i.exec(this.request.headers.authorization ?? "");
    if (!match?.[1]) return null;
    const [id = "", ...rest] = Buffer.from(match[1], "base64").toString("utf8").split(":");
    return { id: decodeURIComponent(id), secret: decodeURIComponent(rest.join(":")) };
  }

  async form(): Promise<URLSearchParams> {
    return new URLSearchParams(await this.#text());
  }

  /** The JSON object in the body; {} where there is none. Throws a RangeError for anything else. */
  async json(): Promise<Record<string, unknown>> {
    const text = await this.#text();
    if (text.trim() === "") return {};
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new RangeError("The body is not JSON.");
    }
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new RangeError("The body is not a JSON object.");
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
  return {
    status,
    headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
    body,
  };
}

export function redirectReply(location: string): Reply {
  return { status: 302, headers: { location } };
}

/** Webex's error body. `errors` repeats the message unless it is left out, as in some answers of the live service. */
export function webexError(
  exchange: Exchange,
  status: number,
  message: string,
  options: { readonly errors?: boolean; readonly headers?: Readonly<Record<string, string>> } = {},
): Reply {
  const errors = options.errors === false ? {} : { errors: [{ description: message }] };
  return jsonReply(
    status,
    { message, ...errors, trackingId: exchange.trackingId },
    options.headers,
  );
}

/** OAuth's error body (RFC 6749 5.2). */
export function oauthError(status: number, error: string, description: string): Reply {
  return jsonReply(
    status,
    { error, error_description: description },
    { "cache-control": "no-store" },
  );
}

export function notFound(exchange: Exchange): Reply {
  return webexError(exchange, 404, "The requested resource could not be found.");
}

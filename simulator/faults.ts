import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import { GATEWAY_FORMS, type GatewayForm } from "./gateway-responses.js";

const PAGE_KINDS = ["foreignLink", "linkLoop", "emptyPage", "oversizePage"] as const;
export const FAULT_KINDS = [
  "status",
  "gateway",
  "reset",
  "truncate",
  "hang",
  "hangInBody",
  "slowBody",
  "shortLength",
  "truncatedJson",
  "redirect",
  "unknownCoding",
  "truncatedGzip",
  "gzipBomb",
  ...PAGE_KINDS,
] as const;

/** An error that the simulator produces on purpose. */
export interface FaultRule {
  /**
   * - `status`: responds with `status` and `body`
   * - `gateway`: responds as something before Webex does, in `form`
   * - `reset`: resets the connection without a response
   * - `truncate`: sends half of the body, then closes the connection
   * - `hang`: does not respond
   * - `hangInBody`: sends half of the body, then nothing more
   * - `slowBody`: sends the body byte by byte, two a second
   * - `shortLength`: names a `Content-Length` of half of the body, and sends all of it
   * - `truncatedJson`: a complete response whose JSON ends in the middle
   * - `redirect`: redirects to `to`, by default a second origin of the simulator
   * - `unknownCoding`: names a content coding that nobody asks for
   * - `truncatedGzip`: a complete response whose gzip data ends in the middle
   * - `gzipBomb`: gzip data that inflates to `bytes` of padding before the end of the body
   * - `foreignLink`: the page's next link points to another origin
   * - `linkLoop`: the page's next link points to the first page, always with the same URL
   * - `emptyPage`: a page without items, whose next link points to the page that was requested
   * - `oversizePage`: the page with `bytes` of padding
   */
  readonly kind: (typeof FAULT_KINDS)[number];
  /**
   * A path prefix. Default: all requests except /simulator. Faults of pages only apply to the list
   * of people.
   */
  readonly path?: string;
  /** Only requests with this query parameter: `cursor` for later pages, `email` for lookups. */
  readonly parameter?: string;
  readonly orgId?: string;
  /** The number of requests to apply the fault to; null = until removed. Default: 1. */
  readonly times?: number | null;
  /** The number of matching requests to let pass first. Default: 0. */
  readonly skip?: number;
  /** Default: 503; 302 for `redirect`; what is usual for the form for `gateway`. */
  readonly status?: number;
  /** A gateway's HTML, no body, Webex's usual error body, or this JSON. Default: `html`. */
  readonly body?: "html" | "empty" | "webex" | Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: `webServer`. */
  readonly form?: GatewayForm;
  readonly to?: string;
  /** Default: 80 MiB. */
  readonly bytes?: number;
}

const COUNT = z.int().min(0);
const FAULT_RULE = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  path: z.string().optional(),
  parameter: z.string().optional(),
  orgId: z.string().optional(),
  times: z.int().min(1).nullable().optional(),
  skip: COUNT.optional(),
  status: z.int().min(200).max(599).optional(),
  body: z.enum(["html", "empty", "webex"]).or(z.record(z.string(), z.unknown())).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  form: z.enum(Object.keys(GATEWAY_FORMS) as GatewayForm[]).optional(),
  to: z.string().optional(),
  bytes: COUNT.optional(),
} satisfies Record<keyof FaultRule, z.ZodType>);

/** Reads a rule from untrusted JSON. Throws a RangeError that says what is not valid. */
export function readFaultRule(value: unknown): FaultRule {
  const { data, error } = FAULT_RULE.safeParse(value);
  if (error) throw new RangeError(`The fault is not valid.\n${z.prettifyError(error)}`);
  return data as FaultRule;
}

interface FaultedRequest {
  readonly path: string;
  /** Names of the query's parameters. */
  readonly parameters?: readonly string[];
  readonly orgId: string | null;
}

/** The active rules, in the order in which they were added. The first match applies. */
export class FaultQueue {
  #entries: { rule: FaultRule; remaining: number; skip: number }[] = [];

  add(rule: FaultRule): void {
    const { times = 1, skip = 0 } = rule;
    this.#entries.push({ rule, remaining: times ?? Infinity, skip });
  }

  clear(): void {
    this.#entries = [];
  }

  /** The active rules; `times` and `skip` are what remains of them. */
  list(): FaultRule[] {
    return this.#entries.map(({ rule, remaining, skip }) => ({
      ...rule,
      times: remaining === Infinity ? null : remaining,
      skip,
    }));
  }

  /** The rule that applies to a request, or null; counts the request. */
  consume(request: FaultedRequest): FaultRule | null {
    for (const entry of this.#entries) {
      if (!matches(entry.rule, request)) continue;
      if (entry.skip > 0) {
        entry.skip--;
        continue;
      }
      entry.remaining--;
      if (entry.remaining <= 0) this.#entries = this.#entries.filter((other) => other !== entry);
      return entry.rule;
    }
    return null;
  }
}

function matches(rule: FaultRule, request: FaultedRequest): boolean {
  const isPageFault = (PAGE_KINDS as readonly string[]).includes(rule.kind);
  if (isPageFault && request.path !== "/v1/people") return false;
  const matchesOrganization = rule.orgId === undefined || rule.orgId === request.orgId;
  const { parameter } = rule;
  const matchesQuery = parameter === undefined || request.parameters?.includes(parameter) === true;
  return request.path.startsWith(rule.path ?? "/") && matchesOrganization && matchesQuery;
}

export interface ForeignRequest {
  readonly method: string;
  readonly path: string;
  readonly bearer: boolean;
}

/**
 * A second origin, the default target of foreign links and redirects. It records requests, none of
 * which a correct client sends.
 */
export class ForeignOrigin {
  readonly requests: ForeignRequest[] = [];
  readonly #server: Server = createServer((request, response) => {
    const bearer = request.headers.authorization !== undefined;
    this.requests.push({ method: request.method ?? "GET", path: request.url ?? "/", bearer });
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"items":[]}');
  });
  #url = "";

  get url(): string {
    return this.#url;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", resolve);
    });
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

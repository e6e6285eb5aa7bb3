/** Something that goes wrong on purpose. */
export interface FaultRule {
  /**
   * - `status`: answers `status` with `body`
   * - `reset`: the connection is reset without an answer
   * - `truncate`: half of the body, then the connection is reset
   * - `hang`: no answer until the client gives up
   * - `redirect`: 302 to `to` (another origin, of the simulator's own, unless said)
   * - `foreignLink`: the page's next link points to another origin
   * - `linkLoop`: the page's next link leads to the first page again, always by the same address
   * - `emptyPage`: no items, and a next link to the page that should have come
   * - `oversizePage`: the page with `bytes` of padding
   */
  readonly kind:
    | "status"
    | "reset"
    | "truncate"
    | "hang"
    | "redirect"
    | "foreignLink"
    | "linkLoop"
    | "emptyPage"
    | "oversizePage";
  /** Which requests: those whose path begins so. Everything but /simulator unless said; page faults act on the list alone. */
  readonly path?: string;
  readonly orgId?: string;
  /** How many requests it strikes; 1 unless said, null = until it is taken away. */
  readonly times?: number | null;
  /** How many matching requests pass before it strikes; 0 unless said. */
  readonly skip?: number;
  /** 503 unless said. */
  readonly status?: number;
  /** A gateway's HTML, nothing, Webex's usual error body, or this JSON; HTML unless said. */
  readonly body?: "html" | "empty" | "webex" | Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly to?: string;
  /** 80 MiB unless said. */
  readonly bytes?: number;
}

const KINDS: readonly string[] = [
  "status",
  "reset",
  "truncate",
  "hang",
  "redirect",
  "foreignLink",
  "linkLoop",
  "emptyPage",
  "oversizePage",
];
const PAGE_KINDS: readonly string[] = ["foreignLink", "linkLoop", "emptyPage", "oversizePage"];

/** A rule out of foreign JSON. Throws a RangeError that says what is wrong. */
export function readFaultRule(value: unknown): FaultRule {
  const rule = (typeof value === "object" && value !== null ? value : {}) as FaultRule;
  if (!KINDS.includes(rule.kind))
    throw new RangeError(`A fault's kind is one of ${KINDS.join(", ")}.`);
  return rule;
}

/** The rules in force, in the order in which they were added; the first that matches a request strikes it. */
export class FaultQueue {
  #entries: { rule: FaultRule; remaining: number; skip: number }[] = [];

  add(rule: FaultRule): void {
    this.#entries.push({
      rule,
      remaining: rule.times === null ? Infinity : (rule.times ?? 1),
      skip: rule.skip ?? 0,
    });
  }

  clear(): void {
    this.#entries = [];
  }

  /** The rules that have not run out, `times` being what is left of it. */
  list(): FaultRule[] {
    return this.#entries.map(({ rule, remaining, skip }) => ({
      ...rule,
      times: remaining === Infinity ? null : remaining,
      skip,
    }));
  }

  consume(request: { readonly path: string; readonly orgId: string | null }): FaultRule | null {
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

function matches(
  rule: FaultRule,
  request: { readonly path: string; readonly orgId: string | null },
): boolean {
  if (PAGE_KINDS.includes(rule.kind) && request.path !== "/v1/people") return false;
  return (
    request.path.startsWith(rule.path ?? "/") &&
    (rule.orgId === undefined || rule.orgId === request.orgId)
  );
}

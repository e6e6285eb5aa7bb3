import { asFault, type Fault } from "../faults/fault.js";
import { version } from "../platform/installation.js";
import type { Session } from "./session.js";

export interface Answer {
  readonly kind: "answer";
  readonly headers: Readonly<Record<string, string>>;
  /** When the request was sent and its answer read, ms since 1970. */
  readonly sentAt: number;
  readonly readAt: number;
}
export type Reach = Answer | { readonly kind: "fault"; readonly fault: Fault };

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 1024 * 1024;

/** Asks addresses, without any token, the way the worker would; each only once. Any HTTP status is an answer. */
export class Reacher {
  readonly #session: Session;
  readonly #reached = new Map<string, Promise<Reach>>();

  constructor(session: Session) {
    this.#session = session;
  }

  reach(url: string, signal: AbortSignal): Promise<Reach> {
    let reached = this.#reached.get(url);
    if (reached === undefined) {
      reached = this.#ask(url, signal);
      this.#reached.set(url, reached);
    }
    return reached;
  }

  async #ask(url: string, signal: AbortSignal): Promise<Reach> {
    const sentAt = Date.now();
    try {
      const { headers } = await this.#session.network.send({
        method: "GET",
        url,
        headers: { "User-Agent": `ucx-webex-presence/${version}` },
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_BYTES,
        signal,
      });
      return { kind: "answer", headers, sentAt, readAt: Date.now() };
    } catch (error) {
      return { kind: "fault", fault: asFault(error) };
    }
  }
}

/** How far this machine's clock is ahead of the answering one's (negative: behind), in ms; null where the answer told no time. */
export function clockOffset({ headers, sentAt, readAt }: Answer): number | null {
  const there = Date.parse(headers.date ?? "");
  if (Number.isNaN(there)) return null;
  // A Date header has whole seconds, cut off; the answer was made somewhere between sending and reading.
  const early = sentAt - (there + 1000);
  const late = readAt - there;
  if (early > 0) return early;
  return late < 0 ? late : 0;
}

/** The outcome, or null when it takes longer. */
export async function deadline<T>(outcome: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}

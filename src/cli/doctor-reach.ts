import { asFault, type Fault } from "../faults/fault.js";
import { version } from "../platform/installation.js";
import type { Session } from "./session.js";

export interface ProbeResponse {
  readonly kind: "answer";
  readonly headers: Readonly<Record<string, string>>;
  /** When the request was sent and its answer read, ms since 1970. */
  readonly sentAt: number;
  readonly readAt: number;
}
export type ProbeResult = ProbeResponse | { readonly kind: "fault"; readonly fault: Fault };

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 1024 * 1024;

/** Asks addresses, without any token, the way the worker would; each only once. Any HTTP status is an answer. */
export class HttpProbe {
  readonly #session: Session;
  readonly #results = new Map<string, Promise<ProbeResult>>();

  constructor(session: Session) {
    this.#session = session;
  }

  send(url: string, signal: AbortSignal): Promise<ProbeResult> {
    let result = this.#results.get(url);
    if (result === undefined) {
      result = this.#request(url, signal);
      this.#results.set(url, result);
    }
    return result;
  }

  async #request(url: string, signal: AbortSignal): Promise<ProbeResult> {
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
export function clockOffset({ headers, sentAt, readAt }: ProbeResponse): number | null {
  const serverTime = Date.parse(headers.date ?? "");
  if (Number.isNaN(serverTime)) return null;
  // A Date header has whole seconds, cut off; the answer was made somewhere between sending and reading.
  const minOffset = sentAt - (serverTime + 1000);
  const maxOffset = readAt - serverTime;
  if (minOffset > 0) return minOffset;
  return maxOffset < 0 ? maxOffset : 0;
}

/** The outcome, or null when it takes longer. */
export async function withTimeout<T>(outcome: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const maxOffset = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([outcome, maxOffset]);
  } finally {
    clearTimeout(timer);
  }
}

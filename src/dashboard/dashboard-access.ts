import type { Crypto } from "../ports/clock.js";
import type { LoopbackRequest } from "../ports/loopback-server.js";

const KEY_BYTES = 32;

/**
 * Who may see the dashboard: the key is in its address, and the browser gets a cookie for it. Both
 * are new in each process. Comparisons are of digests, so that their duration reveals nothing.
 */
export class DashboardAccess {
  readonly key: string;
  readonly #crypto: Crypto;
  /** Not the key: whoever reads a browser's cookies cannot read the metrics by it. */
  readonly #session: string;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
    this.key = crypto.token(KEY_BYTES);
    this.#session = crypto.token(KEY_BYTES);
  }

  isKey(text: string): boolean {
    return this.#isEqual(text, this.key);
  }

  /**
   * For the browser session. Browsers send a cookie to all ports of a host, so the port is in its
   * name: two workers of a machine do not replace each other's.
   */
  cookie(port: number): string {
    return `${cookieName(port)}=${this.#session}; HttpOnly; SameSite=Strict; Path=/`;
  }

  hasCookie({ headers }: LoopbackRequest, port: number): boolean {
    const prefix = `${cookieName(port)}=`;
    return (headers.cookie ?? "")
      .split(/; */)
      .some((pair) => pair.startsWith(prefix) && this.#isSession(pair.slice(prefix.length)));
  }

  /** RFC 6750. */
  hasBearer({ headers }: LoopbackRequest): boolean {
    const [, token = ""] = /^Bearer +([\w-]+) *$/i.exec(headers.authorization ?? "") ?? [];
    return this.isKey(token);
  }

  #isSession(text: string): boolean {
    return this.#isEqual(text, this.#session);
  }

  #isEqual(text: string, secret: string): boolean {
    return this.#crypto.sha256(text) === this.#crypto.sha256(secret);
  }
}

function cookieName(port: number): string {
  return `ucx-webex-presence-${port}`;
}

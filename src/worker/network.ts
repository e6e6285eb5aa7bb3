import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { Http, HttpFactory, HttpRequest, HttpResponse } from "../ports/http.js";

/** What of the settings and the keychain decides the way out. */
export interface RouteSettings {
  readonly proxy: string;
  /** PEM text added to the trusted roots, or null. */
  readonly certificates: string | null;
  readonly proxyPassword: Secret | null;
}

/** One way out, and how many answers that exist only once are under way on it. */
interface Way {
  readonly http: Http;
  onlyOnce: number;
  onFree: () => void;
}

/** How long an old way stays open for such answers: with the time it takes to notice an edit, less than the second of the contract. */
const LAST_ANSWER_MS = 500;

/**
 * The one way to Webex. A change of proxy, password or certificates is in force with the next request; requests under way on the
 * old way are cut off, as its settings are no longer wanted, but for new tokens: what is on its way then may arrive first.
 */
export class Network implements Http {
  readonly #factory: HttpFactory;
  readonly #clock: Clock;
  readonly #closing = new Set<() => void>();
  #settings: RouteSettings | null = null;
  #current: Way | null = null;

  constructor(factory: HttpFactory, clock: Clock) {
    this.#factory = factory;
    this.#clock = clock;
  }

  /** True where this is another way than the one before. */
  apply(settings: RouteSettings): boolean {
    const before = this.#settings;
    if (before !== null && sameRoute(before, settings)) return false;
    this.#settings = settings;
    if (this.#current !== null) this.#closeWhenFree(this.#current);
    const { proxy, proxyPassword, certificates } = settings;
    this.#current = {
      http: this.#factory({ proxy, proxyPassword, extraCertificates: certificates }),
      onlyOnce: 0,
      onFree: () => undefined,
    };
    return before !== null;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const way = this.#current;
    if (way === null) throw new Fault("cancelled", "The settings are not read yet.");
    if (request.signal.aborted) throw new Fault("cancelled", "The request was called off.");
    if (request.isIrreplaceable !== true) return way.http.send(request);
    way.onlyOnce += 1;
    try {
      return await way.http.send(request);
    } finally {
      way.onlyOnce -= 1;
      if (way.onlyOnce === 0) way.onFree();
    }
  }

  /** At once, whatever is under way. */
  close(): void {
    for (const close of [...this.#closing]) close();
    this.#current?.http.close();
    this.#current = null;
  }

  #closeWhenFree(way: Way): void {
    if (way.onlyOnce === 0) {
      way.http.close();
      return;
    }
    const close = (): void => {
      callOff();
      this.#closing.delete(close);
      way.http.close();
    };
    const callOff = this.#clock.schedule(LAST_ANSWER_MS, close);
    this.#closing.add(close);
    way.onFree = close;
  }
}

function sameRoute(a: RouteSettings, b: RouteSettings): boolean {
  return (
    a.proxy === b.proxy &&
    a.certificates === b.certificates &&
    samePassword(a.proxyPassword, b.proxyPassword)
  );
}

function samePassword(a: Secret | null, b: Secret | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { Http, HttpFactory, HttpRequest, HttpResponse } from "../ports/http.js";

/** What the settings and the keychain say about the route to Webex. */
export interface RouteSettings {
  readonly proxy: string;
  /** PEM text added to the trusted roots, or null. */
  readonly certificates: string | null;
  readonly proxyPassword: Secret | null;
}

interface Route {
  readonly http: Http;
  /** Requests in flight whose responses exist only once, such as new tokens. */
  irreplaceableRequests: number;
  onIdle: () => void;
}

/**
 * Together with the time it takes to notice an edit, this stays below the second that the contract
 * allows.
 */
const DRAIN_TIMEOUT_MS = 500;

/**
 * The one route to Webex. A change of proxy, password or certificates applies to the next request.
 * Requests in flight on the previous route are cancelled, except that an irreplaceable response may
 * still arrive for half a second.
 */
export class Network implements Http {
  readonly #factory: HttpFactory;
  readonly #clock: Clock;
  readonly #draining = new Set<() => void>();
  #settings: RouteSettings | null = null;
  #route: Route | null = null;

  constructor(factory: HttpFactory, clock: Clock) {
    this.#factory = factory;
    this.#clock = clock;
  }

  /** Returns whether the new route replaces a different one. */
  apply(settings: RouteSettings): boolean {
    const previous = this.#settings;
    if (previous !== null && isSameRoute(previous, settings)) return false;
    this.#settings = settings;
    this.#open(settings);
    return previous !== null;
  }

  /** The next request uses a new connection; those in flight end as after a change of route. */
  reconnect(): void {
    if (this.#route !== null && this.#settings !== null) this.#open(this.#settings);
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const route = this.#route;
    if (route === null) throw new Fault("cancelled", "The settings are not read yet.");
    if (request.signal.aborted) throw new Fault("cancelled", "The request was cancelled.");
    if (request.isIrreplaceable !== true) return route.http.send(request);
    route.irreplaceableRequests += 1;
    try {
      return await route.http.send(request);
    } finally {
      route.irreplaceableRequests -= 1;
      if (route.irreplaceableRequests === 0) route.onIdle();
    }
  }

  /** Closes every route at once, whatever is in flight. */
  close(): void {
    for (const close of [...this.#draining]) close();
    this.#route?.http.close();
    this.#route = null;
  }

  #open({ proxy, proxyPassword, certificates }: RouteSettings): void {
    if (this.#route !== null) this.#drain(this.#route);
    this.#route = {
      http: this.#factory({ proxy, proxyPassword, extraCertificates: certificates }),
      irreplaceableRequests: 0,
      onIdle: () => undefined,
    };
  }

  #drain(route: Route): void {
    if (route.irreplaceableRequests === 0) {
      route.http.close();
      return;
    }
    const close = (): void => {
      cancelTimeout();
      this.#draining.delete(close);
      route.http.close();
    };
    const cancelTimeout = this.#clock.schedule(DRAIN_TIMEOUT_MS, close);
    this.#draining.add(close);
    route.onIdle = close;
  }
}

function isSameRoute(a: RouteSettings, b: RouteSettings): boolean {
  const isSamePassword =
    a.proxyPassword === null || b.proxyPassword === null
      ? a.proxyPassword === b.proxyPassword
      : a.proxyPassword.equals(b.proxyPassword);
  return a.proxy === b.proxy && a.certificates === b.certificates && isSamePassword;
}

import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Http, HttpFactory, HttpRequest, HttpResponse } from "../ports/http.js";

/** What of the settings and the keychain decides the way out. */
export interface RouteSettings {
  readonly proxy: string;
  /** PEM text added to the trusted roots, or null. */
  readonly certificates: string | null;
  readonly proxyPassword: Secret | null;
}

/**
 * The one way to Webex. A change of proxy, password or certificates is in force with the next request; requests under way on the
 * old way are cut off, as its settings are no longer wanted.
 */
export class Network implements Http {
  readonly #factory: HttpFactory;
  #settings: RouteSettings | null = null;
  #current: Http | null = null;

  constructor(factory: HttpFactory) {
    this.#factory = factory;
  }

  /** True where this is another way than the one before. */
  apply(settings: RouteSettings): boolean {
    const before = this.#settings;
    if (before !== null && sameRoute(before, settings)) return false;
    this.#settings = settings;
    this.close();
    const { proxy, proxyPassword, certificates } = settings;
    this.#current = this.#factory({ proxy, proxyPassword, extraCertificates: certificates });
    return before !== null;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    if (this.#current === null) throw new Fault("cancelled", "The settings are not read yet.");
    if (request.signal.aborted) throw new Fault("cancelled", "The request was called off.");
    return this.#current.send(request);
  }

  close(): void {
    this.#current?.close();
    this.#current = null;
  }
}

function sameRoute(a: RouteSettings, b: RouteSettings): boolean {
  return a.proxy === b.proxy && a.certificates === b.certificates && samePassword(a.proxyPassword, b.proxyPassword);
}

function samePassword(a: Secret | null, b: Secret | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

import { Fault } from "../faults/fault.js";
import { Feed } from "../faults/feed.js";
import type { Secret } from "../faults/secret.js";
import type { Http, HttpFactory, HttpRequest, HttpResponse, HttpRoute } from "../ports/http.js";
import type { Logger } from "../ports/logger.js";
import type { ReadTextFile } from "../ports/process.js";

/** What of the settings and the keychain decides the way out. */
export interface RouteSettings {
  readonly proxy: string;
  readonly caFile: string | null;
  readonly proxyPassword: Secret | null;
}

/**
 * The one way to Webex. A change of proxy, password or certificates is in force with the next request; requests under way on the
 * old way are cut off, as its settings are no longer wanted.
 */
export class Network implements Http {
  /** Whether the additional certificates can be used has changed. */
  readonly changed = new Feed<void>();
  readonly #factory: HttpFactory;
  readonly #readTextFile: ReadTextFile;
  readonly #log: Logger;
  #settings: RouteSettings | null = null;
  #current: Promise<Http> | null = null;
  #caProblem: string | null = null;

  constructor(factory: HttpFactory, readTextFile: ReadTextFile, log: Logger) {
    this.#factory = factory;
    this.#readTextFile = readTextFile;
    this.#log = log;
  }

  /** Why the file with additional certificates cannot be used, or null. */
  get caProblem(): string | null {
    return this.#caProblem;
  }

  /** True where this is another way than the one before. */
  apply(settings: RouteSettings): boolean {
    const before = this.#settings;
    const oldPassword = before?.proxyPassword ?? null;
    const newPassword = settings.proxyPassword;
    const samePassword =
      oldPassword === null || newPassword === null ? oldPassword === newPassword : oldPassword.equals(newPassword);
    if (before !== null && before.proxy === settings.proxy && before.caFile === settings.caFile && samePassword) return false;
    this.#settings = settings;
    this.close();
    this.#current = this.#open(settings);
    return before !== null;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    if (this.#current === null) throw new Fault("cancelled", "The settings are not read yet.");
    const http = await this.#current;
    if (request.signal.aborted) throw new Fault("cancelled", "The request was called off.");
    return http.send(request);
  }

  close(): void {
    const old = this.#current;
    this.#current = null;
    void old?.then((http) => http.close());
  }

  async #open(settings: RouteSettings): Promise<Http> {
    const route: HttpRoute = {
      proxy: settings.proxy,
      proxyPassword: settings.proxyPassword,
      extraCertificates: settings.caFile === null ? null : await this.#certificates(settings.caFile, settings),
    };
    if (settings.caFile === null) this.#setCaProblem(null, settings);
    return this.#factory(route);
  }

  async #certificates(path: string, settings: RouteSettings): Promise<string | null> {
    try {
      const text = await this.#readTextFile(path);
      const usable = text.includes("-----BEGIN CERTIFICATE-----");
      this.#setCaProblem(usable ? null : "it holds no PEM certificate", settings);
      return usable ? text : null;
    } catch (error) {
      this.#setCaProblem(error instanceof Fault ? error.message : "it cannot be read", settings);
      return null;
    }
  }

  #setCaProblem(problem: string | null, settings: RouteSettings): void {
    if (this.#settings !== settings || this.#caProblem === problem) return;
    this.#caProblem = problem;
    if (problem !== null) this.#log.warn("The file with additional certificates is not used.", { reason: problem });
    this.changed.emit();
  }
}

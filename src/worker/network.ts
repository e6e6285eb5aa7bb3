import { Fault } from "../faults/fault.js";
import { Feed } from "../faults/feed.js";
import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { Http, HttpFactory, HttpRequest, HttpResponse, HttpRoute } from "../ports/http.js";
import type { Logger } from "../ports/logger.js";
import type { ReadTextFile } from "../ports/process.js";

/** What of the settings and the keychain decides the way out. */
export interface RouteSettings {
  readonly proxy: string;
  readonly caFile: string | null;
  readonly proxyPassword: Secret | null;
}

/** One way out, and how many answers that exist only once are under way on it. */
interface Way {
  readonly http: Promise<Http>;
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
  /** Whether the additional certificates can be used has changed. */
  readonly changed = new Feed<void>();
  readonly #factory: HttpFactory;
  readonly #readTextFile: ReadTextFile;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #closing = new Set<() => void>();
  #settings: RouteSettings | null = null;
  #current: Way | null = null;
  #caProblem: string | null = null;

  constructor(factory: HttpFactory, readTextFile: ReadTextFile, clock: Clock, log: Logger) {
    this.#factory = factory;
    this.#readTextFile = readTextFile;
    this.#clock = clock;
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
    if (this.#current !== null) this.#closeWhenFree(this.#current);
    this.#current = { http: this.#open(settings), onlyOnce: 0, onFree: () => undefined };
    return before !== null;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const way = this.#current;
    if (way === null) throw new Fault("cancelled", "The settings are not read yet.");
    const http = await way.http;
    if (request.signal.aborted) throw new Fault("cancelled", "The request was called off.");
    if (request.onlyOnce !== true) return http.send(request);
    way.onlyOnce += 1;
    try {
      return await http.send(request);
    } finally {
      way.onlyOnce -= 1;
      if (way.onlyOnce === 0) way.onFree();
    }
  }

  /** At once, whatever is under way. */
  close(): void {
    for (const close of [...this.#closing]) close();
    if (this.#current !== null) closeNow(this.#current);
    this.#current = null;
  }

  #closeWhenFree(way: Way): void {
    if (way.onlyOnce === 0) {
      closeNow(way);
      return;
    }
    const close = (): void => {
      callOff();
      this.#closing.delete(close);
      closeNow(way);
    };
    const callOff = this.#clock.timer(LAST_ANSWER_MS, close);
    this.#closing.add(close);
    way.onFree = close;
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

function closeNow(way: Way): void {
  void way.http.then((http) => http.close());
}

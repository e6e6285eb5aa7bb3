/** One request that came in, without its headers and body: no secret is kept. */
export interface LoggedRequest {
  readonly sequence: number;
  /** ISO 8601. */
  readonly time: string;
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  orgId: string | null;
  readonly bearer: boolean;
  /** null while it is being answered, and for good where no answer was given. */
  status: number | null;
}

export interface RequestFilter {
  /** The whole path, or its beginning where it ends with `*`. */
  readonly path?: string;
  readonly method?: string;
  readonly orgId?: string;
  readonly status?: number;
  readonly bearer?: boolean;
}

/** The latest requests, bounded; `total` counts all of them. */
export class RequestLog {
  readonly #capacity: number;
  #entries: LoggedRequest[] = [];
  #total = 0;
  readonly #listeners = new Set<(entry: LoggedRequest) => void>();

  constructor(capacity = 100_000) {
    this.#capacity = capacity;
  }

  get total(): number {
    return this.#total;
  }

  open(entry: Omit<LoggedRequest, "sequence" | "time" | "orgId" | "status">): LoggedRequest {
    const logged: LoggedRequest = {
      ...entry,
      sequence: ++this.#total,
      time: new Date(entry.at).toISOString(),
      orgId: null,
      status: null,
    };
    this.#entries.push(logged);
    if (this.#entries.length > this.#capacity * 1.1)
      this.#entries = this.#entries.slice(-this.#capacity);
    return logged;
  }

  /** To be called when a request has been answered (or never will be). */
  close(entry: LoggedRequest, status: number | null): void {
    entry.status = status;
    for (const listener of [...this.#listeners]) listener(entry);
  }

  /** Those after a sequence number (0 = all that are kept), oldest first. */
  since(sequence: number, filter: RequestFilter = {}): LoggedRequest[] {
    return this.#entries.filter((entry) => entry.sequence > sequence && matches(entry, filter));
  }

  /** Hears each request when it is answered; the returned function ends it. */
  subscribe(listener: (entry: LoggedRequest) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next request that is answered and matches; rejects after `timeoutMs`. */
  next(filter: RequestFilter, timeoutMs: number): Promise<LoggedRequest> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        unsubscribe();
        reject(new Error(`No request like ${JSON.stringify(filter)} came within ${timeoutMs} ms.`));
      }, timeoutMs);
      const unsubscribe = this.subscribe((entry) => {
        if (!matches(entry, filter)) return;
        clearTimeout(deadline);
        unsubscribe();
        resolve(entry);
      });
    });
  }
}

function matches(entry: LoggedRequest, filter: RequestFilter): boolean {
  if (filter.path?.endsWith("*") === true) {
    if (!entry.path.startsWith(filter.path.slice(0, -1))) return false;
  } else if (filter.path !== undefined && filter.path !== entry.path) return false;
  return (
    (filter.method === undefined || filter.method === entry.method) &&
    (filter.orgId === undefined || filter.orgId === entry.orgId) &&
    (filter.status === undefined || filter.status === entry.status) &&
    (filter.bearer === undefined || filter.bearer === entry.bearer)
  );
}

/** A logged request, without headers and body, which may contain secrets. */
export interface LoggedRequest {
  readonly sequence: number;
  /** ISO 8601. */
  readonly time: string;
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly orgId: string | null;
  readonly bearer: boolean;
  /** null until a response is sent, and permanently if none is. */
  status: number | null;
  /** When the response was ready, or the request was dropped; null while it is in flight. */
  completedAt: number | null;
}

export interface RequestFilter {
  /** The complete path, or a prefix if it ends with `*`. */
  readonly path?: string | undefined;
  readonly method?: string | undefined;
  readonly orgId?: string | undefined;
  readonly status?: number | undefined;
  readonly bearer?: boolean | undefined;
}

/** The latest requests, at least `capacity` of them; `total` counts all. */
export class RequestLog {
  readonly #capacity: number;
  #entries: LoggedRequest[] = [];
  #total = 0;
  readonly #closeListeners = new Set<(entry: LoggedRequest) => void>();

  constructor(capacity = 100_000) {
    this.#capacity = capacity;
  }

  get total(): number {
    return this.#total;
  }

  open(entry: Omit<LoggedRequest, "sequence" | "time" | "status" | "completedAt">): LoggedRequest {
    const time = new Date(entry.at).toISOString();
    const sequence = ++this.#total;
    const logged: LoggedRequest = { ...entry, sequence, time, status: null, completedAt: null };
    this.#entries.push(logged);
    if (this.#entries.length > this.#capacity * 1.1) {
      this.#entries = this.#entries.slice(-this.#capacity);
    }
    return logged;
  }

  /** Completes a request, with null if it gets no response. */
  close(entry: LoggedRequest, status: number | null, at: number): void {
    entry.status = status;
    entry.completedAt = at;
    for (const listener of [...this.#closeListeners]) listener(entry);
  }

  /** The requests after a sequence number (0 = all that are kept), oldest first. */
  since(sequence: number, filter: RequestFilter = {}): LoggedRequest[] {
    return this.#entries.filter((entry) => entry.sequence > sequence && matches(entry, filter));
  }

  /** Resolves with the next completed request that matches; rejects after `timeoutMs`. */
  next(filter: RequestFilter, timeoutMs: number): Promise<LoggedRequest> {
    return new Promise((resolve, reject) => {
      const listener = (entry: LoggedRequest): void => {
        if (!matches(entry, filter)) return;
        clearTimeout(deadline);
        this.#closeListeners.delete(listener);
        resolve(entry);
      };
      const deadline = setTimeout(() => {
        this.#closeListeners.delete(listener);
        const message = `No request matched ${JSON.stringify(filter)} within ${timeoutMs} ms.`;
        reject(new Error(message));
      }, timeoutMs);
      this.#closeListeners.add(listener);
    });
  }
}

function matches(entry: LoggedRequest, { path, ...exact }: RequestFilter): boolean {
  if (path?.endsWith("*") === true) {
    if (!entry.path.startsWith(path.slice(0, -1))) return false;
  } else if (path !== undefined && path !== entry.path) return false;
  const names = ["method", "orgId", "status", "bearer"] as const;
  return names.every((name) => exact[name] === undefined || exact[name] === entry[name]);
}

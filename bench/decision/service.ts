import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import { fileURLToPath } from "node:url";

export interface ServiceOptions {
  /** Requests per minute for each organization. */
  readonly limit: number;
  /** In each organization. */
  readonly persons: number;
  readonly names: readonly string[];
  /** The number of addresses of each kind to send. */
  readonly watched: number;
  readonly others: number;
}

export interface OrganizationInfo {
  readonly orgId: string;
  readonly grant: {
    readonly refreshToken: string;
    readonly accessToken: string;
    readonly expiresIn: number;
    readonly scope: string;
  };
  /** One e-mail address each of different persons, in the same order in each organization. */
  readonly watched: readonly string[];
  readonly others: readonly string[];
}

export interface ServiceInfo {
  readonly url: string;
  readonly apiUrl: string;
  readonly client: { readonly clientId: string; readonly clientSecret: string };
  readonly organizations: readonly OrganizationInfo[];
}

/** A simulated Webex with several organizations, in a process of its own. */
export class Service {
  readonly info: ServiceInfo;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, info: ServiceInfo) {
    this.#child = child;
    this.info = info;
  }

  static async start(options: ServiceOptions): Promise<Service> {
    const child = fork(
      fileURLToPath(new URL("../children/organizations.js", import.meta.url)),
      [JSON.stringify(options)],
      // 100,000 persons take some 150 MB in each organization, and more once they were sent.
      { execArgv: ["--max-old-space-size=4096"] },
    );
    const info = await Promise.race([
      once(child, "message").then(([message]) => message as ServiceInfo),
      once(child, "exit").then(() => Promise.reject(new Error("The simulator has exited."))),
    ]);
    return new Service(child, info);
  }

  /** The status that Webex would report now. It costs no request of the limit, and no latency. */
  async trueStatus(address: string): Promise<string | null> {
    const url = `${this.info.url}/simulator/people/${encodeURIComponent(address)}`;
    const { body } = await getJson(url);
    return (body as { readonly status: string | null }).status;
  }

  /** The number of requests so far, of all organizations. */
  async mark(): Promise<number> {
    return (await this.#countRequests("")).total;
  }

  /** The requests of an organization after a mark, and those of them that were answered 429. */
  async requestsSince(
    mark: number,
    orgId: string,
  ): Promise<{ readonly requests: number; readonly rejected: number }> {
    const filter = `since=${mark}&orgId=${orgId}`;
    const [all, rejected] = await Promise.all([
      this.#countRequests(filter),
      this.#countRequests(`${filter}&status=429`),
    ]);
    return { requests: all.count, rejected: rejected.count };
  }

  /** The time of a bare lookup in milliseconds; null if it was answered 429. */
  async measureLookup({ grant }: OrganizationInfo, address: string): Promise<number | null> {
    const startedAt = performance.now();
    const url = `${this.info.apiUrl}/people?email=${encodeURIComponent(address)}`;
    const { status } = await getJson(url, { authorization: `Bearer ${grant.accessToken}` });
    return status === 200 ? performance.now() - startedAt : null;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.disconnect();
    await exit;
  }

  async #countRequests(
    filter: string,
  ): Promise<{ readonly total: number; readonly count: number }> {
    const url = `${this.info.url}/simulator/requests?limit=1&${filter}`;
    const { body } = await getJson(url);
    return body as { total: number; count: number };
  }
}

/** On a connection of its own, which the server cannot close just when it is used again. */
function getJson(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
        resolve({ status: response.statusCode ?? 0, body });
      });
    }).on("error", reject);
  });
}

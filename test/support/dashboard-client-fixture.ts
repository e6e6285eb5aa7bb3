import { readFile } from "node:fs/promises";
import { join } from "node:path";

interface DashboardResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** The address of the dashboard of a worker with this log folder; null: there is none. */
export async function readDashboardUrl(logDirectory: string): Promise<string | null> {
  const path = join(logDirectory, "dashboard.json");
  const text = await readFile(path, "utf8").catch(() => null);
  return text === null ? null : (JSON.parse(text) as { url: string }).url;
}

/** What reads a dashboard over HTTP, with the cookie of a browser or the key of monitoring. */
export class DashboardClient {
  readonly url: string;
  readonly origin: string;
  readonly key: string;
  readonly cookie: string;
  /** Everything that the worker has sent. */
  readonly received: string[] = [];

  private constructor(url: string, cookie: string) {
    this.url = url;
    this.origin = new URL(url).origin;
    this.key = new URL(url).searchParams.get("key") ?? "";
    this.cookie = cookie;
  }

  /** Opens an address with a key, as a browser does. */
  static async open(url: string): Promise<DashboardClient> {
    const { headers } = await fetch(url, { redirect: "manual" });
    const [cookie = ""] = (headers.get("set-cookie") ?? "").split(";");
    return new DashboardClient(url, cookie);
  }

  async request(target: string, init: RequestInit = {}): Promise<DashboardResponse> {
    const headers = { cookie: this.cookie, ...(init.headers as Record<string, string>) };
    const response = await fetch(this.origin + target, { redirect: "manual", ...init, headers });
    const body = await response.text();
    this.received.push(JSON.stringify([...response.headers]), body);
    return { status: response.status, headers: response.headers, body };
  }

  async json(target: string): Promise<Record<string, unknown>> {
    return JSON.parse((await this.request(target)).body) as Record<string, unknown>;
  }

  post(target: string, value: object = {}): Promise<DashboardResponse> {
    return this.request(target, {
      method: "POST",
      headers: { origin: this.origin, "content-type": "application/json" },
      body: JSON.stringify(value),
    });
  }

  metrics(accept = "*/*"): Promise<DashboardResponse> {
    return this.request("/metrics", {
      headers: { authorization: `Bearer ${this.key}`, accept, cookie: "" },
    });
  }

  /** Resolves to the first events of the stream. */
  async events(count: number): Promise<string[]> {
    const abort = new AbortController();
    const { signal } = abort;
    const response = await fetch(`${this.origin}/events`, {
      headers: { cookie: this.cookie },
      signal,
    });
    const decoder = new TextDecoder();
    let text = "";
    if (response.body === null) return [];
    for await (const chunk of response.body) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.split("\n\n").length > count) break;
    }
    abort.abort();
    this.received.push(text);
    return text
      .split("\n\n")
      .slice(0, count)
      .map((event) => event.replace(/^data: /, ""));
  }

  /** Asks for everything that there is, also what is refused. */
  async requestEverything(): Promise<void> {
    for (const target of ["/", "/dashboard.js", "/people?limit=200", "/history", "/x", "/?key=x"])
      await this.request(target);
    await this.events(2);
    await this.metrics();
    await this.request("/metrics");
    await this.post("/poll-now");
    await this.post("/poll-now", { orgId: "unknown" });
  }
}

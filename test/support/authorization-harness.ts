import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Page } from "playwright-core";

import { consent, type ConsentOutcome, type ConsentChoice } from "../../simulator/administrator.js";
import { findSecrets } from "./secret-search-fixture.js";
import { type WorkerHarnessOptions, type Status, WorkerHarness } from "./worker-harness.js";

export interface Flow {
  readonly method: "browser" | "device";
  readonly url: string | null;
  readonly verificationUri: string | null;
  readonly userCode: string | null;
  readonly expiresAt: string | null;
  readonly state: string;
  readonly message: string | null;
}

interface Changed {
  readonly authorizations: readonly {
    readonly orgId: string;
    readonly orgName: string;
    readonly state: string;
  }[];
  readonly flow: Flow | null;
}

export interface Response {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface AuthorizationHarnessOptions extends WorkerHarnessOptions {
  readonly authorize?: "browser" | "device" | "off";
}

/** The polling interval, a fifth of jitter, and the duration of a request. */
export const POLL_TIMEOUT_MS = 8_000;

/** The built worker with an authorization flow. Records everything that the flow shows. */
export class AuthorizationHarness {
  readonly worker: WorkerHarness;
  readonly port: number;
  readonly #authorize: string;
  /** Everything that the page has sent. */
  readonly #responses: string[] = [];

  private constructor(worker: WorkerHarness, port: number, authorize: string) {
    this.worker = worker;
    this.port = port;
    this.#authorize = authorize;
  }

  /** Starts a disabled worker with a client and without a grant. */
  static async start(options: AuthorizationHarnessOptions = {}): Promise<AuthorizationHarness> {
    const { authorize = "browser", ...rest } = options;
    const port = await freePort();
    const ini = [`WebexPresence.Authorize=${authorize}`, `WebexPresence.RedirectPort=${port}`];
    const harness = new AuthorizationHarness(
      await WorkerHarness.start({ speed: 0, ...rest, ini }),
      port,
      authorize,
    );
    harness.worker.webex.addRedirectUri(`http://localhost:${port}/oauth/callback`);
    await harness.worker.host.request("authorization/setClient", harness.worker.webex.client);
    return harness;
  }

  get webex(): WorkerHarness["webex"] {
    return this.worker.webex;
  }

  /** Writes the settings file with the port of this harness. */
  async writeSettings(enable: 0 | 1, authorize = this.#authorize): Promise<void> {
    const lines = [
      `WebexPresence.Authorize=${authorize}`,
      `WebexPresence.RedirectPort=${this.port}`,
    ];
    await this.worker.writeSettings(enable, lines);
  }

  get changes(): readonly Changed[] {
    return this.worker.notifications
      .filter(({ method }) => method === "authorization/changed")
      .map(({ params }) => params as Changed);
  }

  /** The flow in the latest `authorization/changed`. */
  get flow(): Flow | null {
    return this.changes.at(-1)?.flow ?? null;
  }

  /** Waits until `accepts` returns true for the flow in the latest notification. */
  waitForFlow(what: string, accepts: (flow: Flow) => boolean, timeoutMs = 10_000): Promise<Flow> {
    return this.worker.waitFor(
      `a flow: ${what}`,
      () => (this.flow !== null && accepts(this.flow) ? this.flow : null),
      timeoutMs,
    );
  }

  /** Waits for a page with another address than `before`, and returns its address. */
  async waitForPage(before: string | null = null, timeoutMs = 15_000): Promise<string> {
    const { url } = await this.waitForFlow(
      "a page",
      (flow) => flow.url !== null && flow.url !== before,
      timeoutMs,
    );
    return url ?? "";
  }

  /** Enables the worker, and returns the address of the page. */
  async open(): Promise<string> {
    await this.writeSettings(1);
    return this.waitForPage();
  }

  /** Waits until the log file contains all of these texts. */
  async waitForLog(...texts: readonly string[]): Promise<void> {
    const path = join(this.worker.logDirectory, "worker.log");
    await this.worker.waitFor(`worker.log with ${texts.join(", ")}`, async () => {
      const log = await readFile(path, "utf8").catch(() => "");
      return texts.every((text) => log.includes(text)) ? true : null;
    });
  }

  waitForProblem(code: string, timeoutMs = POLL_TIMEOUT_MS): Promise<Status["problems"][number]> {
    const find = async (): Promise<Status["problems"][number] | null> =>
      (await this.worker.status()).problems.find((problem) => problem.code === code) ?? null;
    return this.worker.waitFor(`the problem ${code}`, find, timeoutMs);
  }

  waitForProblemEnd(code: string, timeoutMs = POLL_TIMEOUT_MS): Promise<true> {
    const isGone = async (): Promise<true | null> =>
      (await this.worker.status()).problems.some((problem) => problem.code === code) ? null : true;
    return this.worker.waitFor(`the end of the problem ${code}`, isGone, timeoutMs);
  }

  async waitForPresence(uri: string, state: string, timeoutMs = POLL_TIMEOUT_MS): Promise<void> {
    const hasState = async (): Promise<true | null> =>
      (await this.worker.get(uri, 1_000)).state === state ? true : null;
    await this.worker.waitFor(`${uri} ${state}`, hasState, timeoutMs);
  }

  /** Sends a request with arbitrary headers, as no browser would. */
  async request(
    target: string,
    options: {
      method?: string;
      headers?: Record<string, string>;
      body?: string;
      host?: string;
    } = {},
  ): Promise<Response> {
    const { method = "GET", headers = {}, body = "", host = "127.0.0.1" } = options;
    const defaults = { host: `localhost:${this.port}`, "content-length": Buffer.byteLength(body) };
    const request = httpRequest({
      host,
      port: this.port,
      method,
      path: target,
      headers: { ...defaults, ...headers },
      agent: false,
    });
    request.end(body);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.setEncoding("utf8");
    let text = "";
    for await (const chunk of response) text += chunk as string;
    this.#responses.push(JSON.stringify(response.headers), text);
    return { status: response.statusCode ?? 0, headers: response.headers, body: text };
  }

  /** Follows AUTHORIZE, and returns the URL of the request to Webex. */
  async authorizeUrl(address: string): Promise<string> {
    const { status, headers } = await this.request(`/authorize${new URL(address).search}`);
    expect(status).to.equal(302);
    return headers.location ?? "";
  }

  /** Follows AUTHORIZE, decides at Webex, and follows the redirect back. */
  async decide(address: string, choice: ConsentChoice = {}): Promise<ConsentOutcome> {
    const outcome = await consent(await this.authorizeUrl(address), choice);
    if (new URL(outcome.url).port === String(this.port)) this.#responses.push(outcome.text);
    return outcome;
  }

  /** Decides at Webex, and returns the URL of the callback without following it. */
  async callbackUrl(address: string, choice: ConsentChoice = {}): Promise<URL> {
    const { redirectedTo } = await consent(await this.authorizeUrl(address), choice, {
      follow: false,
    });
    return new URL(redirectedTo ?? "");
  }

  complete(address: string): Promise<Response> {
    return this.request("/complete", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URL(address).search.slice(1),
    });
  }

  /** Whether a program listens on the port of the page. */
  async isListening(host = "127.0.0.1"): Promise<boolean> {
    try {
      await this.request("/", { host });
      return true;
    } catch {
      return false;
    }
  }

  /** Records what the worker sends to a browser. */
  recordResponses(page: Page): void {
    page.on("response", (response) => {
      if (new URL(response.url()).port !== String(this.port)) return;
      this.#responses.push(JSON.stringify(response.headers()));
      response.text().then(
        (text) => this.#responses.push(text),
        () => undefined,
      );
    });
  }

  /** Records what a browser shows now, including parts that came as events. */
  async recordContent(page: Page): Promise<void> {
    this.#responses.push(await page.content());
  }

  /** Checks that no token, code or secret is in anything that the worker has written or sent. */
  async #expectNoSecretLeaked(): Promise<void> {
    const { issuedSecrets, client } = this.webex;
    const everything = [
      await this.worker.readAllOutput(),
      JSON.stringify(this.worker.notifications),
      ...this.#responses,
    ].join("\n");
    expect(this.worker.host.transcript.dropped).to.equal(0);
    const basic = Buffer.from(`${client.clientId}:${client.clientSecret}`).toString("base64");
    const leaked = findSecrets(everything, [...issuedSecrets, basic]);
    expect(leaked, "secrets were leaked").to.deep.equal([]);
  }

  async stop(): Promise<void> {
    await this.worker.host.shutdown();
    try {
      await this.#expectNoSecretLeaked();
    } finally {
      await this.worker.stop();
    }
  }
}

/** Whether this machine has an IPv6 loopback address. */
export function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some(
    (addresses) => addresses?.some(({ address }) => address === "::1") === true,
  );
}

/** Listens on a port, like another program. */
export async function holdPort(port: number, host: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(port, host);
  await once(server, "listening");
  return server;
}

export async function releasePort(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = await holdPort(0, "127.0.0.1");
  const address = server.address();
  await releasePort(server);
  return typeof address === "object" && address !== null ? address.port : 0;
}

import { Agent as HttpAgent } from "node:http";
import type { ClientRequest } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { checkServerIdentity } from "node:tls";
import type { SecureContext } from "node:tls";

import type { HttpRoute } from "../ports/http.js";
import { proxyFor } from "./http-proxy.js";
import { trustedContext } from "./http-trust.js";

/** What carries the requests to one origin. */
export interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpAgent;
  /** `host:port`, without its user; null for a direct connection. */
  readonly proxy: string | null;
}

const POOL = {
  keepAlive: true,
  maxSockets: 16,
  maxFreeSockets: 8,
  scheduling: "lifo",
  // A socket idle for longer may have been dropped by a firewall without a word: a request on it would hang until its deadline.
  timeout: 45_000,
} as const;

/** The agents of one route, made when an origin is first asked and kept: one pool for all direct connections, one a proxy. */
export class AgentPool {
  readonly #route: HttpRoute;
  readonly #byOrigin = new Map<string, Promise<Agents>>();
  readonly #byProxy = new Map<string, Agents>();
  #context: SecureContext | undefined;

  constructor(route: HttpRoute) {
    this.#route = route;
  }

  /** Faults: `webexUnreachable` where the proxy's address or the certificates cannot be used. */
  agentsFor(target: URL): Promise<Agents> {
    const known = this.#byOrigin.get(target.origin);
    if (known !== undefined) return known;
    const made = this.#make(target);
    this.#byOrigin.set(target.origin, made);
    return made;
  }

  /** Ends the connections that nobody uses at the moment. */
  dropIdle(): void {
    for (const socket of this.#agents().flatMap((agent) => Object.values(agent.freeSockets).flat())) socket?.destroy();
  }

  destroy(): void {
    for (const agent of this.#agents()) agent.destroy();
  }

  #agents(): HttpAgent[] {
    return [...this.#byProxy.values()].flatMap((agents) => [agents.http, agents.https]);
  }

  async #make(target: URL): Promise<Agents> {
    const proxy = await proxyFor(target, this.#route);
    this.#context ??= trustedContext(this.#route.extraCertificates);
    const key = proxy?.href ?? "";
    const made =
      this.#byProxy.get(key) ?? (proxy === null ? directAgents(this.#context) : await proxyAgents(proxy, this.#context));
    // The agents of two origins may have been on their way at once: the first pool stays.
    const agents = this.#byProxy.get(key) ?? made;
    this.#byProxy.set(key, agents);
    return agents;
  }
}

function directAgents(context: SecureContext | undefined): Agents {
  const https = new HttpsAgent({ ...POOL, ...(context !== undefined && { secureContext: context }) });
  return { http: new HttpAgent(POOL), https, proxy: null };
}

async function proxyAgents(proxy: URL, context: SecureContext | undefined): Promise<Agents> {
  const [{ HttpsProxyAgent }, { HttpProxyAgent }] = await Promise.all([import("https-proxy-agent"), import("http-proxy-agent")]);

  class TunnelAgent extends HttpsProxyAgent<string> {
    override connect(req: ClientRequest, opts: Parameters<InstanceType<typeof HttpsProxyAgent<string>>["connect"]>[1]) {
      const target = opts.host ?? "";
      // Inside a tunnel Node knows a numeric target no more, and would check the certificate against the proxy's name.
      const checked = {
        ...opts,
        checkServerIdentity: (_name: string, cert: Parameters<typeof checkServerIdentity>[1]) =>
          checkServerIdentity(target, cert),
      };
      return givenUpWith(req, this, () => super.connect(req, checked));
    }
  }
  class ForwardAgent extends HttpProxyAgent<string> {
    override connect(
      req: Parameters<InstanceType<typeof HttpProxyAgent<string>>["connect"]>[0],
      opts: Parameters<InstanceType<typeof HttpProxyAgent<string>>["connect"]>[1],
    ) {
      return givenUpWith(req, this, () => super.connect(req, opts));
    }
  }
  const options = { ...POOL, ...(context !== undefined && { secureContext: context }) };
  return { http: new ForwardAgent(proxy.href, options), https: new TunnelAgent(proxy.href, options), proxy: proxy.host };
}

/** Gives the connection to a proxy up together with the request that wanted it; otherwise it would linger until TCP gives up. */
async function givenUpWith<T>(req: ClientRequest, agent: { connectOpts: object }, connect: () => Promise<T>): Promise<T> {
  const abandoned = new AbortController();
  const abandon = (): void => abandoned.abort();
  req.once("close", abandon);
  agent.connectOpts = { ...agent.connectOpts, signal: abandoned.signal };
  try {
    return await connect();
  } finally {
    req.off("close", abandon);
  }
}

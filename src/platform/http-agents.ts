import { Agent as HttpAgent } from "node:http";
import type { ClientRequest } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Socket } from "node:net";
import { checkServerIdentity } from "node:tls";
import type { PeerCertificate, SecureContext } from "node:tls";

import type { HttpProxyAgent as HttpProxy } from "http-proxy-agent";
import type { HttpsProxyAgent as HttpsProxy } from "https-proxy-agent";

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

/** Event of a request that is given up. Node's own `close` does not come while a request waits for its connection. */
export const ABORTED = "abandoned";

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
    const cached = this.#byOrigin.get(target.origin);
    if (cached !== undefined) return cached;
    const created = this.#create(target);
    this.#byOrigin.set(target.origin, created);
    return created;
  }

  /** Ends the connections that nobody uses at the moment. */
  closeIdle(): void {
    for (const socket of this.#agents().flatMap((agent) => Object.values(agent.freeSockets).flat()))
      socket?.destroy();
  }

  destroy(): void {
    for (const agent of this.#agents()) agent.destroy();
  }

  #agents(): HttpAgent[] {
    return [...this.#byProxy.values()].flatMap((agents) => [agents.http, agents.https]);
  }

  async #create(target: URL): Promise<Agents> {
    const proxy = await proxyFor(target, this.#route);
    this.#context ??= trustedContext(this.#route.extraCertificates);
    const key = proxy?.href ?? "";
    const created =
      this.#byProxy.get(key) ??
      (proxy === null ? directAgents(this.#context) : await proxyAgents(proxy, this.#context));
    // The agents of two origins may have been on their way at once: the first pool stays.
    const agents = this.#byProxy.get(key) ?? created;
    this.#byProxy.set(key, agents);
    return agents;
  }
}

function directAgents(context: SecureContext | undefined): Agents {
  const https = new HttpsAgent({
    ...POOL,
    ...(context !== undefined && { secureContext: context }),
  });
  return { http: new HttpAgent(POOL), https, proxy: null };
}

async function proxyAgents(proxy: URL, context: SecureContext | undefined): Promise<Agents> {
  const [{ HttpsProxyAgent }, { HttpProxyAgent }] = await Promise.all([
    import("https-proxy-agent"),
    import("http-proxy-agent"),
  ]);

  class TunnelAgent extends HttpsProxyAgent<string> {
    override connect(
      ...[request, target]: Parameters<HttpsProxy<string>["connect"]>
    ): Promise<Socket> {
      // Inside a tunnel Node knows a numeric target no more, and would check the certificate against another name.
      const checkTargetIdentity = (_name: string, certificate: PeerCertificate) =>
        checkServerIdentity(target.host ?? "", certificate);
      const targetWithCheck = Object.assign({}, target, {
        checkServerIdentity: checkTargetIdentity,
      });
      return connectUntilAborted(request, this, () => super.connect(request, targetWithCheck));
    }
  }
  class ForwardAgent extends HttpProxyAgent<string> {
    override connect(
      ...[request, target]: Parameters<HttpProxy<string>["connect"]>
    ): Promise<Socket> {
      return connectUntilAborted(request, this, () => super.connect(request, target));
    }
  }
  const options = { ...POOL, ...(context !== undefined && { secureContext: context }) };
  const tunnel = new TunnelAgent(proxy.href, options);
  // https-proxy-agent keeps none of its options for the connection inside the tunnel.
  Object.assign(tunnel.options, options);
  return { http: new ForwardAgent(proxy.href, options), https: tunnel, proxy: proxy.host };
}

/** Gives the connection to a proxy up together with the request that wanted it; otherwise it would linger until TCP gives up. */
async function connectUntilAborted<T>(
  req: ClientRequest,
  agent: { connectOpts: object },
  connect: () => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  req.once(ABORTED, abort);
  agent.connectOpts = { ...agent.connectOpts, signal: controller.signal };
  try {
    return await connect();
  } finally {
    req.off(ABORTED, abort);
  }
}

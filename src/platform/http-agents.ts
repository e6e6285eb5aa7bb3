import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Agent as HttpAgent } from "node:http";
import type { ClientRequest } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { AgentOptions } from "node:https";
import type { Socket } from "node:net";
import { checkServerIdentity } from "node:tls";
import type { PeerCertificate, SecureContext } from "node:tls";

import type { HttpProxyAgent } from "http-proxy-agent";

import { Fault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import type { HttpRoute } from "../ports/http.js";
import { createTrustedContext } from "./certificates.js";
import { loadHttpLibrary } from "./http-faults.js";
import { nameLookup } from "./name-lookup.js";
import { NO_CREDENTIALS } from "./proxy-faults.js";
import type { ProxyCredentials } from "./proxy-faults.js";

/** The agents for direct connections, or for those through one proxy. */
interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpAgent;
  /** `host:port` of the proxy, without its user; null for a direct connection. */
  readonly proxy: string | null;
  readonly credentials: ProxyCredentials;
}

type ConnectParameters = Parameters<HttpProxyAgent<string>["connect"]>;

/** Node's own `close` event does not come while a request waits for its connection. */
const ABORTED = "ucx:aborted";

/** Node's channel (node:diagnostics_channel) for each socket of `net.connect`. */
const NEW_SOCKET = "net.client.socket";
/** Sixteen times what Node accepts of a response; the beginning of a body may follow. */
const MAX_PROXY_HEADER_BYTES = 256 * 1024;

const POOL = {
  keepAlive: true,
  // All organizations share the pool, and each limits its own requests in flight: with a limit
  // here, those that get no response would keep the requests of the others waiting.
  maxSockets: Infinity,
  maxFreeSockets: 8,
  scheduling: "lifo",
  // A firewall may have silently dropped a connection that was idle for longer, and a request on it
  // would hang until its deadline.
  timeout: 45_000,
  lookup: nameLookup.lookup,
} as const;

/** The agents of one route: one pool for all direct connections, and one for each proxy. */
export class AgentPool {
  readonly #route: HttpRoute;
  readonly #byProxy = new Map<string, Agents>();
  #context: SecureContext | undefined;

  constructor(route: HttpRoute) {
    this.#route = route;
  }

  /** The number of certificates that are trusted in addition to Node's. */
  get extraCertificates(): number {
    return (this.#route.extraCertificates ?? "").split("-----BEGIN ").length - 1;
  }

  /**
   * Rejects with a `Fault` `webexUnreachable` if the proxy's address, the certificates or a library
   * cannot be used; the next call tries again.
   */
  async agentsFor(target: URL): Promise<Agents> {
    const proxy = await proxyFor(target, this.#route);
    const key = proxy?.href ?? "";
    const known = this.#byProxy.get(key);
    if (known !== undefined) return known;
    this.#context ??= createTrustedContext(this.#route.extraCertificates);
    // Stated, because Node would otherwise follow NODE_TLS_REJECT_UNAUTHORIZED.
    const options = { ...POOL, secureContext: this.#context, rejectUnauthorized: true };
    const created =
      proxy === null
        ? {
            http: new HttpAgent(POOL),
            https: new HttpsAgent(options),
            proxy: null,
            credentials: NO_CREDENTIALS,
          }
        : await createProxyAgents(proxy, options);
    // Another request may have created agents for the same proxy meanwhile: the first ones stay.
    const agents = this.#byProxy.get(key) ?? created;
    this.#byProxy.set(key, agents);
    return agents;
  }

  /** Ends a request's attempt to connect to a proxy. */
  abortConnecting(request: ClientRequest): void {
    request.emit(ABORTED);
  }

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
}

async function createProxyAgents(proxy: URL, options: AgentOptions): Promise<Agents> {
  const [{ HttpsProxyAgent }, { HttpProxyAgent }] = await Promise.all([
    loadHttpLibrary("https-proxy-agent"),
    loadHttpLibrary("http-proxy-agent"),
  ]);

  class TunnelAgent extends HttpsProxyAgent<string> {
    override connect(...[request, target]: ConnectParameters): Promise<Socket> {
      // Inside a tunnel, Node would check the certificate of a numeric target against another name.
      const checked = Object.assign({}, target, {
        checkServerIdentity: (_name: string, certificate: PeerCertificate) =>
          checkServerIdentity(target.host ?? "", certificate),
      });
      return connectUntilAborted(request, this, () =>
        limitProxyHeader(() => super.connect(request, checked)),
      );
    }
  }
  class ForwardAgent extends HttpProxyAgent<string> {
    override connect(...[request, target]: ConnectParameters): Promise<Socket> {
      return connectUntilAborted(request, this, () => super.connect(request, target));
    }
  }
  const tunnel = new TunnelAgent(proxy.href, options);
  // https-proxy-agent does not use its options for the connection inside the tunnel.
  Object.assign(tunnel.options, options);
  const http = new ForwardAgent(proxy.href, options);
  return { http, https: tunnel, proxy: proxy.host, credentials: credentialsOf(proxy) };
}

/**
 * https-proxy-agent keeps a proxy's response to CONNECT until its header is complete, and copies
 * all of it for each piece that arrives: an endless header would fill the memory and stop the
 * worker. The library does not tell of its socket, but Node.js does, while `connect` runs. (It
 * tells of no socket with TLS: a proxy with https, which only HTTPS_PROXY can name, is limited by
 * the request's time alone.)
 */
async function limitProxyHeader(connect: () => Promise<Socket>): Promise<Socket> {
  const sockets: Socket[] = [];
  const onSocket = (message: unknown): void =>
    void sockets.push((message as { readonly socket: Socket }).socket);
  subscribe(NEW_SOCKET, onSocket);
  const connecting = connect();
  unsubscribe(NEW_SOCKET, onSocket);
  const [socket] = sockets;
  const onReadable = (): void => {
    if (socket !== undefined && socket.bytesRead > MAX_PROXY_HEADER_BYTES)
      socket.destroy(new Error("Invalid header without an end from proxy CONNECT response"));
  };
  socket?.on("readable", onReadable);
  try {
    return await connecting;
  } finally {
    socket?.off("readable", onReadable);
  }
}

function credentialsOf({ username, password }: URL): ProxyCredentials {
  const [user, decoded] = [decodeURIComponent(username), decodeURIComponent(password)];
  const hasPassword = password !== "";
  // A short password alone would not be recognized in the Base64 of both.
  const basic = Buffer.from(`${user}:${decoded}`).toString("base64");
  const secrets = hasPassword ? [basic, decoded].map((text) => new Secret(text)) : [];
  return { hasUser: username !== "", hasPassword, secrets };
}

/** Aborts the connection to a proxy with its request; it would last until TCP times out. */
async function connectUntilAborted<T>(
  request: ClientRequest,
  agent: { connectOpts: object },
  connect: () => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  request.once(ABORTED, abort);
  agent.connectOpts = { ...agent.connectOpts, signal: controller.signal };
  try {
    return await connect();
  } finally {
    request.off(ABORTED, abort);
  }
}

/**
 * Returns the proxy for a target, its credentials percent-encoded in the URL, or null for a direct
 * connection. If the route names no proxy, the environment (HTTPS_PROXY, ALL_PROXY, NO_PROXY)
 * decides for https; http is used on loopback only and connects directly. Rejects with a `Fault`
 * `webexUnreachable` if the proxy's address cannot be used.
 */
export async function proxyFor(
  target: URL,
  { proxy, proxyPassword }: HttpRoute,
): Promise<URL | null> {
  if (proxy === "none") return null;
  if (proxy !== "") {
    const url = parseProxy(proxy, "WebexPresence.Proxy");
    if (url.username !== "" && proxyPassword !== null)
      url.password = encodeURIComponent(proxyPassword.reveal());
    return url;
  }
  if (target.protocol !== "https:") return null;
  const { getProxyForUrl } = await loadHttpLibrary("proxy-from-env");
  const fromEnvironment = getProxyForUrl(target.href);
  return fromEnvironment === ""
    ? null
    : parseProxy(withOriginalScheme(fromEnvironment), proxyVariable());
}

/** The environment variable that names the proxy, in the order of proxy-from-env. */
function proxyVariable(): string {
  const names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
  return names.find((name) => process.env[name] !== undefined && process.env[name] !== "") ?? "";
}

/** `HTTPS_PROXY=host:port` is an http proxy (curl, git); proxy-from-env returns an https one. */
function withOriginalScheme(proxy: string): string {
  if (!proxy.startsWith("https://")) return proxy;
  const address = proxy.slice("https://".length);
  const { https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY } = process.env;
  return [https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY].includes(address)
    ? `http://${address}`
    : proxy;
}

function parseProxy(address: string, source: string): URL {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new Fault(
      "webexUnreachable",
      `The proxy address in ${source} cannot be used, so no request is sent to Webex.`,
      { hint: `Write ${source} as http://host:port.`, data: { reason: "proxy" } },
    );
  }
  // The agents percent-decode user and password, and a lone `%` would make that throw.
  url.username = encodeURIComponent(decodePercent(url.username));
  url.password = encodeURIComponent(decodePercent(url.password));
  return url;
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

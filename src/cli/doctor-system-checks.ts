import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { asFault, Fault } from "../faults/fault.js";
import { proxyFor } from "../platform/http-agents.js";
import { readProductDocument, version, nodeProcess } from "../platform/node-process.js";
import type { Http } from "../ports/http.js";
import { SETTING_KEYS } from "../settings/keys.js";
import { DEFAULT_API_URL, likelyApiUrl } from "../webex/api-address.js";
import { failed, ok, skipped, warning, type Check, type Finding } from "./doctor-finding.js";
import type { Session } from "./session.js";
import { formatDuration } from "./terminal/text.js";

interface HttpResponse {
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly sentAt: number;
  readonly receivedAt: number;
}
type NetworkSession = Pick<Session, "settings" | "settingsState"> & { readonly network: Http };
type ProbeResult = HttpResponse | Fault;
type Probe = (url: string) => Promise<ProbeResult>;

const HTTP_TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 1024 * 1024;
const DNS_TIMEOUT_MS = 6_000;
const MAX_CLOCK_OFFSET_MS = 60_000;
const UNREACHABLE_HINT =
  "Allow this machine to reach it over HTTPS (port 443). Check the firewall and the proxy.";

/** Checks the settings, the account and the keychain. */
export function localChecks(session: Session): Check[] {
  return [
    { name: "settings", run: () => checkSettings(session) },
    { name: "account", run: () => checkAccount(session) },
    { name: "keychain", run: () => checkKeychain(session) },
  ];
}

/**
 * Checks DNS, TLS, the proxy, each address of the manifest, and the clock. The network has to be
 * open when they run.
 */
export async function networkChecks(
  session: NetworkSession,
  signal: AbortSignal,
): Promise<Check[]> {
  const probe = createProbe(session, signal);
  const webex = new URL(session.settings.apiUrl);
  const manifest = (await readProductDocument("plugin.manifest.json")) as { network: string[] };
  return [
    { name: "DNS", run: () => checkDns(session, webex) },
    { name: "TLS", run: async () => checkTls(session, webex, await probe(webex.href)) },
    { name: "proxy", run: async () => checkProxy(session, webex, await probe(webex.href)) },
    ...manifest.network.map((address) => ({
      name: "address",
      run: () => checkAddress(address, webex, probe),
    })),
    { name: "clock", run: async () => checkClock(await probe(webex.href)) },
  ];
}

function checkSettings({ settingsPath, settingsState, settings }: Session): Finding | Finding[] {
  if (settingsState === null) {
    return warning("settingsNotGiven", {
      message: "No settings file is given, so the defaults are checked.",
      hint: "Pass the file that the worker reads: --settings <Presence.ini>",
    });
  }
  const findings = settingsState.problems.map((problem) =>
    problem.code === "settingsInvalid" || problem.code === "settingsUnknown"
      ? warning(problem.code, problem)
      : failed(problem),
  );
  if (findings.some(({ state }) => state === "failed")) return findings;
  const { apiUrl, enable, pollIntervalSeconds } = settings;
  const likely = likelyApiUrl(apiUrl);
  if (likely !== apiUrl) {
    const message = `WebexPresence.ApiUrl is ${apiUrl}. Webex's API is probably at ${likely}.`;
    const hint = `Set WebexPresence.ApiUrl=${likely}`;
    findings.push(warning("unlikelyApiUrl", { message, hint }));
  }
  const enabled = enable
    ? ok(`${settingsPath ?? ""}: presence is enabled, polled every ${pollIntervalSeconds} s`)
    : warning("presenceDisabled", {
        message: `${settingsPath ?? ""}: presence is disabled (WebexPresence.Enable is 0).`,
        hint: "To enable it, set WebexPresence.Enable=1.",
      });
  return [...findings, enabled];
}

function checkAccount({ account }: Session): Finding {
  const text = `${account}: the worker must run under this account to use its keychain`;
  if (nodeProcess.platform !== "windows") return ok(text);
  return ok(`${text} (services.msc shows the account of the UCX Presence service)`);
}

/** Writes, reads and deletes a value, because a locked keychain may look like an empty one. */
async function checkKeychain({ store, account, grantStore, open }: Session): Promise<Finding> {
  const name = `doctor:${process.pid}`;
  const value = randomBytes(16).toString("hex");
  await store.set(name, value);
  const storedValue = await store.get(name);
  const wasDeleted = await store.delete(name);
  if (storedValue !== value || !wasDeleted) {
    return failed({
      code: "keychainUnavailable",
      message: `The keychain of account ${account} does not return what was written to it, so it cannot store authorizations.`,
      hint: "Repair or reset this account's keychain. A reset also deletes the secrets of other programs.",
    });
  }
  if (store.kind === "memory") {
    return warning("memorySecretStore", {
      message:
        "The keychain was not checked, because --secret-store memory keeps secrets in memory.",
      hint: "Run the check without --secret-store memory.",
    });
  }
  await open();
  const { state } = grantStore;
  if (state.kind === "unavailable") return failed(state.fault);
  if (state.kind === "ready" && state.unreadableAccounts.length > 0) {
    return warning("keychainEntryUnreadable", {
      message: `The keychain works, but these entries of the worker are unreadable: ${state.unreadableAccounts.join(", ")}.`,
      hint: "To replace them, authorize again or store the client again (ucx-webex-presence secret client).",
    });
  }
  return ok("wrote, read and deleted a test value");
}

async function checkDns(session: NetworkSession, webex: URL): Promise<Finding> {
  const proxy = await resolveProxy(session, webex).catch(asFault);
  if (proxy instanceof Fault) return skipped("not checked: the proxy address is invalid");
  const host = (proxy ?? webex).hostname.replace(/^\[|\]$/g, "");
  const subject = proxy === null ? host : `proxy ${host} (which resolves ${webex.hostname})`;
  if (isIP(host) !== 0) return ok(`${subject}: an IP address, nothing to resolve`);
  try {
    const addresses = await Promise.race([
      lookup(host, { all: true }),
      sleep(DNS_TIMEOUT_MS, null, { ref: false }),
    ]);
    if (addresses === null) {
      return failed({
        code: "nameNotResolved",
        message: `${subject}: DNS did not answer within ${DNS_TIMEOUT_MS / 1000} s.`,
        hint: dnsHint(session, proxy),
      });
    }
    const shown = addresses.slice(0, 3).map(({ address }) => address);
    return ok(`${subject}: resolves to ${shown.join(", ")}`);
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    return failed({
      code: "nameNotResolved",
      message: `${subject}: the name could not be resolved (${code}).`,
      hint: dnsHint(session, proxy),
    });
  }
}

/** Its first sentence names the setting that the name is from, because it may be misspelled. */
function dnsHint({ settings }: NetworkSession, proxy: URL | null): string {
  const servers = "the DNS servers of this machine";
  if (proxy !== null)
    return `Check the host name in WebexPresence.Proxy (or in HTTPS_PROXY) and ${servers}.`;
  const subject =
    settings.apiUrl === DEFAULT_API_URL ? servers : `WebexPresence.ApiUrl and ${servers}`;
  return `Check ${subject}. If it uses a proxy to reach the internet, set WebexPresence.Proxy.`;
}

function checkTls(
  { settings, settingsState }: NetworkSession,
  { host, protocol }: URL,
  result: ProbeResult,
): Finding {
  const caFileProblem = settingsState?.problems.find(({ key }) => key === SETTING_KEYS.caFile.name);
  if (caFileProblem !== undefined) return failed(caFileProblem);
  if (result instanceof Fault) {
    const { reason } = result.data;
    if (reason === "dns" || reason === "proxy")
      return skipped(`not checked: ${host} could not be reached`);
    return failed(result);
  }
  if (protocol === "http:") return ok(`${host}: not used for http`);
  const source = settings.caFile === null ? "" : `, using the certificates in ${settings.caFile}`;
  return ok(`${host}: the certificate is trusted${source}`);
}

async function checkProxy(
  session: NetworkSession,
  webex: URL,
  result: ProbeResult,
): Promise<Finding> {
  const proxy = await resolveProxy(session, webex);
  const { proxy: setting } = session.settings;
  if (proxy === null)
    return ok(setting === "none" ? "none, as set by WebexPresence.Proxy" : "none configured");
  const source = setting === "" ? "HTTPS_PROXY" : "WebexPresence.Proxy";
  const subject = `${proxy.host} (${source})`;
  if (!(result instanceof Fault)) return ok(`${subject}: forwards requests`);
  if (result.data.reason === "proxy") return failed(result);
  return skipped(`${subject}: unknown, because Webex could not be reached through it`);
}

async function checkAddress(address: string, webex: URL, probe: Probe): Promise<Finding> {
  // For a wildcard, the domain itself is probed.
  const { host, origin } = new URL(address.replace("://*.", "://"));
  const result = await probe(origin === webex.origin ? webex.href : `${origin}/`);
  if (!(result instanceof Fault)) return ok(`${host}: reachable`);
  const text = `${host}: ${result.message}`;
  if (origin === webex.origin)
    return failed({ code: result.code, message: text, hint: result.hint ?? UNREACHABLE_HINT });
  if (host.endsWith("webexapis.com")) {
    return warning("addressUnreachable", {
      message: `${text} The worker uses ${webex.origin} instead.`,
      hint: "No action is needed while WebexPresence.ApiUrl is set to another address.",
    });
  }
  return warning("addressUnreachable", {
    message: `${text} Presence works without it, but other services of the UCX Suite may not.`,
    hint: UNREACHABLE_HINT,
  });
}

function checkClock(result: ProbeResult): Finding {
  const offset = result instanceof Fault ? null : clockOffset(result);
  if (offset === null) return skipped("not checked: Webex sent no time");
  const difference = Math.abs(offset);
  const text = `${formatDuration(difference)} ${offset > 0 ? "ahead of" : "behind"} Webex`;
  if (difference < 2_000) return ok("in sync with Webex");
  if (difference <= MAX_CLOCK_OFFSET_MS) return ok(text);
  return warning("clockWrong", {
    message: `This machine's clock is ${text}, so expiry and presence times are off by as much.`,
    hint: "Set the clock and synchronize it with a time server (Windows: w32tm /resync).",
  });
}

/**
 * Milliseconds that this machine's clock is at least ahead of the server's (negative: behind); null
 * if the response has no valid Date header.
 */
export function clockOffset({ headers, sentAt, receivedAt }: HttpResponse): number | null {
  const serverTime = Date.parse(headers.date ?? "");
  if (Number.isNaN(serverTime)) return null;
  // The Date header is truncated to a second, and was set between sending and receiving.
  const minOffset = sentAt - (serverTime + 1000);
  return minOffset > 0 ? minOffset : Math.min(0, receivedAt - serverTime);
}

function resolveProxy({ settings }: NetworkSession, target: URL): Promise<URL | null> {
  const options = { proxy: settings.proxy, proxyPassword: null, extraCertificates: null };
  return proxyFor(target, options);
}

/**
 * Requests addresses as the worker does, but without a token, and each only once. Any HTTP status
 * counts as a response.
 */
function createProbe({ network }: NetworkSession, signal: AbortSignal): Probe {
  const results = new Map<string, Promise<ProbeResult>>();
  const request = async (url: string): Promise<ProbeResult> => {
    const sentAt = Date.now();
    try {
      const { headers } = await network.send({
        method: "GET",
        url,
        headers: { "User-Agent": `ucx-webex-presence/${version}` },
        timeoutMs: HTTP_TIMEOUT_MS,
        maxBytes: MAX_RESPONSE_BYTES,
        signal,
      });
      return { headers, sentAt, receivedAt: Date.now() };
    } catch (error) {
      return asFault(error);
    }
  };
  return (url) => {
    const result = results.get(url) ?? request(url);
    results.set(url, result);
    return result;
  };
}

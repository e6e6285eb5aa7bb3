import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { asFault, type Fault } from "../faults/fault.js";
import { proxyFor } from "../platform/http-agents.js";
import { readProductDocument, version, nodeProcess } from "../platform/node-process.js";
import { SETTING_KEYS } from "../settings/keys.js";
import {
  failed,
  failedWith,
  ok,
  skipped,
  warning,
  type Check,
  type Finding,
} from "./doctor-finding.js";
import type { Session } from "./session.js";
import { formatDuration } from "./terminal/text.js";

interface HttpResponse {
  readonly kind: "response";
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly sentAt: number;
  readonly receivedAt: number;
}
type ProbeResult = HttpResponse | { readonly kind: "fault"; readonly fault: Fault };
type Probe = (url: string, signal: AbortSignal) => Promise<ProbeResult>;

const HTTP_TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 1024 * 1024;
const DNS_TIMEOUT_MS = 6_000;
const MAX_CLOCK_OFFSET_MS = 60_000;
const UNREACHABLE_HINT =
  "Allow this machine to reach it over HTTPS (port 443). Check the firewall and the proxy.";

/** Checks the settings, the account and the keychain. */
export function localChecks(session: Session): Check[] {
  return [
    { name: "settings", run: () => Promise.resolve(checkSettings(session)) },
    { name: "account", run: () => Promise.resolve([checkAccount(session)]) },
    { name: "keychain", run: async () => [await checkKeychain(session)] },
  ];
}

/**
 * Checks DNS, TLS, the proxy, each address of the manifest, and the clock. The session has to be
 * open.
 */
export async function networkChecks(session: Session): Promise<Check[]> {
  const probe = createProbe(session);
  const webex = new URL(session.settings.apiUrl);
  const probeWebex = (signal: AbortSignal): Promise<ProbeResult> => probe(webex.href, signal);
  return [
    { name: "DNS", run: async () => [await checkDns(session, webex)] },
    { name: "TLS", run: async (signal) => [checkTls(session, webex, await probeWebex(signal))] },
    {
      name: "proxy",
      run: async (signal) => [await checkProxy(session, webex, await probeWebex(signal))],
    },
    ...(await manifestAddresses()).map((address) => ({
      name: "address",
      run: async (signal: AbortSignal) => [await checkAddress(address, webex, probe, signal)],
    })),
    { name: "clock", run: async (signal) => [checkClock(await probeWebex(signal))] },
  ];
}

function checkSettings({ settingsPath, settingsState, settings }: Session): Finding[] {
  if (settingsState === null) {
    return [
      warning(
        "No settings file is given, so the defaults are checked.",
        "Pass the file that the worker reads: --settings <Presence.ini>",
      ),
    ];
  }
  const problems = settingsState.problems.map(({ code, message, hint }) =>
    code === "settingsInvalid" ? warning(message, hint) : failed(message, hint),
  );
  if (problems.some(({ state }) => state === "failed")) return problems;
  const path = settingsPath ?? "";
  if (!settings.enable) {
    return [
      ...problems,
      warning(
        `${path}: presence is disabled (WebexPresence.Enable is 0).`,
        "To enable it, set WebexPresence.Enable=1.",
      ),
    ];
  }
  const { pollIntervalSeconds } = settings;
  return [...problems, ok(`${path}: presence is enabled, polled every ${pollIntervalSeconds} s`)];
}

function checkAccount({ account }: Session): Finding {
  const text = `${account}: the worker must run under this account to use its keychain`;
  if (nodeProcess.platform !== "windows") return ok(text);
  return ok(`${text} (services.msc shows the account of the UCX Presence service)`);
}

/** Writes, reads and deletes a value, because a locked keychain may look like an empty one. */
async function checkKeychain(session: Session): Promise<Finding> {
  const { store, account, grantStore } = session;
  const name = `doctor:${process.pid}`;
  const value = randomBytes(16).toString("hex");
  try {
    await store.set(name, value);
    const storedValue = await store.get(name);
    const wasDeleted = await store.delete(name);
    if (storedValue !== value || !wasDeleted) {
      return failed(
        `The keychain of account ${account} does not return what was written to it, so it cannot store authorizations.`,
        "Repair or reset this account's keychain. A reset also deletes the secrets of other programs.",
      );
    }
  } catch (error) {
    return failedWith(error);
  }
  if (store.kind === "memory") {
    return warning(
      "The keychain was not checked, because --secret-store memory keeps secrets in memory.",
      "Run the check without --secret-store memory.",
    );
  }
  await session.open();
  const { state } = grantStore;
  if (state.kind === "unavailable") return failedWith(state.fault);
  if (state.kind === "ready" && state.unreadableAccounts.length > 0) {
    return warning(
      `The keychain works, but these entries of the worker are unreadable: ${state.unreadableAccounts.join(", ")}.`,
      "To replace them, authorize again or store the client again (ucx-webex-presence secret client).",
    );
  }
  return ok("wrote, read and deleted a test value");
}

async function checkDns(session: Session, webex: URL): Promise<Finding> {
  const proxy = await resolveProxy(session, webex);
  if (proxy instanceof Error) return skipped("not checked: the proxy address is invalid");
  const host = (proxy ?? webex).hostname.replace(/^\[|\]$/g, "");
  const subject = proxy === null ? host : `proxy ${host} (which resolves ${webex.hostname})`;
  if (isIP(host) !== 0) return ok(`${subject}: an IP address, nothing to resolve`);
  try {
    const addresses = await Promise.race([
      lookup(host, { all: true }),
      sleep(DNS_TIMEOUT_MS, null, { ref: false }),
    ]);
    if (addresses === null) {
      return failed(
        `${subject}: DNS did not answer within ${DNS_TIMEOUT_MS / 1000} s.`,
        "Check the DNS servers of this machine.",
      );
    }
    const shown = addresses.slice(0, 3).map(({ address }) => address);
    return ok(`${subject}: resolves to ${shown.join(", ")}`);
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    return failed(
      `${subject}: the name could not be resolved (${code}).`,
      "Check the DNS servers of this machine. If it uses a proxy to reach the internet, set WebexPresence.Proxy.",
    );
  }
}

function checkTls(
  { settings, settingsState }: Session,
  { host, protocol }: URL,
  result: ProbeResult,
): Finding {
  const caFileProblem = settingsState?.problems.find(({ key }) => key === SETTING_KEYS.caFile.name);
  if (caFileProblem !== undefined) return failed(caFileProblem.message, caFileProblem.hint);
  if (result.kind === "fault") {
    const { reason } = result.fault.data;
    if (reason === "dns" || reason === "proxy")
      return skipped(`not checked: ${host} could not be reached`);
    return failedWith(result.fault);
  }
  if (protocol === "http:") return ok(`${host}: not used for http`);
  const source = settings.caFile === null ? "" : `, using the certificates in ${settings.caFile}`;
  return ok(`${host}: the certificate is trusted${source}`);
}

async function checkProxy(session: Session, webex: URL, result: ProbeResult): Promise<Finding> {
  const proxy = await resolveProxy(session, webex);
  if (proxy instanceof Error) return failedWith(proxy);
  const { proxy: setting } = session.settings;
  if (proxy === null)
    return ok(setting === "none" ? "none, as set by WebexPresence.Proxy" : "none configured");
  const source = setting === "" ? "HTTPS_PROXY" : "WebexPresence.Proxy";
  const subject = `${proxy.host} (${source})`;
  if (result.kind === "response") return ok(`${subject}: forwards requests`);
  if (result.fault.data.reason === "proxy") return failedWith(result.fault);
  return skipped(`${subject}: unknown, because Webex could not be reached through it`);
}

/** For a wildcard, the domain itself is probed. */
async function manifestAddresses(): Promise<string[]> {
  const { network } = (await readProductDocument("plugin.manifest.json")) as {
    network: readonly string[];
  };
  return network.map((address) => address.replace("://*.", "://"));
}

async function checkAddress(
  address: string,
  webex: URL,
  probe: Probe,
  signal: AbortSignal,
): Promise<Finding> {
  const { host, origin } = new URL(address);
  const result = await probe(origin === webex.origin ? webex.href : `${origin}/`, signal);
  if (result.kind === "response") return ok(`${host}: reachable`);
  const text = `${host}: ${result.fault.message}`;
  if (origin === webex.origin) return failed(text, result.fault.hint ?? UNREACHABLE_HINT);
  if (host.endsWith("webexapis.com")) {
    return warning(
      `${text} The worker uses ${webex.origin} instead.`,
      "No action is needed while WebexPresence.ApiUrl is set to another address.",
    );
  }
  return warning(
    `${text} Presence works without it, but other services of the UCX Suite may not.`,
    UNREACHABLE_HINT,
  );
}

function checkClock(result: ProbeResult): Finding {
  const offset = result.kind === "response" ? clockOffset(result) : null;
  if (offset === null) return skipped("not checked: Webex sent no time");
  const difference = Math.abs(offset);
  const text = `${formatDuration(difference)} ${offset > 0 ? "ahead of" : "behind"} Webex`;
  if (difference < 2_000) return ok("in sync with Webex");
  if (difference <= MAX_CLOCK_OFFSET_MS) return ok(text);
  return warning(
    `This machine's clock is ${text}, so expiry and presence times are off by as much.`,
    "Set the clock and synchronize it with a time server (Windows: w32tm /resync).",
  );
}

/**
 * Milliseconds that this machine's clock is at least ahead of the server's (negative: behind); null
 * if the response has no valid Date header.
 */
export function clockOffset(response: Omit<HttpResponse, "kind">): number | null {
  const serverTime = Date.parse(response.headers.date ?? "");
  if (Number.isNaN(serverTime)) return null;
  // The Date header is truncated to a second, and was set between sending and receiving.
  const minOffset = response.sentAt - (serverTime + 1000);
  const maxOffset = response.receivedAt - serverTime;
  if (minOffset > 0) return minOffset;
  return maxOffset < 0 ? maxOffset : 0;
}

async function resolveProxy({ settings }: Session, target: URL): Promise<URL | null | Fault> {
  try {
    return await proxyFor(target, {
      proxy: settings.proxy,
      proxyPassword: null,
      extraCertificates: null,
    });
  } catch (error) {
    return asFault(error);
  }
}

/**
 * Requests addresses as the worker does, but without a token, and each only once. Any HTTP status
 * counts as a response.
 */
function createProbe({ network }: Session): Probe {
  const results = new Map<string, Promise<ProbeResult>>();
  const request = async (url: string, signal: AbortSignal): Promise<ProbeResult> => {
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
      return { kind: "response", headers, sentAt, receivedAt: Date.now() };
    } catch (error) {
      return { kind: "fault", fault: asFault(error) };
    }
  };
  return (url, signal) => {
    const result = results.get(url) ?? request(url, signal);
    results.set(url, result);
    return result;
  };
}

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

import { asFault, type Fault } from "../faults/fault.js";
import { proxyFor } from "../platform/http-proxy.js";
import { readProductDocument } from "../platform/installation.js";
import { SETTING_KEYS } from "../settings/keys.js";
import {
  type Check,
  failed,
  failedWith,
  type Finding,
  ok,
  skipped,
  warning,
} from "./doctor-finding.js";
import { clockOffset, withTimeout, type ProbeResult, HttpProbe } from "./doctor-reach.js";
import type { Session } from "./session.js";
import { formatDuration } from "./time-text.js";

const DNS_TIMEOUT_MS = 6_000;
const MAX_CLOCK_OFFSET_MS = 60_000;
const ADDRESSES_HINT = "Let this machine reach it over HTTPS (port 443): check firewall and proxy.";

/** DNS, TLS, proxy, each address of the manifest, and the clock: the way to Webex. The session has to be open by then. */
export async function networkChecks(session: Session): Promise<Check[]> {
  const probe = new HttpProbe(session);
  const webex = new URL(session.settings.apiUrl);
  const probeWebex = (signal: AbortSignal): Promise<ProbeResult> => probe.send(webex.href, signal);
  return [
    { name: "DNS", run: async () => [await dnsFinding(session, webex)] },
    { name: "TLS", run: async (signal) => [tlsFinding(session, webex, await probeWebex(signal))] },
    {
      name: "proxy",
      run: async (signal) => [await proxyFinding(session, webex, await probeWebex(signal))],
    },
    ...(await manifestAddresses()).map((address) => addressCheck(address, webex, probe)),
    { name: "clock", run: async (signal) => [clockFinding(await probeWebex(signal))] },
  ];
}

async function dnsFinding(session: Session, webex: URL): Promise<Finding> {
  const proxy = await proxyOf(session, webex);
  if (proxy instanceof Error) return skipped("not checked: the proxy's address cannot be used");
  const { hostname } = proxy ?? webex;
  const host = hostname.replace(/^\[|\]$/g, "");
  const subject =
    proxy === null ? host : `the proxy ${host} (it resolves ${webex.hostname} itself)`;
  if (isIP(host) !== 0) return ok(`${subject}: an address already, no name to resolve`);
  try {
    const addresses = await withTimeout(lookup(host, { all: true }), DNS_TIMEOUT_MS);
    if (addresses !== null)
      return ok(
        `${subject}: ${addresses
          .map(({ address }) => address)
          .slice(0, 3)
          .join(", ")}`,
      );
    return failed(
      `${subject}: no answer from DNS within ${DNS_TIMEOUT_MS / 1000} s.`,
      "Check the DNS servers of this machine.",
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return failed(
      `${subject}: the name could not be resolved (${code ?? "unknown error"}).`,
      "Check this machine's DNS; if it reaches the internet through a proxy, set WebexPresence.Proxy.",
    );
  }
}

function tlsFinding(
  { settings, settingsState }: Session,
  webex: URL,
  result: ProbeResult,
): Finding {
  const caFileProblem = settingsState?.problems.find(({ key }) => key === SETTING_KEYS.caFile.name);
  if (caFileProblem !== undefined) return failed(caFileProblem.message, caFileProblem.hint);
  if (result.kind === "fault") {
    const { reason } = result.fault.data;
    if (reason === "dns" || reason === "proxy")
      return skipped(`not checked: ${webex.host} was not reached`);
    return failedWith(result.fault);
  }
  if (webex.protocol === "http:")
    return ok(`${webex.host}: not needed for an http address on this machine`);
  const addition = settings.caFile === null ? "" : `, with the certificates of ${settings.caFile}`;
  return ok(`${webex.host}: a secure connection, and its certificate is trusted${addition}`);
}

async function proxyFinding(session: Session, webex: URL, result: ProbeResult): Promise<Finding> {
  const proxy = await proxyOf(session, webex);
  if (proxy instanceof Error) return failedWith(proxy);
  const { proxy: setting } = session.settings;
  if (proxy === null)
    return ok(
      setting === "none" ? "none, as WebexPresence.Proxy says" : "none: Webex is asked directly",
    );
  if (result.kind === "fault" && result.fault.data.reason === "proxy")
    return failedWith(result.fault);
  const origin = setting === "" ? "HTTPS_PROXY" : "WebexPresence.Proxy";
  if (result.kind === "fault")
    return skipped(
      `${proxy.host} (${origin}): not known, because Webex was not reached through it`,
    );
  return ok(`${proxy.host} (${origin}) passes requests on`);
}

/** Wildcards stand for whatever is under a domain; the domain itself is what can be asked. */
async function manifestAddresses(): Promise<string[]> {
  const { network } = (await readProductDocument("plugin.manifest.json")) as {
    network: readonly string[];
  };
  return network.map((address) => address.replace("://*.", "://"));
}

function addressCheck(address: string, webex: URL, probe: HttpProbe): Check {
  const { host, origin } = new URL(address);
  const run = async (signal: AbortSignal): Promise<readonly Finding[]> => {
    const result = await probe.send(origin === webex.origin ? webex.href : `${origin}/`, signal);
    if (result.kind === "answer") return [ok(`${host}: reached`)];
    const text = `${host}: ${result.fault.message}`;
    if (origin === webex.origin) return [failed(text, result.fault.hint ?? ADDRESSES_HINT)];
    if (host.endsWith("webexapis.com"))
      return [
        warning(
          `${text} Webex is asked at ${webex.origin} instead.`,
          "Nothing to do while WebexPresence.ApiUrl names another address.",
        ),
      ];
    return [
      warning(
        `${text} Presence works without it; other services of the UCX Suite may not.`,
        ADDRESSES_HINT,
      ),
    ];
  };
  return { name: "address", run };
}

function clockFinding(result: ProbeResult): Finding {
  const offset = result.kind === "answer" ? clockOffset(result) : null;
  if (offset === null) return skipped("not checked: Webex told no time");
  const off = Math.abs(offset);
  if (off <= MAX_CLOCK_OFFSET_MS)
    return ok(
      off < 2_000
        ? "agrees with Webex's"
        : `${formatDuration(off)} ${offset > 0 ? "ahead of" : "behind"} Webex's`,
    );
  return warning(
    `This machine's clock is ${formatDuration(off)} ${offset > 0 ? "ahead of" : "behind"} Webex's: times of expiry and of presence are wrong by as much.`,
    "Set the clock, and let it follow a time server (Windows: w32tm /resync).",
  );
}

async function proxyOf({ settings }: Session, target: URL): Promise<URL | null | Fault> {
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

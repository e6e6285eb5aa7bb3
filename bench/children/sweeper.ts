// Sweeps a whole organization with one of several clients. Answers each message of the parent with
// the cost of one sweep.
import { subscribe } from "node:diagnostics_channel";
import { Agent, get } from "node:http";
import type { Socket } from "node:net";
import { gunzipSync } from "node:zlib";

import { Secret } from "../../src/faults/secret.js";
import { createAxiosHttp } from "../../src/platform/axios-http.js";
import { systemClock } from "../../src/platform/system-clock.js";
import type { Logger } from "../../src/ports/logger.js";
import { PresenceDirectory } from "../../src/presence/presence-directory.js";
import { createPeopleApi, type PageReference } from "../../src/webex/people.js";
import { RestClient } from "../../src/webex/rest.js";
import { ciscoSdkSweeper } from "../cisco-sdk.js";

/** Reads all pages once and resolves with the number of items. */
export type Sweeper = () => Promise<number>;
export type SweeperName = keyof typeof sweepers;

const PAGE_SIZE = 1_000;
const logger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
};

/** The contenders. Other clients of Webex's API are added here. */
const sweepers = {
  product: (apiUrl: string, getToken: string) =>
    Promise.resolve(productSweeper(apiUrl, getToken, "known")),
  productAtFirst: (apiUrl: string, getToken: string) =>
    Promise.resolve(productSweeper(apiUrl, getToken, "unknown")),
  rawGzip: (apiUrl: string, getToken: string) =>
    Promise.resolve(rawSweeper(apiUrl, getToken, "gzip")),
  raw: (apiUrl: string, getToken: string) =>
    Promise.resolve(rawSweeper(apiUrl, getToken, "identity")),
  axios: axiosSweeper,
  ciscoSdk: (apiUrl: string, getToken: string): Promise<Sweeper> =>
    ciscoSdkSweeper(apiUrl, getToken, PAGE_SIZE),
};

/**
 * The worker's HTTP, REST client, decoding and roster, which keeps the last sweep's people or not.
 */
function productSweeper(
  apiUrl: string,
  getToken: string,
  previousPeople: "known" | "unknown",
): Sweeper {
  const bearer = new Secret(getToken);
  const http = createAxiosHttp({ proxy: "none", proxyPassword: null, extraCertificates: null });
  const tokens = { getToken: () => Promise.resolve(bearer), replace: () => Promise.resolve(null) };
  const gate = { acquire: () => Promise.resolve(), complete: () => undefined };
  const webex = createPeopleApi(
    new RestClient({ apiUrl, version: "0.0.0", http, clock: systemClock }, tokens, gate),
    "organization",
  );
  const directory = new PresenceDirectory(systemClock, logger);
  directory.setCondition("polling");
  const { signal } = new AbortController();
  return async () => {
    let items = 0;
    if (previousPeople === "unknown") directory.removeOrganization("organization");
    const roster = directory.addOrganization("organization");
    const sweep = roster.beginSweep();
    let reference: PageReference | null = { kind: "first", max: PAGE_SIZE };
    for (let page = 0; reference !== null; page += 1) {
      const content = await webex.listPage(reference, signal);
      roster.applyPage(sweep, content.items, page);
      items += content.items.length;
      reference = content.next === null ? null : { kind: "next", url: content.next };
    }
    roster.completeSweep(sweep);
    return items;
  };
}

/**
 * The floor: Node's own request and one `JSON.parse` per page, without using the result. With gzip,
 * each page is inflated at once, which costs the least.
 */
function rawSweeper(apiUrl: string, getToken: string, coding: "gzip" | "identity"): Sweeper {
  const agent = new Agent({ keepAlive: true });
  const headers = {
    authorization: `Bearer ${getToken}`,
    accept: "application/json",
    "accept-encoding": coding,
  };
  return async () => {
    let items = 0;
    for (let url: string | null = `${apiUrl}/people?max=${PAGE_SIZE}`; url !== null;) {
      const page = await rawPage(url, agent, headers);
      items += page.items;
      url = page.next;
    }
    return items;
  };
}

function rawPage(
  url: string,
  agent: Agent,
  headers: Record<string, string>,
): Promise<{ items: number; next: string | null }> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const body = Buffer.concat(chunks);
        const isCompressed = response.headers["content-encoding"] === "gzip";
        const text = (isCompressed ? gunzipSync(body) : body).toString("utf8");
        const { items } = JSON.parse(text) as { items: unknown[] };
        resolve({ items: items.length, next: nextLink(response.headers.link) });
      });
    }).on("error", reject);
  });
}

/** A straightforward client with axios. */
async function axiosSweeper(apiUrl: string, getToken: string): Promise<Sweeper> {
  const { default: axios } = await import("axios");
  return async () => {
    let items = 0;
    for (let url: string | null = `${apiUrl}/people?max=${PAGE_SIZE}`; url !== null;) {
      const response = await axios.get<{ items: unknown[] }>(url, {
        headers: { Authorization: `Bearer ${getToken}` },
      });
      items += response.data.items.length;
      const { link } = response.headers;
      url = nextLink(typeof link === "string" ? link : undefined);
    }
    return items;
  };
}

function nextLink(link: string | string[] | undefined): string | null {
  return /<([^>]+)>; *rel="?next"?/.exec(String(link ?? ""))?.[1] ?? null;
}

export interface SweepCost {
  readonly persons: number;
  readonly cpuMs: number;
  /** Received by all sockets of the process. */
  readonly wireBytes: number;
  /** Resident memory after the sweep, in 10^6 bytes. */
  readonly residentMb: number;
}

/** Counted here, because only the sockets see what libraries decompress. */
const sockets = new Set<Socket>();
let closedBytes = 0;
subscribe("net.client.socket", (message) => {
  const { socket } = message as { socket: Socket };
  sockets.add(socket);
  socket.once("close", () => {
    sockets.delete(socket);
    closedBytes += socket.bytesRead;
  });
});
const receivedBytes = (): number =>
  [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, closedBytes);

const [name = "", apiUrl = "", token = ""] = process.argv.slice(2);
const sweeper = await sweepers[name as SweeperName](apiUrl, token);
process.on("message", () => void sweepOnce().then((cost) => process.send?.(cost)));
process.on("disconnect", () => process.exit(0));
process.send?.("ready");

async function sweepOnce(): Promise<SweepCost> {
  const bytesBefore = receivedBytes();
  const cpu = process.cpuUsage();
  const persons = await sweeper();
  const { user, system } = process.cpuUsage(cpu);
  const wireBytes = receivedBytes() - bytesBefore;
  const residentMb = process.memoryUsage.rss() / 1e6;
  return { persons, cpuMs: (user + system) / 1_000, wireBytes, residentMb };
}

import { join } from "node:path";

import type { Logger, LogLevel } from "../ports/logger.js";
import { createAxiosHttp } from "./axios-http.js";
import { createCertificateReader } from "./certificates.js";
import { readIniLine } from "./ini-line.js";
import { JsonRpcChannel } from "./json-rpc/channel.js";
import { listenOnLoopback } from "./loopback-server.js";
import { nodeProcess, readAsset, readProductDocument, version } from "./node-process.js";
import type { claimStdio } from "./node-process.js";
import { KeytarStore, MemoryStore } from "./secret-store.js";
import { DiskSettingsFile } from "./settings-file.js";
import { nodeStatusFile } from "./status-file.js";
import { systemClock, systemCrypto, systemRandom } from "./system-clock.js";
import { WinstonLog } from "./winston-log.js";

/** The launch options that select the adapters. */
export interface PortOptions {
  readonly settingsPath: string;
  readonly logDirectory: string;
  readonly logLevel: LogLevel | null;
  readonly secretStore: "keychain" | "memory";
}

/** Creates the worker's adapters for Node. Nothing heavy is loaded before its first use. */
export function nodePorts(options: PortOptions, stdio: ReturnType<typeof claimStdio>) {
  const log = new WinstonLog(options.logDirectory, options.logLevel ?? "info");
  warnOfDisabledVerification(log);
  return {
    clock: systemClock,
    random: systemRandom,
    crypto: systemCrypto,
    log,
    process: nodeProcess,
    channel: new JsonRpcChannel(stdio.input, stdio.output),
    settingsFile: new DiskSettingsFile(options.settingsPath),
    readIniLine,
    readCertificates: createCertificateReader(),
    secretStore:
      options.secretStore === "memory" ? new MemoryStore() : new KeytarStore(nodeProcess),
    http: createAxiosHttp,
    statusFile: nodeStatusFile(join(options.logDirectory, "status.json")),
    openRpc: () => readProductDocument("openrpc.json"),
    listenOnLoopback,
    readAsset,
    version,
  };
}

function warnOfDisabledVerification(log: Logger): void {
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED !== "0") return;
  log.warn(
    "The environment sets NODE_TLS_REJECT_UNAUTHORIZED=0. The worker ignores that and verifies the certificates of Webex and of proxies. To trust the root certificate of a firewall or proxy that inspects TLS, name it in WebexPresence.CaFile.",
  );
}

import { join } from "node:path";

import type { LogLevel } from "../ports/logger.js";
import { createAxiosHttp } from "./axios-http.js";
import { readCertificates } from "./certificates.js";
import { readIniLine } from "./ini-line.js";
import { JsonRpcChannel } from "./json-rpc/channel.js";
import { listenOnLoopback } from "./loopback-server.js";
import { nodeProcess, readAsset, readProductDocument, version } from "./node-process.js";
import type { claimStdio } from "./node-process.js";
import { KeytarStore, MemoryStore } from "./secret-store.js";
import { nodePollRequestFile } from "./poll-request-file.js";
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
  return {
    clock: systemClock,
    random: systemRandom,
    crypto: systemCrypto,
    log: new WinstonLog(options.logDirectory, options.logLevel ?? "info"),
    process: nodeProcess,
    channel: new JsonRpcChannel(stdio.input, stdio.output),
    settingsFile: new DiskSettingsFile(options.settingsPath),
    readIniLine,
    readCertificates,
    secretStore:
      options.secretStore === "memory" ? new MemoryStore() : new KeytarStore(nodeProcess),
    http: createAxiosHttp,
    pollRequestFile: nodePollRequestFile(options.logDirectory),
    statusFile: nodeStatusFile(join(options.logDirectory, "status.json")),
    openRpc: () => readProductDocument("openrpc.json"),
    listenOnLoopback,
    readAsset,
    version,
  };
}

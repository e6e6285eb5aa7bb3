import type { LogLevel } from "../ports/logger.js";

/** The values in force. Units are in the names. */
export interface Settings {
  readonly enable: boolean;
  readonly pollIntervalSeconds: number;
  readonly requestsPerMinute: number;
  readonly staleAfterSeconds: number;
  /** null: the id in the keychain. */
  readonly clientId: string | null;
  readonly authorize: "browser" | "device" | "off";
  readonly redirectPort: number;
  /** Without a trailing slash. */
  readonly apiUrl: string;
  /** `http://[user@]host:port`, "none", or "" = HTTPS_PROXY/NO_PROXY. */
  readonly proxy: string;
  /** Path of a PEM file, or null. */
  readonly caFile: string | null;
  readonly logLevel: LogLevel;
}

import type { LogLevel } from "../ports/logger.js";
import {
  choiceParser,
  integerParser,
  parseApiUrl,
  parseBoolean,
  parseClientId,
  parseDashboardPort,
  parsePath,
  parseProxy,
  type ParseResult,
  withoutUserInfo,
} from "./value-parsers.js";

/** The values of all settings. Units are in the names. */
export interface Settings {
  readonly enable: boolean;
  readonly pollIntervalSeconds: number;
  readonly requestsPerMinute: number;
  readonly staleAfterSeconds: number;
  /** null: the id in the keychain applies. */
  readonly clientId: string | null;
  readonly authorize: "browser" | "device" | "off";
  readonly redirectPort: number;
  /** Without a trailing slash. */
  readonly apiUrl: string;
  /** `http://[user@]host:port`, "none", or "" for HTTPS_PROXY and NO_PROXY. */
  readonly proxy: string;
  /** The path of a PEM file, or null. */
  readonly caFile: string | null;
  readonly logLevel: LogLevel;
  /** The port of the dashboard; 0: there is none. */
  readonly dashboardPort: number;
}

/** The section of plain names, and the prefix of dotted names. */
export const SETTINGS_PREFIX = "WebexPresence";

type SettingValue = string | number | boolean;

interface SettingKey<T> {
  /** In its documented spelling; names are case-insensitive. */
  readonly name: string;
  /** For the documentation. */
  readonly values: string;
  readonly default: T;
  readonly takesEffect: string;
  readonly description: string;
  readonly parse: (text: string) => ParseResult<T>;
  /** The value is parsed as it is written, with all its backslashes. */
  readonly isVerbatim?: true;
  /** How a status or a message displays the value, if not verbatim. */
  readonly display?: (value: T) => SettingValue;
}

/** The source of validation, status, manifest and documentation. */
export const SETTING_KEYS: { readonly [F in keyof Settings]: SettingKey<Settings[F]> } = {
  enable: {
    name: "WebexPresence.Enable",
    values: "0, 1 (also true/false, yes/no, on/off)",
    default: false,
    takesEffect: "immediately: polling starts or stops",
    description: "Turns presence from Webex on (1) or off (0).",
    parse: parseBoolean,
  },
  pollIntervalSeconds: {
    name: "WebexPresence.PollIntervalSeconds",
    values: "5–3600",
    default: 20,
    takesEffect: "immediately",
    description: "Interval between two sweeps of an organization in seconds, randomized by ±10 %.",
    parse: integerParser(5, 3600),
  },
  requestsPerMinute: {
    name: "WebexPresence.RequestsPerMinute",
    values: "1–600, per organization",
    default: 60,
    takesEffect: "immediately",
    description: "Maximum number of requests to Webex for one organization in any 60 seconds.",
    parse: integerParser(1, 600),
  },
  staleAfterSeconds: {
    name: "WebexPresence.StaleAfterSeconds",
    values: "30–86400",
    default: 180,
    takesEffect: "immediately",
    description: "Seconds after which presence that Webex has not confirmed becomes unknown.",
    parse: integerParser(30, 86400),
  },
  clientId: {
    name: "WebexPresence.ClientId",
    values: "text",
    default: null,
    takesEffect: "immediately; takes precedence over the id in the keychain",
    description:
      "Client ID of the Webex integration. Its secret is in the keychain; a secret stored there for another id is not used.",
    parse: parseClientId,
  },
  authorize: {
    name: "WebexPresence.Authorize",
    values: "`browser`, `device`, `off`",
    default: "browser",
    takesEffect: "immediately",
    description:
      "Authorization flow that the worker keeps open while presence is enabled and a grant is missing. Its address is in the log and in `authorization/changed`.",
    parse: choiceParser(["browser", "device", "off"]),
  },
  redirectPort: {
    name: "WebexPresence.RedirectPort",
    values: "1024–65535",
    default: 8467,
    takesEffect: "with the next flow",
    description:
      "Port on localhost to which Webex redirects the administrator's browser. The redirect URI of the integration must contain it.",
    parse: integerParser(1024, 65535),
  },
  apiUrl: {
    name: "WebexPresence.ApiUrl",
    values: "an https URL, or http on a loopback address",
    default: "https://webexapis.com/v1",
    takesEffect: "immediately",
    description: "Base URL of the Webex REST API.",
    parse: parseApiUrl,
  },
  proxy: {
    name: "WebexPresence.Proxy",
    values: "`http://[user@]host:port`, `none`, or empty = HTTPS_PROXY/NO_PROXY",
    default: "",
    takesEffect: "immediately; if set, always used, also for loopback",
    description:
      "HTTP proxy for requests to Webex; https uses CONNECT. Its password is in the keychain.",
    parse: parseProxy,
    isVerbatim: true,
    display: withoutUserInfo,
  },
  caFile: {
    name: "WebexPresence.CaFile",
    values: "path of a PEM file",
    default: null,
    takesEffect: "immediately",
    description:
      "Additional trusted root certificates, for a proxy or firewall that inspects https.",
    parse: parsePath,
    isVerbatim: true,
  },
  logLevel: {
    name: "WebexPresence.LogLevel",
    values: "error, warn, info, debug",
    default: "info",
    takesEffect: "immediately",
    description: "Level of detail of the log. The launch option --log-level takes precedence.",
    parse: choiceParser(["error", "warn", "info", "debug"]),
  },
  dashboardPort: {
    name: "WebexPresence.DashboardPort",
    values: "0 = off, 1024–65535",
    default: 0,
    takesEffect: "immediately",
    description:
      "Port on localhost at which the worker shows its dashboard. `ucx-webex-presence dashboard` prints the address.",
    parse: parseDashboardPort,
  },
};

export const SETTING_FIELDS = Object.keys(SETTING_KEYS) as readonly (keyof Settings)[];

/** Apply to keys that the file does not contain. */
export const defaultSettings: Settings = Object.freeze(
  Object.fromEntries(
    SETTING_FIELDS.map((field) => [field, SETTING_KEYS[field].default]),
  ) as unknown as Settings,
);

/** The value as a status or a message displays it, or null if there is none. */
export function displayValue<F extends keyof Settings>(
  field: F,
  value: Settings[F],
): SettingValue | null {
  const { display } = SETTING_KEYS[field];
  return display === undefined ? value : display(value);
}

/**
 * `settings.values` of a status: full names, the proxy without its user, no keys without a value.
 */
export function settingsValues(settings: Settings): Record<string, SettingValue> {
  const values: Record<string, SettingValue> = {};
  for (const field of SETTING_FIELDS) {
    const value = displayValue(field, settings[field]);
    if (value !== null) values[SETTING_KEYS[field].name] = value;
  }
  return values;
}

/** The value as it is written in the file: 0 or 1 for a boolean. */
export function fileValue(value: SettingValue): string | number {
  return typeof value === "boolean" ? Number(value) : value;
}

/** `settings.keys` of the plugin manifest. A key without a default has no member `default`. */
export function manifestSettingKeys() {
  return SETTING_FIELDS.map((field) => {
    const { name, default: value, description } = SETTING_KEYS[field];
    if (value === null) return { name, type: "string", description };
    const type = typeof value === "number" ? "integer" : typeof value;
    return { name, type, default: fileValue(value), description };
  });
}

/** Returns the settings as a Markdown table that ends with a line feed. */
export function settingsTableMarkdown(): string {
  const header = ["Key", "Values", "Default", "Takes effect", "Description"];
  const rows = SETTING_FIELDS.map((field) => {
    const { name, values, default: value, takesEffect, description } = SETTING_KEYS[field];
    const defaultText = value === null ? "–" : value === "" ? "empty" : `\`${fileValue(value)}\``;
    return [`\`${name}\``, values, defaultText, takesEffect, description];
  });
  return [header, header.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`)
    .join("");
}

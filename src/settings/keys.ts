import type { Settings } from "./settings.js";
import type { ParseResult } from "./value-parsers.js";
import {
  parseApiUrl,
  choiceParser,
  integerParser,
  parsePath,
  parseProxy,
  parseBoolean,
  parseText,
  withoutUserInfo,
} from "./value-parsers.js";

/** What plain names in a section of this name, and dotted names that begin with it, belong to. */
export const SETTINGS_PREFIX = "WebexPresence";

export type SettingType = "boolean" | "integer" | "string";
export type SettingValue = string | number | boolean;

interface SettingKey<T> {
  /** The documented spelling; names match without regard to case. */
  readonly name: string;
  readonly type: SettingType;
  /** In the words of the documentation. */
  readonly values: string;
  readonly default: T;
  readonly takesEffect: string;
  /** One sentence. */
  readonly description: string;
  readonly parse: (text: string) => ParseResult<T>;
  /** The value for a status or a message, where it is not the value itself. */
  readonly display?: (value: T) => SettingValue;
}

const AT_ONCE = "at once";
const AUTHORIZE = ["browser", "device", "off"] as const;
const LOG_LEVELS = ["error", "warn", "info", "debug"] as const;

/** The one table of settings: validation, the status, the manifest and the documentation all come from it. */
export const SETTING_KEYS: { readonly [F in keyof Settings]: SettingKey<Settings[F]> } = {
  enable: {
    name: "WebexPresence.Enable",
    type: "boolean",
    values: "0, 1 (also true/false, yes/no, on/off)",
    default: false,
    takesEffect: "at once: polling starts or stops",
    description: "Turns presence from Webex on (1) or off (0).",
    parse: parseBoolean,
  },
  pollIntervalSeconds: {
    name: "WebexPresence.PollIntervalSeconds",
    type: "integer",
    values: "5–3600",
    default: 20,
    takesEffect: AT_ONCE,
    description: "Seconds from one look at Webex to the next, give or take a fifth.",
    parse: integerParser(5, 3600),
  },
  requestsPerMinute: {
    name: "WebexPresence.RequestsPerMinute",
    type: "integer",
    values: "1–600, per organization",
    default: 60,
    takesEffect: AT_ONCE,
    description: "The most requests sent to Webex for one organization in any 60 seconds.",
    parse: integerParser(1, 600),
  },
  staleAfterSeconds: {
    name: "WebexPresence.StaleAfterSeconds",
    type: "integer",
    values: "30–86400",
    default: 180,
    takesEffect: AT_ONCE,
    description: "Seconds without confirmation by Webex after which a presence counts as unknown.",
    parse: integerParser(30, 86400),
  },
  clientId: {
    name: "WebexPresence.ClientId",
    type: "string",
    values: "text",
    default: null,
    takesEffect: "at once; goes before the id in the keychain",
    description:
      "Client id of the Webex integration; its secret lives in the keychain, and a secret kept there for another id is not used.",
    parse: parseText,
  },
  authorize: {
    name: "WebexPresence.Authorize",
    type: "string",
    values: "`browser`, `device`, `off`",
    default: "browser",
    takesEffect: AT_ONCE,
    description:
      "The authorization flow kept open while presence is enabled and a grant is missing; its address is in the log and in `authorization/changed`.",
    parse: choiceParser(AUTHORIZE),
  },
  redirectPort: {
    name: "WebexPresence.RedirectPort",
    type: "integer",
    values: "1024–65535",
    default: 8467,
    takesEffect: "at the next flow",
    description:
      "Port on localhost to which Webex sends the administrator's browser back; it must be in the integration's redirect URI.",
    parse: integerParser(1024, 65535),
  },
  apiUrl: {
    name: "WebexPresence.ApiUrl",
    type: "string",
    values: "an https URL, or http on a loopback address",
    default: "https://webexapis.com/v1",
    takesEffect: AT_ONCE,
    description: "Address of the Webex REST API.",
    parse: parseApiUrl,
  },
  proxy: {
    name: "WebexPresence.Proxy",
    type: "string",
    values: "`http://[user@]host:port`, `none`, or empty = HTTPS_PROXY/NO_PROXY",
    default: "",
    takesEffect: "at once; always used when set, for loopback too",
    description:
      "HTTP proxy to Webex; https goes through it with CONNECT, and its password lives in the keychain.",
    parse: parseProxy,
    display: withoutUserInfo,
  },
  caFile: {
    name: "WebexPresence.CaFile",
    type: "string",
    values: "path of a PEM file",
    default: null,
    takesEffect: AT_ONCE,
    description:
      "Certificates added to the trusted roots, for a proxy or firewall that inspects https.",
    parse: parsePath,
  },
  logLevel: {
    name: "WebexPresence.LogLevel",
    type: "string",
    values: "error, warn, info, debug",
    default: "info",
    takesEffect: AT_ONCE,
    description: "How much is written to the log; the launch option --log-level goes before it.",
    parse: choiceParser(LOG_LEVELS),
  },
};

export const SETTING_FIELDS = Object.keys(SETTING_KEYS) as readonly (keyof Settings)[];

/** What is in force where the file says nothing. */
export const defaultSettings: Settings = Object.freeze(
  Object.fromEntries(
    SETTING_FIELDS.map((field) => [field, SETTING_KEYS[field].default]),
  ) as unknown as Settings,
);

/** The value as a status or a message may show it, or null where there is none. */
export function displayValue<F extends keyof Settings>(
  field: F,
  value: Settings[F],
): SettingValue | null {
  const { display } = SETTING_KEYS[field];
  return display === undefined ? value : display(value);
}

/** Full dotted names and values for `settings.values` of a status: the proxy without its user, and no key that has no value. */
export function settingsValues(settings: Settings): Record<string, SettingValue> {
  const values: Record<string, SettingValue> = {};
  for (const field of SETTING_FIELDS) {
    const value = displayValue(field, settings[field]);
    if (value !== null) values[SETTING_KEYS[field].name] = value;
  }
  return values;
}

export interface ManifestSettingKey {
  readonly name: string;
  readonly type: SettingType;
  /** Left out for a key without one; 0 or 1 for a boolean, as it stands in the file. */
  readonly default?: string | number;
  readonly description: string;
}

/** `settings.keys` of the plugin manifest. */
export function manifestSettingKeys(): ManifestSettingKey[] {
  return SETTING_FIELDS.map((field) => {
    const { name, type, default: value, description } = SETTING_KEYS[field];
    if (value === null) return { name, type, description };
    return { name, type, default: typeof value === "boolean" ? Number(value) : value, description };
  });
}

/** The settings as a Markdown table, a line's end after each row. */
export function settingsTableMarkdown(): string {
  const rows = SETTING_FIELDS.map((field) => {
    const key = SETTING_KEYS[field];
    const value = key.default;
    const displayText =
      value === null
        ? "–"
        : value === ""
          ? "empty"
          : `\`${typeof value === "boolean" ? Number(value) : value}\``;
    return [`\`${key.name}\``, key.values, displayText, key.takesEffect, key.description];
  });
  const table = [
    ["Key", "Values", "Default", "Takes effect", "What it does"],
    ["---", "---", "---", "---", "---"],
    ...rows,
  ];
  return table
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`)
    .join("");
}

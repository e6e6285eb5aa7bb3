import { findCredentialIssue } from "../faults/secret.js";
import { findInvisibleCharacter } from "./displayed-text.js";

export type ParseResult<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      /** Continues the text "KEY=VALUE (line N) ". */
      readonly reason: string;
      readonly hint: string;
    };

const valid = <T>(value: T): ParseResult<T> => ({ ok: true, value });
const invalid = (reason: string, hint: string): ParseResult<never> => ({
  ok: false,
  reason,
  hint,
});

const TRUE_WORDS = new Set(["1", "true", "yes", "on"]);
const FALSE_WORDS = new Set(["0", "false", "no", "off"]);

export function parseBoolean(text: string): ParseResult<boolean> {
  const word = text.toLowerCase();
  if (TRUE_WORDS.has(word)) return valid(true);
  if (FALSE_WORDS.has(word)) return valid(false);
  return invalid("is neither 0 nor 1", "Write 0 or 1.");
}

export function integerParser(min: number, max: number): (text: string) => ParseResult<number> {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return valid(value);
    return invalid(
      `is not a whole number from ${min} to ${max}`,
      `Write a whole number from ${min} to ${max}, in digits.`,
    );
  };
}

const parsePort = integerParser(1024, 65535);

/** 0 means that there is no dashboard. */
export function parseDashboardPort(text: string): ParseResult<number> {
  const port: ParseResult<number> = /^0+$/.test(text) ? valid(0) : parsePort(text);
  if (port.ok) return port;
  return invalid(
    "is neither 0 nor a whole number from 1024 to 65535",
    "Write 0 for no dashboard, or a port from 1024 to 65535, in digits.",
  );
}

export function choiceParser<T extends string>(
  choices: readonly T[],
): (text: string) => ParseResult<T> {
  return (text) => {
    const value = choices.find((choice) => choice === text.toLowerCase());
    if (value !== undefined) return valid(value);
    return invalid(`is not one of ${choices.join(", ")}`, `Write one of ${choices.join(", ")}.`);
  };
}

function parseText(text: string): ParseResult<string | null> {
  return valid(text === "" ? null : text);
}

export function parseClientId(text: string): ParseResult<string | null> {
  const issue = findCredentialIssue(text) ?? findClientIdIssue(text);
  if (issue === null) return parseText(text);
  return invalid(`${issue}, so Webex would not accept it`, "Copy the client ID once more.");
}

/** Webex makes client IDs of letters and digits. */
function findClientIdIssue(text: string): string | null {
  if (text.includes(" ")) return "contains a space";
  if (/[<>]/.test(text)) return "contains an angle bracket";
  const [character] = /[@:/\\=[\]]/.exec(text) ?? [];
  return character === undefined ? null : `contains the character ${character}`;
}

/** Names of files can contain special spaces, and joiners in some scripts. */
const HIDDEN_IN_PATH = /(?![\u200c\u200d])\p{Cf}/u;

/** `text`: as written, so that it needs no escapes and has none. */
export function parsePath(text: string): ParseResult<string | null> {
  if (/\p{Cc}/u.test(text)) {
    return invalid("contains control characters, which no path does", "Type the path again.");
  }
  const character = findInvisibleCharacter(text, HIDDEN_IN_PATH);
  if (character !== null) {
    return invalid(
      `contains an invisible character (${character})`,
      "Type the path again, without copying it.",
    );
  }
  if (text.startsWith("\\\\\\\\")) {
    return invalid(
      "begins with four backslashes, which no path does",
      "Write each backslash once, as in \\\\server\\share\\root.pem.",
    );
  }
  return parseText(text);
}

/** Accepts https, and http on a loopback address. Removes trailing slashes. */
export function parseApiUrl(text: string): ParseResult<string> {
  const error = apiUrlError(text);
  if (error === null) {
    const url = new URL(text);
    return valid(`${url.origin}${url.pathname.replace(/\/+$/, "")}`);
  }
  return invalid(error, "Write an address such as https://webexapis.com/v1, or remove the key.");
}

function apiUrlError(text: string): string | null {
  // The URL parser tolerates line feeds and backslashes, which here are typing errors.
  if (!/^https?:\/\/[^/]/i.test(text) || /[\s\\]/.test(text) || !URL.canParse(text))
    return "is not an https address";
  const url = new URL(text);
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return "is an http address, which would expose the tokens that are sent to it";
  }
  if (url.username !== "" || url.password !== "") return "contains a user name or a password";
  if (/[?#]/.test(text)) return "contains a query or a fragment";
  const [character] = /[=:@]/.exec(url.pathname) ?? [];
  if (character !== undefined) return `contains the character ${character} behind the host`;
  return null;
}

/** `hostname` is from a `URL`, which has normalized every spelling of an IPv4 address. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

const PROXY_HINT =
  "Write http://host:port or http://user@host:port, write none for no proxy, or leave the value empty to use HTTPS_PROXY and NO_PROXY.";

const PASSWORD_HINT =
  "Write http://user@host:port here and store the password in the keychain: ucx-webex-presence secret proxy";

/**
 * Accepts "", "none" and `http://[user@]host:port`, and percent-encodes the user. Rejects a
 * password. `text`: as written, so that quotes do not make `\n` in `CORP\nick` a line break.
 */
export function parseProxy(text: string): ParseResult<string> {
  if (text === "") return valid("");
  if (text.toLowerCase() === "none") return valid("none");
  const parts = /^http:\/\/(?:([^/]*)@)?(\[[0-9a-f:.]+\]|[^:/@[\]\s\\?#=]+):(\d{1,5})\/?$/i.exec(
    text,
  );
  const user = percentDecode((parts?.[1] ?? "").replace(/\\([\\;#])/g, "$1"));
  if (user.includes(":") || hasPassword(text)) {
    return invalid("contains a password, which must not be in this file", PASSWORD_HINT);
  }
  const host = parts?.[2] ?? "";
  const port = Number(parts?.[3] ?? 0);
  if (parts === null || port < 1 || port > 65535 || !URL.canParse(`http://${host}:${port}`))
    return invalid(...proxyError(text));
  return valid(
    `http://${user === "" ? "" : `${encodeURIComponent(user)}@`}${host.toLowerCase()}:${port}`,
  );
}

function proxyError(text: string): [reason: string, hint: string] {
  // An unquoted # or ; in a password begins a comment.
  if (/^http:\/\/[^/:@[\]\s]+:(?!\d*(?:\/|$))[^/@]/i.test(text))
    return [
      "contains neither a port number nor an @ behind the second colon; if that is a password, it must not be in this file",
      PASSWORD_HINT,
    ];
  if (/^http:\/\/(?:[^/:]*@)?(?:\[[\da-f:.]+\]|[^/:@[\]\s\\?#]+):?\/?$/i.test(text))
    return ["contains no port", "Write the port behind the host, as in http://host:port."];
  return ["is not an http proxy", PROXY_HINT];
}

/** Not by a regular expression, which would take cubic time. */
function hasPassword(text: string): boolean {
  const slashes = text.indexOf("//");
  const colon = slashes < 0 ? -1 : text.indexOf(":", slashes + 2);
  return colon >= 0 && text.lastIndexOf("@") > colon;
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function withoutUserInfo(proxy: string): string {
  return proxy.replace(/\/\/.*@/, "//");
}

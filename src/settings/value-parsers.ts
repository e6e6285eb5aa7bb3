/** What a value's text means, or what is wrong with it. */
export type ParseResult<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      /** Follows "KEY=VALUE (line N) ". */
      readonly reason: string;
      readonly hint: string;
      /** The text as it may be shown, where the text itself could hold a password. */
      readonly displayText?: string;
    };

const valid = <T>(value: T): ParseResult<T> => ({ ok: true, value });

const TRUE_WORDS = new Set(["1", "true", "yes", "on"]);
const FALSE_WORDS = new Set(["0", "false", "no", "off"]);

export function parseBoolean(text: string): ParseResult<boolean> {
  const word = text.toLowerCase();
  if (TRUE_WORDS.has(word)) return valid(true);
  if (FALSE_WORDS.has(word)) return valid(false);
  return { ok: false, reason: "is neither 0 nor 1", hint: "Write 0 or 1." };
}

/** A whole number in decimal digits, `min` and `max` included. */
export function integerParser(min: number, max: number): (text: string) => ParseResult<number> {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return valid(value);
    return {
      ok: false,
      reason: `is not a whole number from ${min} to ${max}`,
      hint: `Write a whole number from ${min} to ${max}, in digits.`,
    };
  };
}

export function choiceParser<T extends string>(
  choices: readonly T[],
): (text: string) => ParseResult<T> {
  return (text) => {
    const value = choices.find((choice) => choice === text.toLowerCase());
    if (value !== undefined) return valid(value);
    return {
      ok: false,
      reason: `is not one of ${choices.join(", ")}`,
      hint: `Write one of ${choices.join(", ")}.`,
    };
  };
}

export function parseText(text: string): ParseResult<string | null> {
  return valid(text === "" ? null : text);
}

export function parsePath(text: string): ParseResult<string | null> {
  // In double quotes the ini package takes \t and \n for a tab and a line's end, as JSON does: no path of anybody's.
  if (/\p{Cc}/u.test(text)) {
    return {
      ok: false,
      reason: "holds control characters and cannot be a path",
      hint: "Write the path without quotes, or with each backslash doubled.",
    };
  }
  return parseText(text);
}

/** An https URL, or http on a loopback address; without its trailing slashes. */
export function parseApiUrl(text: string): ParseResult<string> {
  const error = apiUrlError(text);
  if (error === null) {
    const url = new URL(text);
    return valid(`${url.origin}${url.pathname.replace(/\/+$/, "")}`);
  }
  return {
    ok: false,
    reason: error,
    hint: "Write an address such as https://webexapis.com/v1, or leave the key out.",
    displayText: text.replace(/\/\/.*@/, "//…@").replace(/[?#].*$/s, "?…"),
  };
}

function apiUrlError(text: string): string | null {
  // The URL standard is lenient (it drops line ends and turns backslashes round); an administrator's typing error should be told.
  if (!/^https?:\/\/[^/]/i.test(text) || /[\s\\]/.test(text) || !URL.canParse(text))
    return "is not an https address";
  const url = new URL(text);
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return "is an http address: what is sent there, tokens included, could be read on the way";
  }
  if (url.username !== "" || url.password !== "") return "holds a user name or a password";
  if (/[?#]/.test(text)) return "holds a query or a fragment";
  return null;
}

/** For a host name as `URL` gives it, which has already brought every spelling of an IPv4 address to four decimal numbers. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

const PROXY_HINT =
  "Write http://host:port or http://user@host:port, none for no proxy, or nothing for HTTPS_PROXY and NO_PROXY.";

/** "", "none", or `http://[user@]host:port` with the user percent-encoded. A password is refused: its place is the keychain. */
export function parseProxy(text: string): ParseResult<string> {
  if (text === "") return valid("");
  if (text.toLowerCase() === "none") return valid("none");
  const parts = /^http:\/\/(?:([^/]*)@)?(\[[0-9a-f:.]+\]|[^:/@[\]\s\\?#]+):(\d{1,5})\/?$/i.exec(
    text,
  );
  const user = percentDecode(parts?.[1] ?? "");
  if (user.includes(":") || /\/\/.*:.*@/.test(text)) {
    return {
      ok: false,
      reason: "holds a password, which must not be in this file",
      hint: "Write http://user@host:port here and keep the password in the keychain: ucx-webex-presence secret proxy",
      displayText: redactProxy(text),
    };
  }
  const host = parts?.[2] ?? "";
  const port = Number(parts?.[3] ?? 0);
  if (parts === null || port < 1 || port > 65535 || !URL.canParse(`http://${host}:${port}`)) {
    return {
      ok: false,
      reason: "is not an http proxy",
      hint: PROXY_HINT,
      displayText: redactProxy(text),
    };
  }
  return valid(
    `http://${user === "" ? "" : `${encodeURIComponent(user)}@`}${host.toLowerCase()}:${port}`,
  );
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A valid proxy without its user. */
export function withoutUserInfo(proxy: string): string {
  return proxy.replace(/\/\/.*@/, "//");
}

/** An invalid proxy as it may be shown: what does not look like an address could be a piece of a password. */
function redactProxy(text: string): string {
  if (/^([a-z][a-z0-9+.-]*:\/\/)?[^:@]*(:\d*)?\/?$/i.test(text)) return text;
  const [, scheme = "", afterUser = ""] =
    /^([a-z][a-z0-9+.-]*:\/\/)?(?:.*@)?(.*)$/is.exec(text) ?? [];
  return text.includes("@") ? `${scheme}…@${afterUser}` : `${scheme}…`;
}

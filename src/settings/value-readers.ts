/** What a value's text means, or what is wrong with it. */
export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      /** Follows "KEY=VALUE (line N) ". */
      readonly complaint: string;
      readonly hint: string;
      /** The text as it may be shown, where the text itself could hold a password. */
      readonly shown?: string;
    };

const accept = <T>(value: T): Reading<T> => ({ ok: true, value });

const ON = new Set(["1", "true", "yes", "on"]);
const OFF = new Set(["0", "false", "no", "off"]);

export function readSwitch(text: string): Reading<boolean> {
  const word = text.toLowerCase();
  if (ON.has(word)) return accept(true);
  if (OFF.has(word)) return accept(false);
  return { ok: false, complaint: "is neither 0 nor 1", hint: "Write 0 or 1." };
}

/** A whole number in decimal digits, `min` and `max` included. */
export function readInteger(min: number, max: number): (text: string) => Reading<number> {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return accept(value);
    return {
      ok: false,
      complaint: `is not a whole number from ${min} to ${max}`,
      hint: `Write a whole number from ${min} to ${max}, in digits.`,
    };
  };
}

export function readChoice<T extends string>(choices: readonly T[]): (text: string) => Reading<T> {
  return (text) => {
    const value = choices.find((choice) => choice === text.toLowerCase());
    if (value !== undefined) return accept(value);
    return { ok: false, complaint: `is not one of ${choices.join(", ")}`, hint: `Write one of ${choices.join(", ")}.` };
  };
}

export function readText(text: string): Reading<string | null> {
  return accept(text === "" ? null : text);
}

export function readPath(text: string): Reading<string | null> {
  // In double quotes the ini package takes \t and \n for a tab and a line's end, as JSON does: no path of anybody's.
  if (/\p{Cc}/u.test(text)) {
    return {
      ok: false,
      complaint: "holds control characters and cannot be a path",
      hint: "Write the path without quotes, or with each backslash doubled.",
    };
  }
  return readText(text);
}

/** An https URL, or http on a loopback address; without its trailing slashes. */
export function readApiUrl(text: string): Reading<string> {
  const fault = apiUrlFault(text);
  if (fault === null) {
    const url = new URL(text);
    return accept(`${url.origin}${url.pathname.replace(/\/+$/, "")}`);
  }
  return {
    ok: false,
    complaint: fault,
    hint: "Write an address such as https://webexapis.com/v1, or leave the key out.",
    shown: text.replace(/\/\/.*@/, "//…@").replace(/[?#].*$/s, "?…"),
  };
}

function apiUrlFault(text: string): string | null {
  // The URL standard is lenient (it drops line ends and turns backslashes round); an administrator's typing error should be told.
  if (!/^https?:\/\/[^/]/i.test(text) || /[\s\\]/.test(text) || !URL.canParse(text)) return "is not an https address";
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

const PROXY_HINT = "Write http://host:port or http://user@host:port, none for no proxy, or nothing for HTTPS_PROXY and NO_PROXY.";

/** "", "none", or `http://[user@]host:port` with the user percent-encoded. A password is refused: its place is the keychain. */
export function readProxy(text: string): Reading<string> {
  if (text === "") return accept("");
  if (text.toLowerCase() === "none") return accept("none");
  const parts = /^http:\/\/(?:([^/]*)@)?(\[[0-9a-f:.]+\]|[^:/@[\]\s\\?#]+):(\d{1,5})\/?$/i.exec(text);
  const user = percentDecoded(parts?.[1] ?? "");
  if (user.includes(":") || /\/\/.*:.*@/.test(text)) {
    return {
      ok: false,
      complaint: "holds a password, which must not be in this file",
      hint: "Write http://user@host:port here and keep the password in the keychain: ucx-webex-presence secret proxy",
      shown: masked(text),
    };
  }
  const host = parts?.[2] ?? "";
  const port = Number(parts?.[3] ?? 0);
  if (parts === null || port < 1 || port > 65535 || !URL.canParse(`http://${host}:${port}`)) {
    return { ok: false, complaint: "is not an http proxy", hint: PROXY_HINT, shown: masked(text) };
  }
  return accept(`http://${user === "" ? "" : `${encodeURIComponent(user)}@`}${host.toLowerCase()}:${port}`);
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A valid proxy without its user. */
export function withoutUser(proxy: string): string {
  return proxy.replace(/\/\/.*@/, "//");
}

/** An invalid proxy as it may be shown: what does not look like an address could be a piece of a password. */
function masked(text: string): string {
  if (/^([a-z][a-z0-9+.-]*:\/\/)?[^:@]*(:\d*)?\/?$/i.test(text)) return text;
  const [, scheme = "", afterUser = ""] = /^([a-z][a-z0-9+.-]*:\/\/)?(?:.*@)?(.*)$/is.exec(text) ?? [];
  return text.includes("@") ? `${scheme}…@${afterUser}` : `${scheme}…`;
}

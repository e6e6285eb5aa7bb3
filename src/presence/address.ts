const MAX_LENGTH = 1024;
const SCHEME = /^(?:sips?|mailto|xmpp|webex|pres|im):(?!\/\/)/i;
/** With the colon, which remains after any other scheme. */
const FORBIDDEN_IN_ADDRESS = /[\s<>:,"\\\p{Cc}\p{Cs}]/u;
const FORBIDDEN_IN_DOMAIN = /[/#[\]]/;
const AT = 0x40;
/** Separates the readings of a key. No address contains it. */
const READING_SEPARATOR = " ";

/** 1 for characters that normalization never changes. Most addresses contain no others. */
const IS_PLAIN = new Uint8Array(128);
for (const character of "abcdefghijklmnopqrstuvwxyz0123456789._-+'") {
  IS_PLAIN[character.charCodeAt(0)] = 1;
}

/**
 * Returns the form in which addresses are compared, for a URI: `local@domain` in lower case,
 * without surrounding space, `<>` and a display name before it, scheme, parameters and headers, and
 * with percent-escapes decoded. Returns null for anything else: `tel:` and unknown schemes, a
 * password or a port, spaces or control characters inside, more than 1,024 characters.
 */
export function normalizeAddress(text: string): string | null {
  if (text.length > MAX_LENGTH) return null;
  return isNormalized(text) ? text : parseUri(text);
}

/**
 * Returns the form in which addresses are compared, for an address that Webex reports. It is not a
 * URI, so `%`, `?` and `;` in the local part are characters like any other, unless it has a scheme.
 */
export function normalizeOwnAddress(text: string): string | null {
  if (text.length > MAX_LENGTH) return null;
  if (isNormalized(text)) return text;
  return hasUriSyntax(text) ? parseUri(text) : parsePlain(text);
}

/**
 * Returns the key of a text that a host sent, or null if it is no address. The text is a URI, but a
 * person's own address without a scheme has to find that person, too, even if it reads differently
 * as a URI. Such a text has two readings, and which one applies depends on who has them: see
 * `readingsOf`. All other keys are the normalized address.
 */
export function addressKey(text: string): string | null {
  if (text.length > MAX_LENGTH) return null;
  if (isNormalized(text)) return text;
  const uri = parseUri(text);
  const plain = hasUriSyntax(text) ? null : parsePlain(text);
  if (plain === null || plain === uri) return uri;
  // A malformed escape is no escape.
  if (uri === null && decodePercent(plain) === null) return plain;
  return [plain, uri ?? ""].join(READING_SEPARATOR);
}

/** Returns the addresses for which a key stands; the first that somebody has is meant. */
export function readingsOf(key: string): readonly string[] {
  if (!key.includes(READING_SEPARATOR)) return [key];
  return key.split(READING_SEPARATOR).filter((reading) => reading !== "");
}

/** Returns whether a key is an address only as long as somebody has it; as a URI, it is invalid. */
export function isInvalidUnlessMatched(key: string): boolean {
  return key.endsWith(READING_SEPARATOR);
}

function isNormalized(text: string): boolean {
  const last = text.length - 1;
  let at = -1;
  for (let i = 0; i <= last; i += 1) {
    const code = text.charCodeAt(i);
    if (code === AT) {
      if (at !== -1) return false;
      at = i;
    } else if (IS_PLAIN[code] !== 1) {
      return false;
    }
  }
  return at > 0 && at < last;
}

function parseUri(text: string): string | null {
  const uri = stripBrackets(text.trim());
  if (uri === null) return null;
  const encoded = uri.replace(SCHEME, "").replace(/[;?].*$/s, "");
  const address = decodePercent(encoded);
  return address === null ? null : checkAddress(address.toLowerCase());
}

/** Parses `local@domain`. What cannot be part of a domain ends it; nothing is decoded. */
function parsePlain(text: string): string | null {
  const address = checkAddress(
    text
      .trim()
      .toLowerCase()
      .replace(/(@[^@;?]*)[;?].*$/s, "$1"),
  );
  if (address === null || address.startsWith(";")) return null;
  return address.includes("%", address.indexOf("@")) ? null : address;
}

function hasUriSyntax(text: string): boolean {
  return text.includes("<") || SCHEME.test(text.trim());
}

function checkAddress(address: string): string | null {
  if (FORBIDDEN_IN_ADDRESS.test(address)) return null;
  const at = address.indexOf("@");
  if (at <= 0 || at === address.length - 1 || address.includes("@", at + 1)) return null;
  return FORBIDDEN_IN_DOMAIN.test(address.slice(at + 1)) ? null : address;
}

/**
 * Parses an RFC 3261 name-addr: `"Ada" <sip:ada@example.com>;tag=1`. A display name may contain
 * `<`, so the last one is the bracket.
 */
function stripBrackets(text: string): string | null {
  const open = text.lastIndexOf("<");
  if (open === -1) return text;
  const close = text.indexOf(">", open);
  if (close === -1 || !/^\s*($|[;?])/.test(text.slice(close + 1))) return null;
  return text.slice(open + 1, close).trim();
}

function decodePercent(text: string): string | null {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

interface RecentTimes {
  /** Of the first event since the address was last unknown. */
  since: number;
  latest: number;
}

/**
 * Addresses with the times of their first and latest event (elapsed milliseconds), each kept for a
 * limited time. Every operation takes constant time: entries are in order of the latest event, and
 * each addition evicts up to two expired ones.
 */
export class RecentAddresses {
  readonly #ttlMs: number;
  readonly #times = new Map<string, RecentTimes>();

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  /** Returns whether the address is new. */
  add(address: string, now: number): boolean {
    const isKnown = this.has(address, now);
    const times = this.#times.get(address) ?? { since: now, latest: now };
    if (!isKnown) times.since = now;
    times.latest = now;
    this.#times.delete(address);
    this.#times.set(address, times);
    let remaining = 2;
    for (const [oldest, { latest }] of this.#times) {
      if (remaining === 0 || now - latest <= this.#ttlMs) break;
      this.#times.delete(oldest);
      remaining -= 1;
    }
    return !isKnown;
  }

  has(address: string, now: number): boolean {
    const latest = this.latestTime(address);
    return latest !== undefined && now - latest <= this.#ttlMs;
  }

  /** The time of the first event; undefined if the address is not kept or has expired. */
  firstTime(address: string, now: number): number | undefined {
    return this.has(address, now) ? this.#times.get(address)?.since : undefined;
  }

  /** The latest time of the address, which may have expired; undefined if it is not kept. */
  latestTime(address: string): number | undefined {
    return this.#times.get(address)?.latest;
  }

  /** Returns the latest time of the removed address, which may have expired. */
  remove(address: string): number | undefined {
    const latest = this.latestTime(address);
    this.#times.delete(address);
    return latest;
  }

  /** The earliest of the latest times that has not expired; infinity if there is none. */
  oldestTime(now: number): number {
    for (const { latest } of this.#times.values()) if (now - latest <= this.#ttlMs) return latest;
    return Number.POSITIVE_INFINITY;
  }

  /** The addresses that have not expired, with their first times. */
  *active(now: number): Generator<readonly [address: string, since: number]> {
    for (const [address, { since, latest }] of this.#times) {
      if (now - latest <= this.#ttlMs) yield [address, since];
    }
  }
}

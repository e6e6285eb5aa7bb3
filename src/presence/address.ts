const MAX_LENGTH = 1024;
const SCHEMES: ReadonlySet<string> = new Set(["sip", "sips", "mailto", "xmpp", "webex", "pres", "im"]);
const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
const NEVER_IN_AN_ADDRESS = /[\s<>:,"\\\p{Cc}\p{Cs}]/u;
const NEVER_IN_A_DOMAIN = /[/#[\]]/;
const AT = 0x40;

/** 1 for the characters that need no treatment: most addresses consist of nothing else. */
const PLAIN = new Uint8Array(128);
for (const character of "abcdefghijklmnopqrstuvwxyz0123456789._-+'") PLAIN[character.charCodeAt(0)] = 1;

/**
 * The form in which addresses are compared: `local@domain`, lower case, without surrounding space, `<>` (and a display name before
 * it), scheme, parameters and headers, percent-escapes decoded. Null for anything else: `tel:` and unknown schemes, a password or
 * a port, spaces or controls inside, more than 1,024 characters.
 */
export function normalizeAddress(text: string): string | null {
  if (text.length > MAX_LENGTH) return null;
  return isPlain(text) ? text : normalizeSlowly(text);
}

function isPlain(text: string): boolean {
  const last = text.length - 1;
  let at = -1;
  for (let i = 0; i <= last; i += 1) {
    const code = text.charCodeAt(i);
    if (code === AT) {
      if (at !== -1) return false;
      at = i;
    } else if (PLAIN[code] !== 1) {
      return false;
    }
  }
  return at > 0 && at < last;
}

function normalizeSlowly(text: string): string | null {
  const uri = withoutBrackets(text.trim());
  if (uri === null) return null;
  const hierarchical = withoutScheme(uri);
  if (hierarchical === null) return null;
  const address = decoded(hierarchical.replace(/[;?].*$/s, ""))?.toLowerCase();
  if (address === undefined || NEVER_IN_AN_ADDRESS.test(address)) return null;
  const at = address.indexOf("@");
  if (at <= 0 || at === address.length - 1 || address.includes("@", at + 1)) return null;
  return NEVER_IN_A_DOMAIN.test(address.slice(at + 1)) ? null : address;
}

/** RFC 3261 name-addr: `"Ada" <sip:ada@example.com>;tag=1`. A display name may hold `<`, so the last one counts. */
function withoutBrackets(text: string): string | null {
  const open = text.lastIndexOf("<");
  if (open === -1) return text;
  const close = text.indexOf(">", open);
  if (close === -1 || !/^\s*($|[;?])/.test(text.slice(close + 1))) return null;
  return text.slice(open + 1, close).trim();
}

function withoutScheme(uri: string): string | null {
  const found = SCHEME.exec(uri);
  if (found === null) return uri;
  const rest = uri.slice(found[0].length);
  return SCHEMES.has((found[1] ?? "").toLowerCase()) && !rest.startsWith("//") ? rest : null;
}

function decoded(text: string): string | null {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** What a placeholder stands for; in a text it reads `[kind number]`. */
export type ReplacedKind =
  "address" | "person" | "user" | "organization" | "id" | "host" | "secret" | "text";

export interface PseudonymizerOptions {
  /** The words of the product's own texts; matched with their case. */
  readonly vocabulary: ReadonlySet<string>;
  /** What is known to be personal, such as the name of the account; matched in any case. */
  readonly replaced?: readonly { readonly kind: ReplacedKind; readonly text: string }[];
  /** What is known not to be, such as the host of Webex's API. */
  readonly kept?: readonly string[];
}

/** Something foreign can consist of other words each time. Later ones share one placeholder. */
const MAX_PLACEHOLDERS = 200_000;
const MAX_CACHED_ATOMS = 50_000;
/** With fewer letters, the name of an account would be found in the middle of other texts. */
const MIN_KNOWN_LENGTH = 2;

/**
 * Replaces whatever may name or identify a person, or be a secret, by placeholders: the same text
 * by the same placeholder, so that a reader can follow one person without knowing who it is
 * (pseudonymization, GDPR article 4 (5)).
 *
 * It does not look for names, which nobody can list, but keeps what it knows: the words of the
 * product's own texts, numbers, times, IP addresses, the ids of organizations, tracking IDs, and
 * the codes of errors. A text that is encoded in whatever way is therefore replaced, too. A name
 * that consists of words of the product's texts alone is kept, unless it is listed as `replaced`,
 * or is the value of a member that holds names.
 *
 * Linear in the length of the text. Holds the texts that it has replaced; not for reuse.
 */
export class Pseudonymizer {
  readonly #vocabulary: ReadonlySet<string>;
  readonly #known: RegExp;
  readonly #replaced: ReadonlyMap<string, ReplacedKind>;
  readonly #kept: ReadonlySet<string>;
  readonly #placeholders = new Map<string, string>();
  readonly #counts = new Map<ReplacedKind, number>();
  readonly #atoms = new Map<string, string>();

  constructor({ vocabulary, replaced = [], kept = [] }: PseudonymizerOptions) {
    this.#vocabulary = vocabulary;
    const isLongEnough = (text: string): boolean => text.length >= MIN_KNOWN_LENGTH;
    const ownWords = new Set([...vocabulary].map(fold));
    const known = replaced.filter(
      // In the product's own messages, the placeholder of such a password would tell what it is.
      ({ kind, text }) => isLongEnough(text) && !(kind === "secret" && ownWords.has(fold(text))),
    );
    this.#replaced = new Map(known.map(({ kind, text }) => [fold(text), kind]));
    this.#kept = new Set(kept.filter(isLongEnough).map(fold));
    this.#known = knownTexts([...known.map(({ text }) => text), ...kept.filter(isLongEnough)]);
  }

  /** How many different texts were replaced, by kind. */
  get counts(): ReadonlyMap<ReplacedKind, number> {
    return this.#counts;
  }

  /** A text of any length, of one or several lines. */
  text(text: string): string {
    let result = "";
    let end = 0;
    for (const match of text.matchAll(this.#known)) {
      result += this.#unknown(text.slice(end, match.index)) + this.#knownText(match);
      end = match.index + match[0].length;
    }
    return result + this.#unknown(text.slice(end));
  }

  /** A copy of a JSON value. Strings and names of members become what `text` makes of them. */
  value(value: unknown, member = ""): unknown {
    // A code that a person types can be a number.
    if (typeof value === "number" && kindOf(member) === "secret")
      return this.#placeholder("secret", String(value));
    if (typeof value === "string") return this.#member(member, value);
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.value(item, member));
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [this.text(name), this.value(each, name)]),
    );
  }

  #member(name: string, value: string): string {
    const kind = kindOf(name);
    if (kind === undefined || value === "") return this.text(value);
    // What the worker's own log has masked.
    return MASKED.test(value) ? value : this.#placeholder(kind, value);
  }

  #knownText({ 0: text, groups = {} }: RegExpMatchArray): string {
    const { folder, user = "", phone, address, label, member = "", value = "", secret } = groups;
    if (label !== undefined) return this.#unknown(label) + this.#member(member, value);
    if (secret !== undefined) return this.#placeholder("secret", secret);
    if (folder !== undefined) return folder + (isServiceAccount(user) ? user : USER);
    if ((phone ?? address) !== undefined) return this.#placeholder("address", text);
    const folded = fold(text);
    const kind = this.#replaced.get(folded);
    if (kind === undefined) return this.#kept.has(folded) ? text : this.#unknown(text);
    return kind === "user" ? USER : this.#placeholder(kind, text);
  }

  /** Text between the known ones. */
  #unknown(text: string): string {
    return text.replace(ATOM, (atom) => {
      const cached = this.#atoms.get(atom);
      if (cached !== undefined) return cached;
      const result = this.#atom(atom);
      if (this.#atoms.size >= MAX_CACHED_ATOMS) this.#atoms.clear();
      this.#atoms.set(atom, result);
      return result;
    });
  }

  /** A text without spaces and most punctuation. */
  #atom(atom: string): string {
    const [before, core, after] = splitPunctuation(atom);
    if (core === "" || KEPT_FORM.test(core)) return atom;
    if (AT.test(atom)) return this.#placeholder("address", atom);
    const id = identify(core);
    if (id !== null)
      return before + (id === "organization" ? core : this.#placeholder("id", core)) + after;
    const [scheme = ""] = /^[a-z]{2,8}:\/\//.exec(core) ?? [];
    const parts = core.slice(scheme.length).split(/([\\/]+)/);
    const replaced = parts.map((part, at) => {
      if (part === "" || at % 2 === 1 || this.#isKnown(part)) return part;
      return scheme !== "" && at === 0 ? this.#placeholder("host", part) : this.#text(part);
    });
    return before + scheme + replaced.join("") + after;
  }

  /** Whether a text without separators of paths consists of known words and numbers. */
  #isKnown(text: string): boolean {
    if (KEPT_FORM.test(text) || this.#kept.has(fold(text))) return true;
    const words = text.match(WORD) ?? [];
    const isSuspicious =
      FOREIGN_CHARACTER.test(text) ||
      (text.match(/\d/g)?.length ?? 0) > MAX_DIGITS ||
      words.filter((word) => /^[A-Za-z]$/.test(word)).length > MAX_LETTERS;
    if (isSuspicious) return false;
    return words.every((word) => this.#vocabulary.has(word) || KEPT_WORD.test(word));
  }

  #text(text: string): string {
    return this.#placeholder("text", text);
  }

  #placeholder(kind: ReplacedKind, text: string): string {
    const key = `${kind} ${normalized(kind, text)}`;
    const known = this.#placeholders.get(key);
    if (known !== undefined) return known;
    if (this.#placeholders.size >= MAX_PLACEHOLDERS) return `[${kind}]`;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const placeholder = `[${kind} ${count}]`;
    this.#placeholders.set(key, placeholder);
    return placeholder;
  }
}

const USER = "[user]";
/** RFC 5321, 4.5.3.1: what differs only behind it counts as the same. */
const MAX_ADDRESS_LENGTH = 320;
const MASKED = /^\[[a-z]+\]$/;
/** More digits may be a telephone number, or a key. */
const MAX_DIGITS = 10;
/** More single letters may be a word that is spelled, or a piece of Base64. */
const MAX_LETTERS = 3;
/** Members of JSON whose values are replaced as a whole. */
const MEMBER_KINDS: readonly (readonly [RegExp, ReplacedKind])[] = [
  [/(token|secret|password|verifier|device_?code|user_?code|cookie|^authorization)$/i, "secret"],
  [/^(display|first|last|nick|user|family|given)_?name$|^authorizedBy$/i, "person"],
  [/^(uris?|address(es)?|e?mails?|sip_?address(es)?)$/i, "address"],
  [/^(org(anization)?_?name|organization)$/i, "organization"],
  [/^person_?id$/i, "id"],
];
const ATOM = /[^\s"'`<>,;()[\]{}|=?&]+/gu;
const PUNCTUATION_BEFORE = ".:!*#→–-";
const PUNCTUATION_AFTER = ".:!…*#–-";
const AT = /@|\uff20|\ufe6b|%(?:25)*40|u0040|&#0*64|&#x0*40/i;
const WORD = /[\p{L}\p{M}\p{N}_]+/gu;
/** Neither ASCII nor punctuation of the product's texts. */
const FOREIGN_CHARACTER = /[^\x20-\x7e–—…→←±§×·•“”„‘’✓✗]/u;
const KEPT_FORM = new RegExp(
  `^(?:${[
    String.raw`\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?`,
    String.raw`\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?`,
    String.raw`[±~]?\d{1,9}(?:\.\d{1,9})?(?:ms|s|min|h|B|KB|MB|GB|KiB|MiB|GiB|%)?`,
    String.raw`v?\d{1,5}(?:\.\d{1,5}){2}(?:-[a-z]{1,6}\.?\d{0,3})?`,
    // Releases of the UCX Suite.
    String.raw`\d{4}\.(?:Winter|Spring|Summer|Autumn|Fall)\.\d{1,2}`,
    String.raw`\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?`,
    String.raw`\[?(?=[0-9a-f]*:)(?=[a-f:]*\d)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\]?(?::\d{1,5})?`,
    // Tracking IDs of Webex, which Cisco's support asks for.
    String.raw`(?!\w*(?:SECRET|TOKEN|KEY|PASS|CODE))[A-Z][A-Z0-9]{1,15}_[0-9A-Fa-f-]{8,60}(?:_\d{1,9}){0,2}`,
    // Codes of errors that Node.js and OpenSSL define.
    String.raw`(?:ERR|HPE|EAI|CERT|UNABLE|SELF|DEPTH)(?:_[A-Z0-9]{2,20}){1,6}`,
  ].join("|")})$`,
);
/** Numbers, also with a unit, and single letters. */
const KEPT_WORD = /^(?:\d{1,9}(?:ms|s|min|h|B|KB|MB|GB|x)?|[A-Za-z_])$/;
/**
 * Accounts of services, which are no persons. Those that are words of the product would besides
 * become placeholders in each of its messages.
 */
const SERVICE_ACCOUNT =
  /^(root|daemon|nobody|system|local ?system|(nt authority\\)?(system|local service|network service)|public|default|all users|administrator|admin|user|service|proxy|server|client|host|worker|node|ucx|webex|presence|ucx-webex-presence|imagicle|localhost|log|status)$/i;

function kindOf(member: string): ReplacedKind | undefined {
  return MEMBER_KINDS.find(([names]) => names.test(member))?.[1];
}

/** Whether an account is that of a service, and names no person. */
export function isServiceAccount(name: string): boolean {
  return SERVICE_ACCOUNT.test(name);
}

/** Not by a regular expression, which would take quadratic time. */
function splitPunctuation(atom: string): readonly [before: string, core: string, after: string] {
  let start = 0;
  let end = atom.length;
  while (start < end && PUNCTUATION_BEFORE.includes(atom.charAt(start))) start += 1;
  while (end > start && PUNCTUATION_AFTER.includes(atom.charAt(end - 1))) end -= 1;
  return [atom.slice(0, start), atom.slice(start, end), atom.slice(end)];
}

/** The id of an organization is kept; that of a person, and one of unknown meaning, is not. */
function identify(core: string): "organization" | "other" | null {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(core)) return "other";
  if (!/^Y2lzY29zcGFyazovL[\w+/=-]{10,200}$/.test(core)) return null;
  try {
    const id = atob(core.replaceAll("-", "+").replaceAll("_", "/"));
    return /^ciscospark:\/\/[a-z-]{1,20}\/ORGANIZATION\/[0-9a-f-]{36}$/i.test(id)
      ? "organization"
      : "other";
  } catch {
    return "other";
  }
}

/** The known texts as whole words, the folders of accounts, addresses, telephone numbers. */
function knownTexts(texts: readonly string[]): RegExp {
  // A longer one may contain a shorter one.
  const literals = [...new Set(texts)]
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`));
  const alternatives = [
    ...(literals.length === 0
      ? []
      : [String.raw`(?<![\p{L}\p{N}])(?:${literals.join("|")})(?![\p{L}\p{N}])`]),
    String.raw`(?<folder>[\\/](?:home|Users|Documents and Settings)[\\/]+)(?<user>[^\\/:*?"<>|\r\n]+)`,
    // In JSON that is cut off, or that is a string of JSON.
    String.raw`(?<label>"(?<member>[a-z_]{2,40})\\*"\s{0,9}:\s{0,9}\\*")(?<value>(?:[^"\\]|\\+(?![\\"]))*)`,
    String.raw`(?<=[?&](?:key|state|nonce|[\w-]{0,40}(?:token|verifier|code))=|(?:password|passwd|pwd|secret)=)(?<secret>[^\s&"'<>[\]\\]+)`,
    // Also with characters that atoms do not contain (RFC 5322, 3.2.3), from where a word begins.
    String.raw`(?<![^\s"<>,;()[\]])(?<address>[^\s"<>,;()[\]]{1,64}(?:${AT.source})[^\s"<>,;()[\]]{1,255})`,
    String.raw`(?<phone>(?:tel:\+?|\+)\d[\d ().\/-]{6,24}\d)`,
  ];
  return new RegExp(alternatives.join("|"), "giu");
}

function fold(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** One person's address is one placeholder, however it is written. */
function normalized(kind: ReplacedKind, text: string): string {
  if (kind !== "address") return fold(text);
  let decoded = text;
  try {
    decoded = decodeURIComponent(decodeURIComponent(text));
  } catch {
    // Not percent-encoded.
  }
  return (
    fold(decoded)
      .slice(0, MAX_ADDRESS_LENGTH)
      .replace(/^.*?(?:sips?|mailto|xmpp|webex|pres|im):/, "")
      // What comes before it, as in `uri=ada@math.example`.
      .replace(/^.*[=?&{|}'`](?=[^=?&{|}'`@]+@)/s, "")
      .replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "")
  );
}

const MAX_LENGTH = 100;

/** Characters that a screen does not show, or shows as a space: U+200B, U+00AD, U+00A0. */
const INVISIBLE = /[\p{Cf}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
const ALL_INVISIBLE = new RegExp(INVISIBLE, "gu");
/** The beginning of an address or of a path on a drive. */
const START = /^\p{Cf}*(?:[a-z][a-z0-9+.-]+:(?:\/\/|\\\\)|[a-z]:(?=[\\/]))/iu;
const SETTING_NAME = /webexpresence\s*\.\s*[a-z]+\s*[=:]/i;

/** The code point of the first invisible character, such as "U+200B", or null. */
export function findInvisibleCharacter(text: string, characters = INVISIBLE): string | null {
  const [character] = characters.exec(text) ?? [];
  return character === undefined ? null : codePoint(character);
}

/**
 * An invalid value as a message displays it. Any part of it that may be a password is left out:
 * what an address has in front of an `@`, and the lines that were joined to it by accident.
 */
export function displayedText(value: string): string {
  const text = withoutSecrets(value)
    .replace(/\p{Cc}/gu, "?")
    .replace(ALL_INVISIBLE, (character) => `<${codePoint(character)}>`);
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 1)}…`;
}

function withoutSecrets(text: string): string {
  const start = START.exec(text)?.[0] ?? "";
  const isPath = start.endsWith(":");
  const rest = text.slice(start.length);
  const name = rest.search(SETTING_NAME);
  if (name >= 0) {
    const front = rest.slice(0, name);
    return `${start}${/[:=@]/.test(front) ? "" : front}…`;
  }
  // Not even what follows the @ is certain to be a host: a comment can cut off a password.
  if (rest.includes("@") && !(isPath && !rest.includes(":"))) return `${start}…`;
  // What is no port may be a password of which a comment has cut off the rest.
  const authority = /^(?:\[[^\]]*\]|(?!\[)[^/:]*)(:[^/]*)?/.exec(rest)?.[1] ?? "";
  if (start !== "" && !isPath && !/^(?::\d*)?$/.test(authority)) return `${start}…`;
  return start + withoutAssignments(rest, isPath);
}

/** Up to what may be the value of another line, or the query of an address. */
function withoutAssignments(text: string, isPath: boolean): string {
  const [hostAndPort = ""] = /^(?:\[[^\]]*\]|[^:=?#]*)(?::\d+(?=[:/?#]|$))?/.exec(text) ?? [];
  const end = text.slice(hostAndPort.length).search(isPath ? /[=:]/ : /[=:?#]/);
  const shown = end < 0 ? text : text.slice(0, hostAndPort.length + end + 1);
  return shown === text ? text : `${shown}…`;
}

function codePoint(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `U+${hex.padStart(4, "0")}`;
}

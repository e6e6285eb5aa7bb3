import type { Secret } from "./secret.js";

/** So many consecutive characters of a secret are masked: fewer of them identify nothing. */
const RUN_LENGTH = 12;
const MASK = "[secret]";

/**
 * Masks secrets in a foreign text: whole ones, and each run of twelve of their characters. A server
 * may echo a secret shortened, in another case, with its punctuation left out (as in a host name),
 * percent-encoded once or twice, or within something that is encoded as Base64. Takes a few
 * milliseconds for a text of 2,000 characters.
 */
export function redact(text: string, secrets: readonly Secret[]): string {
  if (text === "" || secrets.length === 0) return text;
  const forms = secrets.flatMap((secret) => formsOf(secret.reveal()));
  // `text` keeps its length and thereby its offsets.
  const isSecret = new Uint8Array(text.length);
  markShortForms(isSecret, text, forms);
  markRuns(isSecret, text, forms, () => true);
  markRuns(isSecret, text, forms, isAlphanumeric);
  return mask(text, isSecret);
}

export function containsSecret(text: string, secrets: readonly Secret[]): boolean {
  return redact(text, secrets) !== text;
}

/** The secret in the encodings in which a server may send it back. */
function formsOf(secret: string): string[] {
  if (secret === "") return [];
  const bytes = Array.from(new TextEncoder().encode(secret), (byte) => String.fromCharCode(byte));
  // In the Base64 of a longer text, the secret begins at one of three positions of a group.
  const base64 = ["", "-", "--"].map((start) => btoa(start + bytes.join("")));
  const form = new URLSearchParams({ "": secret }).toString().slice(1);
  const encoded = encodeSecret(secret);
  return [secret, encoded, encodeURIComponent(encoded), form, ...base64];
}

/** Percent-encoded; halves of characters, which cannot be encoded, are replaced as in UTF-8. */
export function encodeSecret(secret: string): string {
  return encodeURIComponent(secret.replace(/\p{Surrogate}/gu, "\ufffd"));
}

/** Those shorter than a run are masked as a whole. */
function markShortForms(isSecret: Uint8Array, text: string, forms: readonly string[]): void {
  for (const form of forms) {
    if (form.length >= RUN_LENGTH) continue;
    for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + form.length)) {
      isSecret.fill(1, at, at + form.length);
    }
  }
}

/** Compares only the characters that `isCompared` selects, without regard to their case. */
function markRuns(
  isSecret: Uint8Array,
  text: string,
  forms: readonly string[],
  isCompared: (code: number) => boolean,
): void {
  const runs = new Set(forms.flatMap((form) => runsOf(select(form, isCompared).text)));
  const compared = select(text, isCompared);
  runsOf(compared.text).forEach((run, index) => {
    if (!runs.has(run)) return;
    const last = compared.offsets[index + RUN_LENGTH - 1] ?? 0;
    isSecret.fill(1, compared.offsets[index], last + 1);
  });
}

function runsOf(text: string): string[] {
  const count = Math.max(0, text.length - RUN_LENGTH + 1);
  return Array.from({ length: count }, (_, at) => text.slice(at, at + RUN_LENGTH));
}

/** The selected characters in lower case, and the offset of each. */
function select(
  text: string,
  isSelected: (code: number) => boolean,
): { readonly text: string; readonly offsets: readonly number[] } {
  // Other letters than those of ASCII may change their length in lower case.
  const lowerCase = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const offsets: number[] = [];
  let selected = "";
  for (let at = 0; at < lowerCase.length; at += 1) {
    if (!isSelected(lowerCase.charCodeAt(at))) continue;
    selected += lowerCase.charAt(at);
    offsets.push(at);
  }
  return { text: selected, offsets };
}

/** Of ASCII, in lower case. */
function isAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x7a);
}

function mask(text: string, isSecret: Uint8Array): string {
  let masked = "";
  for (let at = 0; at < text.length; at += 1) {
    if (isSecret[at] === 0) masked += text.charAt(at);
    else if (at === 0 || isSecret[at - 1] === 0) masked += MASK;
  }
  return masked;
}

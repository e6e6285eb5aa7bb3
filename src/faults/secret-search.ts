import { encodeSecret } from "./redaction.js";
import type { Secret } from "./secret.js";

/** What is shorter may occur by chance. */
const MIN_LENGTH = 12;
const WORD_BYTES = 4;
/** Comparisons for each byte. Only a text that is made to take long needs as many. */
const MAX_EFFORT = 8;

/**
 * Whether a body contains a whole secret: as it is, percent-encoded, or in Base64. Takes much less
 * time than `redact`, so that it can be asked of pages of megabytes. True as well for a body that
 * is made to take long.
 */
export function bytesContainSecret(bytes: Uint8Array, secrets: readonly Secret[]): boolean {
  const forms = new Set(secrets.flatMap((secret) => formsOf(secret.reveal())));
  if (forms.size === 0) return false;
  const encoder = new TextEncoder();
  return containsAny(
    bytes,
    [...forms].map((form) => encoder.encode(form)),
  );
}

function formsOf(secret: string): string[] {
  if (secret.length < MIN_LENGTH) return [];
  const encoded = encodeSecret(secret);
  const form = new URLSearchParams({ "": secret }).toString().slice(1);
  const base64 = base64Forms(secret);
  const base64Url = base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  const asMember = JSON.stringify(secret).slice(1, -1);
  return [secret, asMember, encoded, encodeURIComponent(encoded), form, ...base64, ...base64Url];
}

/**
 * The secret in the Base64 of a longer text, where it begins at one of three positions of a group,
 * without the characters at both ends that its neighbours change.
 */
function base64Forms(secret: string): string[] {
  const bytes = Array.from(new TextEncoder().encode(secret), (byte) => String.fromCharCode(byte));
  return [0, 1, 2].map((start) => {
    const text = btoa("-".repeat(start) + bytes.join("")).replace(/=+$/, "");
    const hasWholeEnd = (start + bytes.length) % 3 === 0;
    return text.slice(start === 0 ? 0 : start + 1, hasWholeEnd ? undefined : -1);
  });
}

/** Where a word occurs in what is searched for. */
interface WordPlace {
  readonly wanted: Uint8Array;
  readonly offset: number;
}

/**
 * Looks up so few words of the body that at least one is in any text of the shortest length, and
 * compares the bytes around those that occur in what is searched for (Wu and Manber, 1994).
 */
function containsAny(bytes: Uint8Array, wantedTexts: readonly Uint8Array[]): boolean {
  const places = placesOfWords(wantedTexts);
  const step = Math.min(...wantedTexts.map(({ length }) => length)) - WORD_BYTES + 1;
  const view = viewOf(bytes);
  let effortLeft = MAX_EFFORT * bytes.length;
  for (let at = 0; at + WORD_BYTES <= bytes.length; at += step) {
    for (const { wanted, offset } of places.get(view.getUint32(at)) ?? NO_PLACES) {
      const start = at - offset;
      let matched = 0;
      while (matched < wanted.length && bytes[start + matched] === wanted[matched]) matched += 1;
      effortLeft -= matched + 1;
      if (matched === wanted.length || effortLeft < 0) return true;
    }
  }
  return false;
}

const NO_PLACES: readonly WordPlace[] = [];

function placesOfWords(wantedTexts: readonly Uint8Array[]): ReadonlyMap<number, WordPlace[]> {
  const places = new Map<number, WordPlace[]>();
  for (const wanted of wantedTexts) {
    const view = viewOf(wanted);
    for (let offset = 0; offset + WORD_BYTES <= wanted.length; offset += 1) {
      const word = view.getUint32(offset);
      const known = places.get(word);
      if (known === undefined) places.set(word, [{ wanted, offset }]);
      else known.push({ wanted, offset });
    }
  }
  return places;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

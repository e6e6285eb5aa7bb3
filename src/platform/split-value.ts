import { lazyCrypto } from "./lazy-modules.js";

/** What one credential of Windows holds: CRED_MAX_CREDENTIAL_BLOB_SIZE (wincred.h), counted in the UTF-8 bytes that keytar stores. */
export const MAX_VALUE_BYTES = 2560;

const INDEX_PREFIX = "split:";
const INDEX = /^split:(a|b):([1-9]\d{0,4}):([0-9a-f]{16})$/;

export type PartSet = "a" | "b";

/** The entry that stands in for a long value: which parts make it up, and a digest that tells a whole value from a mixture. */
export interface SplitIndex {
  readonly partSet: PartSet;
  readonly count: number;
  readonly digest: string;
}

/** Whether the value has to be stored in parts. One that looks like a head entry has to, or it would be read as one. */
export function mustSplit(value: string): boolean {
  return Buffer.byteLength(value, "utf8") > MAX_VALUE_BYTES || value.startsWith(INDEX_PREFIX);
}

/** Cuts a text into pieces of at most `maxBytes` UTF-8 bytes each (at least 4), never inside a surrogate pair. */
export function splitText(text: string, maxBytes: number = MAX_VALUE_BYTES): string[] {
  const parts: string[] = [];
  let start = 0;
  let end = 0;
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character, "utf8");
    if (bytes + size > maxBytes) {
      parts.push(text.slice(start, end));
      start = end;
      bytes = 0;
    }
    end += character.length;
    bytes += size;
  }
  parts.push(text.slice(start));
  return parts;
}

export function digestOf(value: string): string {
  return lazyCrypto().createHash("sha256").update(value, "utf8").digest("hex").slice(0, 16);
}

export function formatIndex(head: SplitIndex): string {
  return `${INDEX_PREFIX}${head.partSet}:${head.count}:${head.digest}`;
}

/** The head entry that the stored text is, or null for an ordinary value. */
export function parseIndex(stored: string): SplitIndex | null {
  const match = INDEX.exec(stored);
  if (match === null) return null;
  return { partSet: match[1] === "a" ? "a" : "b", count: Number(match[2]), digest: match[3] ?? "" };
}

export function partAccount(account: string, partSet: PartSet, index: number): string {
  return `${account}#${partSet}.${index}`;
}

export function otherPartSet(partSet: PartSet): PartSet {
  return partSet === "a" ? "b" : "a";
}

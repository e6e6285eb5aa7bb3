import { Secret } from "../../src/faults/secret.js";

/** With the punctuation of a JWT, and characters that are encoded in a URL. */
export const ECHOED = new Secret("Zk3vQ8.xW2+rT7/mB5=hN9-cL4_pJ6~sD1");

const text = ECHOED.reveal();
const base64 = (start: string): string => Buffer.from(`${start}${text} end`).toString("base64");

/** How a server may send a secret back. */
export const ECHO_FORMS: Readonly<Record<string, string>> = {
  plain: text,
  "without its last character": text.slice(0, -1),
  "without its first character": text.slice(1),
  "cut to 12 characters": text.slice(3, 15),
  "in upper case": text.toUpperCase(),
  "in lower case": text.toLowerCase(),
  "percent-encoded": encodeURIComponent(text),
  "percent-encoded twice": encodeURIComponent(encodeURIComponent(text)),
  "as a form": new URLSearchParams({ "": text }).toString().slice(1),
  "without punctuation": text.replace(/[^a-z0-9]/gi, ""),
  "with other punctuation": text.replace(/[^a-z0-9]/gi, "_"),
  "in Base64": base64(""),
  "in Base64 after one character": base64(":"),
  "in Base64 after two characters": base64("id:"),
  "in Base64 for URLs": Buffer.from(text).toString("base64url"),
};

/** Returns twelve consecutive characters of `ECHOED` that `output` has in some form, or null. */
export function findEcho(output: string): string | null {
  const lowerCase = output.toLowerCase();
  const forms = [...Object.values(ECHO_FORMS), ECHOED.reveal()].map((form) => form.toLowerCase());
  for (const reduce of [(s: string) => s, (s: string) => s.replace(/[^a-z0-9]/g, "")]) {
    const reduced = reduce(lowerCase);
    for (const form of forms.map(reduce)) {
      for (let at = 0; at + 12 <= form.length; at += 1) {
        const run = form.slice(at, at + 12);
        if (reduced.includes(run)) return run;
      }
    }
  }
  return null;
}

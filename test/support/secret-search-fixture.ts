/** Parts that are shorter may occur by chance, or say nothing. */
const MIN_PART_LENGTH = 12;

/** How a secret may be written: as it is, encoded, and in halves. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, "utf8");
  // In the Base64 of a longer text, a secret begins at one of three positions of a group, and its
  // neighbours change the characters at both ends.
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/, "")
      .slice(offset === 0 ? 0 : offset + 1, -1),
  );
  const middle = Math.floor(secret.length / 2);
  const halves = [secret.slice(0, middle), secret.slice(middle)];
  const encoded = encodeURIComponent(secret);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    JSON.stringify(JSON.stringify(secret)).slice(3, -3),
    encoded,
    encodeURIComponent(encoded),
    new URLSearchParams({ "": secret }).toString().slice(1),
    bytes.toString("hex"),
    ...base64,
    ...base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_")),
    ...halves.filter((half) => half.length >= MIN_PART_LENGTH),
  ];
}

/** The secrets, cut to what identifies them, that a text contains in any form. */
export function findSecrets(text: string, secrets: Iterable<string>): string[] {
  const found = new Set<string>();
  const lowerCase = text.toLowerCase();
  for (const secret of secrets)
    for (const form of new Set(formsOf(secret)))
      if (text.includes(form) || lowerCase.includes(form.toLowerCase()))
        found.add(`${secret.slice(0, 6)}… as ${form.slice(0, 6)}…`);
  return [...found];
}

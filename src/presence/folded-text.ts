const BEYOND_ASCII = /[\u0080-\uffff]/;
/** Letters that Unicode does not decompose, but that people type without their strokes. */
const UNDECOMPOSED: Readonly<Record<string, string>> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  ł: "l",
  đ: "d",
  ð: "d",
  þ: "th",
  ı: "i",
  ς: "σ",
};
const UNDECOMPOSED_LETTER = new RegExp(`[${Object.keys(UNDECOMPOSED).join("")}]`, "g");

/** The form in which texts are searched and sorted: without case and accents. */
export function foldText(text: string): string {
  const lower = text.toLowerCase();
  if (!BEYOND_ASCII.test(lower)) return lower;
  return (
    lower
      .normalize("NFKD")
      .replace(/\p{M}+/gu, "")
      // Of letters such as 𝐀, which have no case of their own.
      .toLowerCase()
      .replace(UNDECOMPOSED_LETTER, (letter) => UNDECOMPOSED[letter] ?? letter)
  );
}

/** The words of a search, all of which have to be found, in any order. */
export function searchWords(search: string): string[] {
  return foldText(search.replace(/\p{Cc}+/gu, " "))
    .split(/\s+/)
    .filter((word) => word !== "");
}

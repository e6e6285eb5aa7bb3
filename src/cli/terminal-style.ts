// Select Graphic Rendition (ECMA-48 8.3.117): the sixteen colours every terminal has, so that its own theme decides how they look.
const STYLES = {
  bold: "1",
  faint: "2",
  inverse: "7",
  red: "31",
  green: "32",
  yellow: "33",
  magenta: "35",
  cyan: "36",
  grey: "90",
  brightRed: "91",
} as const;

export type Style = keyof typeof STYLES;

/** Puts a style on a text. */
export type Paint = (text: string, ...styles: readonly Style[]) => string;

/** Without colours, a paint that leaves every text as it is. */
export function paintFor(hasColors: boolean): Paint {
  if (!hasColors) return (text) => text;
  return (text, ...styles) =>
    styles.length === 0 || text === ""
      ? text
      : `\u001b[${styles.map((style) => STYLES[style]).join(";")}m${text}\u001b[0m`;
}

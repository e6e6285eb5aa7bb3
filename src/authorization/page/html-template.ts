/** HTML that is safe to send. Only `HtmlTemplates` creates it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Text is escaped, HTML is inserted as it is, and null inserts nothing. */
export type TemplateValues = Readonly<Record<string, string | Html | readonly Html[] | null>>;

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * The templates of an HTML file: each `<template id="…">` element, and the rest of the file as
 * `document`. A template contains placeholders of the form `{{name}}`, in text or in quoted
 * attributes.
 */
export class HtmlTemplates {
  readonly #templates = new Map<string, string>();

  constructor(file: string) {
    const document = file
      .replace(/<!--[^]*?-->\s*/g, "")
      .replace(/<template id="([\w-]+)">\s*([^]*?)\s*<\/template>\s*/g, (_match, id, text) => {
        this.#templates.set(String(id), String(text));
        return "";
      });
    this.#templates.set("document", document);
  }

  /** Throws if the file has no such template, or if a placeholder has no value. */
  render(id: string, values: TemplateValues = {}): Html {
    const template = this.#templates.get(id);
    if (template === undefined) throw new Error(`There is no template "${id}".`);
    return new Html(
      template.replace(/\{\{(\w+)\}\}/g, (_match, name: string) => {
        const value = values[name];
        if (value === undefined) throw new Error(`"${name}" has no value in "${id}".`);
        if (value === null) return "";
        if (typeof value === "string") return escapeHtml(value);
        return value instanceof Html ? value.text : value.map(({ text }) => text).join("\n");
      }),
    );
  }
}

/**
 * Makes untrusted text fit for display: without control, format and lone surrogate characters, and
 * at most 300 characters long. Returns null if nothing is left.
 */
export function sanitizeText(text: string | null): string | null {
  if (text === null) return null;
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "").trim();
  return clean === "" ? null : Array.from(clean).slice(0, 300).join("");
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}

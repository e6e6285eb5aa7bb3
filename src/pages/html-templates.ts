import { toPrintable } from "../faults/foreign-text.js";

/** HTML that is safe to send: made by `HtmlTemplates`, or a file of the product. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

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

  /**
   * Text is made printable and escaped, HTML is inserted as it is, and null inserts nothing. Throws
   * if the file has no such template, or if a placeholder has no value.
   */
  render(
    id: string,
    values: Readonly<Record<string, string | Html | readonly Html[] | null>> = {},
  ): Html {
    const template = this.#templates.get(id);
    if (template === undefined) throw new Error(`There is no template "${id}".`);
    return new Html(
      template.replace(/\{\{(\w+)\}\}/g, (_match, name: string) => {
        const value = values[name];
        if (value === undefined) throw new Error(`"${name}" has no value in "${id}".`);
        if (value === null) return "";
        if (typeof value === "string")
          return toPrintable(value).replace(/[&<>"']/g, (c) => ESCAPES[c] ?? "");
        return value instanceof Html ? value.text : value.map(({ text }) => text).join("\n");
      }),
    );
  }
}

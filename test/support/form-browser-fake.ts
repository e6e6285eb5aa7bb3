/**
 * A minimal browser that stores cookies, follows redirects and submits the first form of a page.
 */
export class FormBrowser {
  readonly #cookies = new Map<string, Map<string, string>>();
  readonly #stopAt: string;

  /** `stopAt`: the prefix of the URLs at which it stops without opening them. */
  constructor(stopAt = "") {
    this.#stopAt = stopAt;
  }

  /** Opens a page and submits forms until there is none. Returns the last URL and its text. */
  async walk(
    url: string,
    fields: Readonly<Record<string, string>>,
  ): Promise<{ url: string; text: string }> {
    let page = await this.#open(url);
    for (let step = 0; step < 8 && page.text.includes("<form"); step++) {
      const action = /<form[^>]*\baction="([^"]*)"/.exec(page.text)?.[1] ?? page.url;
      const form = new URLSearchParams();
      for (const [input] of page.text.matchAll(/<input[^>]*>/g)) {
        const name = /\bname="([^"]*)"/.exec(input)?.[1];
        if (name !== undefined)
          form.set(name, fields[name] ?? /\bvalue="([^"]*)"/.exec(input)?.[1] ?? "");
      }
      page = await this.#open(new URL(action, page.url).href, form);
    }
    return page;
  }

  async #open(url: string, form?: URLSearchParams): Promise<{ url: string; text: string }> {
    let next = url;
    let body = form;
    for (let hop = 0; hop < 10; hop++) {
      if (this.#stopAt !== "" && next.startsWith(this.#stopAt)) return { url: next, text: "" };
      const response = await fetch(next, {
        redirect: "manual",
        headers: { cookie: this.#cookieHeader(next), accept: "text/html" },
        ...(body === undefined ? {} : { method: "POST", body }),
      });
      this.#storeCookies(next, response.headers.getSetCookie());
      const location = response.headers.get("location");
      if (location === null) return { url: next, text: await response.text() };
      next = new URL(location, next).href;
      body = undefined;
    }
    throw new Error("Too many redirects.");
  }

  #storeCookies(url: string, lines: readonly string[]): void {
    const { origin } = new URL(url);
    const jar = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, jar);
    for (const line of lines) {
      const [name = "", ...value] = (line.split(";")[0] ?? "").split("=");
      if (value.join("=") === "") jar.delete(name);
      else jar.set(name, value.join("="));
    }
  }

  #cookieHeader(url: string): string {
    return [...(this.#cookies.get(new URL(url).origin) ?? [])]
      .map(([name, value]) => `${name}=${value}`)
      .join("; ");
  }
}

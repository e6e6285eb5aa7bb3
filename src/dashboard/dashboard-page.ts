import type { Html, HtmlTemplates } from "../pages/html-templates.js";
import { readPageFiles, type PageFiles } from "../pages/page-files.js";
import { htmlResponse, scriptResponse, type Rejection } from "../pages/responses.js";
import type { LoopbackPage, ReadAsset } from "../ports/loopback-server.js";

/** The HTML, CSS and script of the dashboard. The script fetches what the page shows. */
export class DashboardPage {
  readonly #templates: HtmlTemplates;
  readonly #style: Html;
  readonly #script: string;
  readonly #createNonce: () => string;

  private constructor({ templates, style, script }: PageFiles, createNonce: () => string) {
    this.#templates = templates;
    this.#style = style;
    this.#script = script;
    this.#createNonce = createNonce;
  }

  /** `createNonce` returns another nonce for each response. */
  static async load(readAsset: ReadAsset, createNonce: () => string): Promise<DashboardPage> {
    return new DashboardPage(
      await readPageFiles(readAsset, "dashboard/page/dashboard"),
      createNonce,
    );
  }

  document(): LoopbackPage {
    const script = this.#templates.render("script");
    return this.#document(200, this.#templates.render("dashboard"), script);
  }

  /** A page that reveals nothing. */
  rejection({ status, title, hint, headers = {} }: Rejection): LoopbackPage {
    const content = this.#templates.render("rejection", { title, hint });
    return this.#document(status, content, null, headers);
  }

  script(): LoopbackPage {
    return scriptResponse(this.#script);
  }

  #document(
    status: number,
    content: Html,
    script: Html | null,
    headers: Readonly<Record<string, string>> = {},
  ): LoopbackPage {
    const nonce = this.#createNonce();
    const values = { nonce, style: this.#style, script, content };
    const { text } = this.#templates.render("document", values);
    return htmlResponse(status, text, nonce, headers);
  }
}

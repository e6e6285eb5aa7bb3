import type { ReadAsset } from "../ports/loopback-server.js";
import { Html, HtmlTemplates } from "./html-templates.js";

/** What a page is made of. */
export interface PageFiles {
  readonly templates: HtmlTemplates;
  readonly style: Html;
  readonly script: string;
}

/** Reads `<path>.html`, `<path>.css` and `<path>.client.js`. Rejects if one cannot be read. */
export async function readPageFiles(readAsset: ReadAsset, path: string): Promise<PageFiles> {
  const files = ["html", "css", "client.js"].map((extension) => readAsset(`${path}.${extension}`));
  const [html = "", style = "", script = ""] = await Promise.all(files);
  return { templates: new HtmlTemplates(html), style: new Html(style), script };
}

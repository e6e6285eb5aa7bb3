import { expect } from "chai";

import { Html, HtmlTemplates } from "../../../src/pages/html-templates.js";
import { checkHost, checkMethod, checkOrigin } from "../../../src/pages/request-checks.js";
import { htmlResponse, redirect, scriptResponse } from "../../../src/pages/responses.js";
import type { LoopbackRequest } from "../../../src/ports/loopback-server.js";

const requestWith = (headers: Readonly<Record<string, string>>): LoopbackRequest => ({
  ...{ method: "GET", target: "/", body: "" },
  headers,
});

describe("pages", () => {
  it("escape the texts of others, make them printable, and insert HTML as it is", () => {
    const templates = new HtmlTemplates(
      '<p title="{{text}}">{{text}}{{html}}{{none}}</p><template id="inner"><b>{{text}}</b></template>',
    );
    const text = `<i>"a" & 'b'</i>\u001b[2J\u202e`;
    const html = [templates.render("inner", { text: "<" }), new Html("<hr>")];
    const rendered = templates.render("document", { text, html, none: null }).text;
    const shown = rendered.slice('<p title="'.length, rendered.indexOf('">'));
    expect(shown).to.match(/^&lt;i&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;\/i&gt;/);
    // eslint-disable-next-line no-control-regex -- control characters are what is tested
    expect(shown).not.to.match(/[\u0000-\u001f\u202e]/);
    expect(rendered).to.equal(`<p title="${shown}">${shown}<b>&lt;</b>\n<hr></p>`);
    expect(() => templates.render("document", { text })).to.throw("no value");
    expect(() => templates.render("other")).to.throw("no template");
  });

  it("allow their own styles and scripts, and connections to themselves, alone", () => {
    const { headers } = htmlResponse(200, "", "the-nonce");
    expect(headers["content-security-policy"]?.split("; ")).to.have.members([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'nonce-the-nonce'",
      "connect-src 'self'",
      "img-src data:",
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ]);
  });

  it("are kept out of caches, frames, other sites and the addresses that these see", () => {
    for (const { headers } of [
      htmlResponse(200, "", "n"),
      scriptResponse(""),
      redirect(303, "/elsewhere"),
    ])
      expect(headers).to.include({
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cross-origin-resource-policy": "same-origin",
      });
    expect(redirect(303, "/elsewhere").headers).to.include({ location: "/elsewhere" });
  });

  it("are there under the names of this machine's own addresses and their port alone", () => {
    for (const host of ["localhost:8468", "LocalHost:8468", "127.0.0.1:8468", "[::1]:8468"])
      expect(checkHost(requestWith({ host }), 8468), host).to.equal(null);
    for (const host of ["localhost:8467", "localhost", "[::2]:8468", "localhost.evil:8468", ""])
      expect(checkHost(requestWith({ host }), 8468)?.status, host).to.equal(421);
    expect(checkHost(requestWith({}), 8468)?.status).to.equal(421);
  });

  it("say which method they take", () => {
    expect(checkMethod(requestWith({}), "GET")).to.equal(null);
    const refused = checkMethod(requestWith({}), "POST");
    expect(refused).to.deep.include({ status: 405, headers: { allow: "POST" } });
  });

  it("take what their own origin sends, and nothing from another site", () => {
    const host = "localhost:8468";
    const origin = `http://${host}`;
    const isTaken = (headers: Readonly<Record<string, string>>): boolean =>
      checkOrigin(requestWith({ host, ...headers })) === null;
    for (const headers of [
      {},
      { origin },
      { "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" },
      { origin, "sec-fetch-site": "same-origin" },
      { origin: "null", "sec-fetch-site": "same-origin" },
    ] as Record<string, string>[])
      expect(isTaken(headers), JSON.stringify(headers)).to.equal(true);
    for (const headers of [
      { origin: "null" },
      { origin: "https://localhost:8468" },
      { origin, "sec-fetch-site": "same-site" },
      { origin, "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ] as Record<string, string>[])
      expect(isTaken(headers), JSON.stringify(headers)).to.equal(false);
  });
});

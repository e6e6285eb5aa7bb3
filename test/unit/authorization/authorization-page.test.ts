import { expect } from "chai";

import { AuthorizationPage } from "../../../src/authorization/page/authorization-page.js";
import {
  attemptFromError,
  attemptFromFault,
  describeStatus,
  sanitizeText,
  type PageModel,
} from "../../../src/authorization/page/page-model.js";
import { HtmlTemplates } from "../../../src/pages/html-templates.js";
import { readAsset } from "../../../src/platform/node-process.js";
import { authorizationOf, faultOf } from "../../support/authorization-flow-fixture.js";

const MODEL: PageModel = {
  key: "the-key",
  clientId: "the-client",
  unlikelyApiUrl: null,
  phase: "open",
  endReason: null,
  attempt: { kind: "none" },
  organizations: [],
  notices: [],
  retriedOrgIds: new Set(),
  remainingSeconds: 600,
};
const ACME = authorizationOf("Acme");
const BETA_AGAIN = authorizationOf("Beta", { state: "required" });

describe("authorization page", () => {
  let page: AuthorizationPage;

  before(async () => {
    page = await AuthorizationPage.load(readAsset, () => "nonce");
  });

  const statuses: [string, Partial<PageModel>, string, string][] = [
    ["no authorization", {}, "required", "Authorization required"],
    ["a valid one", { organizations: [ACME] }, "authorized", "An organization is authorized"],
    [
      "one of two to renew",
      { organizations: [ACME, BETA_AGAIN] },
      "required",
      "Beta: authorize again",
    ],
    ["a pending request", { attempt: { kind: "waiting" } }, "waiting", "Waiting for Webex"],
    ["a callback", { attempt: { kind: "finishing" } }, "waiting", "Completing the authorization"],
    [
      "a new authorization",
      { attempt: { kind: "authorized", authorization: ACME } },
      "authorized",
      "Acme is authorized",
    ],
    [
      "a declined request",
      { attempt: attemptFromError("access_denied", null) },
      "denied",
      "Declined at Webex",
    ],
    [
      "a wrong scope",
      { attempt: attemptFromError("invalid_scope", null) },
      "failed",
      "The integration lacks a scope",
    ],
    [
      "a locked keychain",
      { attempt: attemptFromFault(faultOf("keychainLocked"), true) },
      "failed",
      "The keychain is locked",
    ],
    [
      "a broken keychain",
      { attempt: attemptFromFault(faultOf("keychainUnavailable"), true) },
      "failed",
      "The keychain is not available",
    ],
    [
      "no administrator",
      { attempt: attemptFromFault(faultOf("forbidden"), false) },
      "failed",
      "This account cannot authorize",
    ],
    [
      "completion",
      { phase: "completed", organizations: [ACME] },
      "authorized",
      "Presence starts now",
    ],
    ["the deadline", { phase: "expired" }, "expired", "This page has expired"],
    ["cancellation", { phase: "cancelled" }, "expired", "This page is closed"],
  ];
  for (const [situation, changes, state, title] of statuses) {
    it(`shows "${title}" for ${situation}`, () => {
      const model = { ...MODEL, ...changes };
      const status = describeStatus(model);
      expect(status).to.include({ state, title });
      expect(status.text).to.match(/\.$/);
      const content = page.content(model);
      expect(content).to.contain(`data-state="${state}"`).and.to.contain(`<h2>${title}</h2>`);
      const countOf = (id: string): number => content.split(`data-testid="${id}"`).length - 1;
      const expected = model.phase === "open" ? 1 : 0;
      expect(["state", "authorize", "complete", "help"].map(countOf)).to.deep.equal([
        1,
        expected,
        expected,
        expected,
      ]);
    });
  }

  it("has the title and the buttons that the contract names", () => {
    const { body } = page.document(MODEL, 200);
    expect(body).to.contain("<title>Webex integration authorization</title>");
    expect(body).to.match(/<a[^>]*data-testid="authorize"[^>]*>AUTHORIZE</);
    expect(body).to.match(/<button[^>]*data-testid="complete"[^>]*>\s*COMPLETE REQUEST\s*</);
  });

  it("leaves no placeholder, comment or template in a response", () => {
    const organizations = [ACME, BETA_AGAIN, authorizationOf("Gamma", { scopes: [] })];
    for (const model of [MODEL, { ...MODEL, organizations, clientId: null }])
      expect(page.document(model, 200).body).not.to.match(/\{\{|<!--|<template|undefined/);
  });

  it("describes a grant in the words of a person", () => {
    const content = page.content({ ...MODEL, organizations: [ACME] });
    expect(content).to.match(
      /<dt>Can read<\/dt>\s*<dd>people and presence status, organization name</,
    );
    expect(content).to.contain("31 March 2026");
    expect(content).not.to.contain("Missing scopes");
    const partial = authorizationOf("Acme", { scopes: ["spark-admin:people_read"] });
    expect(page.content({ ...MODEL, organizations: [partial] })).to.match(
      /<dt>Missing scopes<\/dt>\s*<dd>spark-admin:organizations_read<\/dd>/,
    );
  });

  it("shows AUTHORIZE for an organization whose presence is not available", () => {
    const notice = {
      code: "adminRoleLost",
      severity: "error",
      message: "Refused.",
      hint: "Act.",
      orgId: ACME.orgId,
    } as const;
    const model: PageModel = {
      ...MODEL,
      attempt: { kind: "authorized", authorization: ACME },
      organizations: [ACME, authorizationOf("Beta")],
      notices: [notice],
    };
    expect(describeStatus(model)).to.include({ state: "authorized", tone: "caution" });
    const content = page.content(model);
    expect(content).to.match(/AUTHORIZE<span class="unseen"> Acme</);
    expect(content.match(/Needs attention/g)).to.have.lengthOf(1);
    const otherNotices = [{ ...notice, orgId: "another" }];
    expect(describeStatus({ ...model, notices: otherNotices })).to.include({ tone: "good" });
  });

  it("does not promise the presence of an organization that Webex refuses", () => {
    const notices = [
      { code: "adminRoleLost", severity: "error", message: "Refused.", hint: "Act." } as const,
    ].map((notice) => ({ ...notice, orgId: ACME.orgId }));
    const explanationOf = (changes: Partial<PageModel>): string =>
      /id="complete-when">([^<]*)</.exec(page.content({ ...MODEL, ...changes }))?.[1] ?? "";
    const organizations = [ACME, authorizationOf("Gamma")];
    const active = explanationOf({ organizations });
    expect(active).to.equal("Closes this page and keeps the authorization.");
    const refused = explanationOf({ organizations, notices });
    expect(refused).to.match(/The presence of Acme is not available until .* solved\.$/);
    expect(explanationOf({ organizations: [ACME, BETA_AGAIN] })).to.include("presence of Beta");

    const completed: PageModel = { ...MODEL, phase: "completed", organizations: [ACME], notices };
    const nothing = describeStatus(completed);
    expect(nothing).to.include({ tone: "caution", title: "The request is complete" });
    expect(nothing.text).to.include("The presence of Acme is not available");
    const rest = describeStatus({ ...completed, organizations });
    expect(rest).to.include({ tone: "caution", title: "Presence starts now" });
    expect(rest.text).to.include("The presence of Acme is not available");
  });

  it("offers a retry for each organization that Webex refuses, until the page is over", () => {
    const beta = authorizationOf("Beta");
    const noticeOf = (code: string, orgId: string) =>
      ({ code, severity: "error", message: "Refused.", hint: "Act.", orgId }) as const;
    const model: PageModel = {
      ...MODEL,
      organizations: [ACME, beta, authorizationOf("Gamma")],
      notices: [noticeOf("adminRoleLost", ACME.orgId), noticeOf("statusSharingOff", beta.orgId)],
      retriedOrgIds: new Set([beta.orgId]),
    };
    const content = page.content(model);
    expect(describeStatus(model)).to.include({ state: "authorized", tone: "caution" });
    expect(describeStatus(model).title).to.include("Acme, Beta").and.not.to.include("Gamma");
    expect(content.match(/data-testid="retry"/g)).to.have.lengthOf(2);
    expect(content).to.match(/Try again<span class="unseen"> Acme</);
    expect(content).to.match(/<form method="post" action="\/retry">/);
    expect(content.match(/has asked Webex again/g)).to.have.lengthOf(1);
    expect(page.content({ ...model, phase: "completed" })).not.to.include("retry");
  });

  it("enables COMPLETE REQUEST only with a valid authorization", () => {
    const isDisabled = (organizations: PageModel["organizations"]): boolean =>
      /data-testid="complete"[^>]*\bdisabled\b/.test(page.content({ ...MODEL, organizations }));
    expect(isDisabled([])).to.equal(true);
    expect(isDisabled([BETA_AGAIN])).to.equal(true);
    expect(isDisabled([BETA_AGAIN, ACME])).to.equal(false);
  });

  it("omits the key from a page that is over", () => {
    expect(page.content(MODEL)).to.contain("the-key");
    const over = page.document({ ...MODEL, phase: "completed", organizations: [ACME] }, 200);
    expect(over.body).not.to.contain("the-key");
  });
});

describe("HTML templates", () => {
  const templates = new HtmlTemplates(
    '<b>{{text}}</b><template id="row"><p title="{{title}}">{{text}}{{row}}</p></template>',
  );

  it("escape text in content and attributes, and insert HTML as it is", () => {
    const text = `<a href='x' title="y">&{{text}}</a>`;
    const escaped = "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;{{text}}&lt;/a&gt;";
    const row = templates.render("document", { text });
    expect(row.text).to.equal(`<b>${escaped}</b>`);
    expect(templates.render("row", { title: text, text: null, row: [row, row] }).text).to.equal(
      `<p title="${escaped}"><b>${escaped}</b>\n<b>${escaped}</b></p>`,
    );
  });

  it("throw for a missing template or value", () => {
    expect(() => templates.render("missing")).to.throw("missing");
    expect(() => templates.render("document", {})).to.throw("text");
  });

  it("come with a function that sanitizes untrusted text", () => {
    expect(sanitizeText(null)).to.equal(null);
    expect(sanitizeText(" \u0000\r\n\t\u200b ")).to.equal(null);
    expect(sanitizeText("a\u0000b\u001bc\u202ed\u2028e\ud800f")).to.equal("abcdef");
    expect(Array.from(sanitizeText("\u{1f600}".repeat(301)) ?? "")).to.have.length(300);
  });
});

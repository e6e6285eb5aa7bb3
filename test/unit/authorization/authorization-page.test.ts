import { expect } from "chai";

import { sanitizeText, html } from "../../../src/authorization/authorization-page-markup.js";
import { pageParts } from "../../../src/authorization/authorization-page-parts.js";
import {
  describeStatus,
  attemptFromFault,
  type PageModel,
  attemptFromError,
} from "../../../src/authorization/page/page-model.js";
import { authorizationOf, faultOf } from "../../support/authorization-flow-fixture.js";

const MODEL: PageModel = {
  key: "the-key",
  clientId: "the-client",
  phase: "open",
  endReason: null,
  attempt: { kind: "none" },
  organizations: [],
  notices: [],
  remainingSeconds: 600,
};
const ACME = authorizationOf("Acme");
const BETA_AGAIN = authorizationOf("Beta", { state: "required" });

describe("authorization page", () => {
  const announcements: [string, Partial<PageModel>, string, string][] = [
    ["nothing done", {}, "required", "Authorization is needed"],
    [
      "an authorization that is there",
      { organizations: [ACME] },
      "authorized",
      "An authorization is there",
    ],
    [
      "one of two to renew",
      { organizations: [ACME, BETA_AGAIN] },
      "required",
      "Beta: authorization is needed again",
    ],
    ["gone to Webex", { attempt: { kind: "waiting" } }, "waiting", "Waiting for Webex"],
    ["back from Webex", { attempt: { kind: "finishing" } }, "waiting", "Finishing with Webex"],
    [
      "authorized",
      { attempt: { kind: "authorized", authorization: ACME } },
      "authorized",
      "Acme is authorized",
    ],
    [
      "declined",
      { attempt: attemptFromError("access_denied", null) },
      "denied",
      "Declined at Webex",
    ],
    [
      "wrong scope",
      { attempt: attemptFromError("invalid_scope", null) },
      "failed",
      "The integration lacks a scope",
    ],
    [
      "locked keychain",
      { attempt: attemptFromFault(faultOf("keychainLocked"), true) },
      "failed",
      "The keychain is locked",
    ],
    [
      "broken keychain",
      { attempt: attemptFromFault(faultOf("keychainUnavailable"), true) },
      "failed",
      "The keychain cannot be used",
    ],
    [
      "no administrator",
      { attempt: attemptFromFault(faultOf("forbidden"), false) },
      "failed",
      "This account may not authorize",
    ],
    [
      "completed",
      { phase: "completed", organizations: [ACME] },
      "authorized",
      "Presence starts now",
    ],
    ["too late", { phase: "expired" }, "expired", "This page has expired"],
    ["called off", { phase: "cancelled" }, "expired", "This page is closed"],
  ];
  for (const [what, change, state, title] of announcements) {
    it(`says of "${what}": ${title}`, () => {
      const announcement = describeStatus({ ...MODEL, ...change });
      expect(announcement).to.include({ state, title });
      expect(announcement.text).to.match(/\.$/);
      const page = pageParts({ ...MODEL, ...change }).text;
      const offered = (change.phase ?? "open") === "open" ? 1 : 0;
      const found = ["state", "authorize", "complete", "help"].map(
        (id) => page.split(`data-testid="${id}"`).length - 1,
      );
      expect(found).to.deep.equal([1, offered, offered, offered]);
    });
  }

  it("says when an organization was authorized in vain, and offers AUTHORIZE in its row", () => {
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
    const page = pageParts(model).text;
    expect(page).to.match(/AUTHORIZE<span class="unseen"> Acme</);
    expect(page.match(/Needs attention/g)).to.have.lengthOf(1);
    expect(describeStatus({ ...model, notices: [{ ...notice, orgId: "another" }] })).to.include({
      tone: "good",
    });
  });

  it("offers COMPLETE REQUEST only with a valid authorization", () => {
    const disabled = (model: PageModel): boolean =>
      /data-testid="complete"[^>]*\bdisabled\b/.test(pageParts(model).text);
    expect(disabled(MODEL)).to.equal(true);
    expect(disabled({ ...MODEL, organizations: [BETA_AGAIN] })).to.equal(true);
    expect(disabled({ ...MODEL, organizations: [BETA_AGAIN, ACME] })).to.equal(false);
  });

  it("keeps the key out of a page that is over", () => {
    expect(pageParts(MODEL).text).to.contain("the-key");
    expect(pageParts({ ...MODEL, phase: "completed", organizations: [ACME] }).text).not.to.contain(
      "the-key",
    );
  });

  it("escapes what it inserts, in text and in attributes, and leaves markup as it is", () => {
    const text = `<a href='x' title="y">&</a>`;
    const escaped = "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;&lt;/a&gt;";
    const bold = html`<b>${1}</b>`;
    expect(
      html`<p title="${text}">${text}${bold}${null}</p>`.text.replace(/\s+(?=<)/g, ""),
    ).to.equal(`<p title="${escaped}">${escaped}<b>1</b></p>`);
  });

  it("makes foreign text fit to show", () => {
    expect(sanitizeText(null)).to.equal(null);
    expect(sanitizeText(" \u0000\r\n\t\u200b ")).to.equal(null);
    expect(sanitizeText("a\u0000b\u001bc\u202ed\u2028e\ud800f")).to.equal("abcdef");
    expect(Array.from(sanitizeText("\u{1f600}".repeat(301)) ?? "")).to.have.length(300);
  });
});

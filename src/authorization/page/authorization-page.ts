import type { HtmlTemplates } from "../../pages/html-templates.js";
import { Html } from "../../pages/html-templates.js";
import { readPageFiles, type PageFiles } from "../../pages/page-files.js";
import { htmlResponse, scriptResponse, type Rejection } from "../../pages/responses.js";
import type { LoopbackPage, ReadAsset } from "../../ports/loopback-server.js";
import { REQUIRED_SCOPES, type Authorization } from "../grant.js";
import {
  canComplete,
  describeStatus,
  describeUnavailable,
  isRefused,
  missingScopes,
  needsAttention,
  type PageModel,
} from "./page-model.js";

/** What the scopes allow the worker to read. */
const SCOPE_LABELS: Readonly<Record<(typeof REQUIRED_SCOPES)[number], string>> = {
  "spark-admin:people_read": "people and presence status",
  "spark-admin:organizations_read": "organization name",
};

const RETRIED_TEXT =
  "The worker has asked Webex again. If Webex still refuses, the problem remains on this page.";

/** The HTML, CSS and script of the authorization page. */
export class AuthorizationPage {
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
  static async load(readAsset: ReadAsset, createNonce: () => string): Promise<AuthorizationPage> {
    return new AuthorizationPage(
      await readPageFiles(readAsset, "authorization/page/authorization-page"),
      createNonce,
    );
  }

  /** The whole page. A page that is over has no script. */
  document(model: PageModel, status: number): LoopbackPage {
    const { key, phase } = model;
    const content = new Html(this.content(model));
    if (phase !== "open") return this.#document(status, { content });
    const script = this.#templates.render("script", { key });
    return this.#document(status, { content, script, events: `/events?key=${key}` });
  }

  /** The parts of the page that change, as HTML. */
  content(model: PageModel): string {
    const parts = [
      this.#status(model),
      this.#notices(model),
      this.#organizations(model),
      this.#finish(model),
      this.#help(model),
    ];
    return parts.map(({ text }) => text).join("\n");
  }

  /** A page that reveals nothing about the flow. */
  rejection({ status, title, hint, headers }: Rejection): LoopbackPage {
    const content = this.#templates.render("rejection", { title, hint });
    return this.#document(status, { content }, headers);
  }

  script(): LoopbackPage {
    return scriptResponse(this.#script);
  }

  #document(
    status: number,
    values: { content: Html; script?: Html; events?: string },
    moreHeaders: Readonly<Record<string, string>> = {},
  ): LoopbackPage {
    const nonce = this.#createNonce();
    const fixed = { nonce, style: this.#style, script: null, events: "" };
    const { text } = this.#templates.render("document", { ...fixed, ...values });
    return htmlResponse(status, text, nonce, moreHeaders);
  }

  #status(model: PageModel): Html {
    const { state, tone, title, text, webexMessage: quote = null } = describeStatus(model);
    const final = model.phase === "open" ? "no" : "yes";
    const webexMessage = quote && this.#templates.render("webex-message", { text: quote });
    return this.#templates.render("status", { state, tone, title, text, final, webexMessage });
  }

  #notices({ notices, organizations }: PageModel): Html {
    const shown = notices
      // The page shows missing authorizations in another way.
      .filter(({ code, severity }) => severity !== "info" && code !== "authorizationRequired")
      .map(({ code, severity, message, hint, orgId }) => {
        const orgName = organizations.find((organization) => organization.orgId === orgId)?.orgName;
        const text = orgName === undefined ? message : `${orgName}: ${message}`;
        return this.#templates.render("notice", { code, severity, message: text, hint });
      });
    const hidden = shown.length === 0 ? "hidden" : null;
    return this.#templates.render("notices", { notices: shown, hidden });
  }

  #organizations(model: PageModel): Html {
    const { organizations } = model;
    const isOpen = model.phase === "open";
    // There is only one AUTHORIZE, because who signs in at Webex decides on the organization.
    const first =
      organizations.find(({ state }) => state === "required") ??
      organizations.find((organization) => needsAttention(model, organization));
    const rows = organizations.map((organization) =>
      this.#organization(model, organization, isOpen && organization === first),
    );
    if (isOpen && first === undefined) rows.push(this.#newOrganization(model));
    const scopes = REQUIRED_SCOPES.map((scope) =>
      this.#templates.render("permission", { scope, label: SCOPE_LABELS[scope] }),
    );
    const permissions = isOpen ? this.#templates.render("permissions", { scopes }) : null;
    const hidden = rows.length === 0 ? "hidden" : null;
    return this.#templates.render("organizations", { rows, permissions, hidden });
  }

  #organization(model: PageModel, organization: Authorization, hasLink: boolean): Html {
    const { orgId, orgName: name, state } = organization;
    const canRetry = model.phase === "open" && isRefused(model, orgId);
    const wasRetried = canRetry && model.retriedOrgIds.has(orgId);
    const isValid = state === "valid";
    const isUsable = !needsAttention(model, organization);
    return this.#templates.render("organization", {
      name,
      tone: isUsable ? "good" : "caution",
      status: isUsable ? "Authorized" : isValid ? "Needs attention" : "Authorization required",
      details: isValid
        ? this.#details(organization)
        : this.#note("The previous authorization is no longer valid."),
      retried: wasRetried ? this.#note(RETRIED_TEXT) : null,
      retry: canRetry ? this.#templates.render("retry", { key: model.key, orgId, name }) : null,
      authorize: hasLink ? this.#authorizeLink(model, name) : null,
    });
  }

  #newOrganization(model: PageModel): Html {
    const isFirst = model.organizations.length === 0;
    const name = isFirst ? "Your Webex organization" : "Another organization";
    return this.#templates.render("organization", {
      name,
      tone: isFirst ? "" : "optional",
      status: isFirst ? "Not authorized" : "Optional",
      details: this.#note(
        isFirst
          ? "Sign in to Webex as an administrator of the organization."
          : "To authorize another organization, sign in as one of its administrators.",
      ),
      retried: null,
      retry: null,
      authorize: this.#authorizeLink(model, name),
    });
  }

  #details(organization: Authorization): Html {
    const { authorizedBy, refreshTokenExpiresAt: iso, scopes } = organization;
    const granted = REQUIRED_SCOPES.filter((scope) => scopes.includes(scope));
    const labels = granted.map((scope) => SCOPE_LABELS[scope]).join(", ");
    const expiry = iso && this.#templates.render("expiry", { iso, text: formatDate(iso) });
    const details: [string, string | Html | null][] = [
      ["Authorized by", authorizedBy],
      ["Valid until", expiry],
      ["Can read", labels || "Nothing that presence requires"],
      ["Missing scopes", missingScopes(organization).join(", ") || null],
    ];
    const known = details.filter(([, value]) => value !== null);
    return this.#templates.render("details", {
      details: known.map(([label, value]) => this.#templates.render("detail", { label, value })),
    });
  }

  #note(text: string): Html {
    return this.#templates.render("note", { text });
  }

  #authorizeLink({ key, attempt, organizations }: PageModel, name: string): Html {
    const isInProgress = attempt.kind === "waiting" || attempt.kind === "finishing";
    const isSecondary = isInProgress || organizations.some(({ state }) => state === "valid");
    const emphasis = isSecondary ? "second" : "first";
    return this.#templates.render("authorize", { key, name, emphasis });
  }

  #finish(model: PageModel): Html {
    if (model.phase !== "open") return this.#templates.render("hidden-part", { part: "finish" });
    const isReady = canComplete(model);
    const unavailable = describeUnavailable(model, "the problem shown above is solved");
    const { key, remainingSeconds: seconds } = model;
    return this.#templates.render("finish", {
      key,
      emphasis: isReady ? "first" : "second",
      disabled: isReady ? null : "disabled",
      explanation: isReady
        ? ["Closes this page and keeps the authorization.", unavailable].filter(Boolean).join(" ")
        : "Available when an organization is authorized.",
      seconds: String(seconds),
      remaining: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`,
    });
  }

  #help({ phase, clientId }: PageModel): Html {
    if (phase !== "open") return this.#templates.render("hidden-part", { part: "help" });
    const which = clientId && this.#templates.render("client-id", { clientId });
    return this.#templates.render("help", { clientId: which });
  }
}

function formatDate(iso: string): string {
  return new Date(iso).toLocaleDateString("en-GB", { dateStyle: "long", timeZone: "UTC" });
}

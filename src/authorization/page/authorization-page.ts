import type { LoopbackPage, ReadAsset } from "../../ports/loopback-server.js";
import { REQUIRED_SCOPES, type Authorization } from "../grant.js";
import { Html, HtmlTemplates } from "./html-template.js";
import {
  canComplete,
  describeStatus,
  missingScopes,
  needsAttention,
  type PageModel,
  type PageNotice,
} from "./page-model.js";
import type { Rejection } from "./page-request.js";

/** What the scopes allow the worker to read. */
const SCOPE_LABELS: Readonly<Record<(typeof REQUIRED_SCOPES)[number], string>> = {
  "spark-admin:people_read": "people and presence status",
  "spark-admin:organizations_read": "organization name",
};

/** The page shows missing authorizations in another way. */
const HIDDEN_NOTICES: ReadonlySet<string> = new Set(["authorizationRequired"]);

/** Sent with every response, to keep it out of caches, frames and other sites. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
};

export function redirect(status: 302 | 303, location: string): LoopbackPage {
  return { kind: "page", status, headers: { ...SECURITY_HEADERS, location }, body: "" };
}

/** The HTML, CSS and script of the authorization page. */
export class AuthorizationPage {
  readonly #templates: HtmlTemplates;
  readonly #style: Html;
  readonly #script: string;

  private constructor(html: string, style: string, script: string) {
    this.#templates = new HtmlTemplates(html);
    this.#style = new Html(style);
    this.#script = script;
  }

  static async load(readAsset: ReadAsset): Promise<AuthorizationPage> {
    const files = ["html", "css", "client.js"].map((extension) =>
      readAsset(`authorization/page/authorization-page.${extension}`),
    );
    const [html = "", style = "", script = ""] = await Promise.all(files);
    return new AuthorizationPage(html, style, script);
  }

  /** The whole page. `nonce` has to differ in each response. A page that is over has no script. */
  document(model: PageModel, status: number, nonce: string): LoopbackPage {
    const { key, phase } = model;
    const content = new Html(this.content(model));
    if (phase !== "open") return this.#document(status, nonce, { content });
    return this.#document(status, nonce, {
      content,
      script: this.#templates.render("script", { key }),
      events: `/events?key=${key}`,
    });
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
  rejection({ status, title, hint, allow }: Rejection, nonce: string): LoopbackPage {
    const content = this.#templates.render("rejection", { title, hint });
    const page = this.#document(status, nonce, { content });
    return allow === undefined ? page : { ...page, headers: { ...page.headers, allow } };
  }

  script(): LoopbackPage {
    return {
      kind: "page",
      status: 200,
      headers: { ...SECURITY_HEADERS, "content-type": "text/javascript; charset=utf-8" },
      body: this.#script,
    };
  }

  #document(
    status: number,
    nonce: string,
    {
      content,
      script = null,
      events = "",
    }: { content: Html; script?: Html | null; events?: string },
  ): LoopbackPage {
    const policy = [
      "default-src 'none'",
      "script-src 'self'",
      `style-src 'nonce-${nonce}'`,
      "connect-src 'self'",
      "img-src data:",
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ];
    const headers = {
      ...SECURITY_HEADERS,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy.join("; "),
    };
    const values = { nonce, style: this.#style, script, events, content };
    return { kind: "page", status, headers, body: this.#templates.render("document", values).text };
  }

  #status(model: PageModel): Html {
    const { state, tone, title, text, webexMessage = null } = describeStatus(model);
    return this.#templates.render("status", {
      state,
      tone,
      title,
      text,
      final: model.phase === "open" ? "no" : "yes",
      webexMessage:
        webexMessage === null
          ? null
          : this.#templates.render("webex-message", { text: webexMessage }),
    });
  }

  #notices(model: PageModel): Html {
    const notices = model.notices.filter(
      ({ code, severity }) => severity !== "info" && !HIDDEN_NOTICES.has(code),
    );
    return this.#templates.render("notices", {
      notices: notices.map((notice) => this.#notice(model, notice)),
      hidden: notices.length === 0 ? "hidden" : null,
    });
  }

  #notice(
    { organizations }: PageModel,
    { code, severity, message, hint, orgId }: PageNotice,
  ): Html {
    const organization = organizations.find((candidate) => candidate.orgId === orgId);
    return this.#templates.render("notice", {
      code,
      severity,
      message: organization === undefined ? message : `${organization.orgName}: ${message}`,
      hint,
    });
  }

  #organizations(model: PageModel): Html {
    const { organizations } = model;
    const isOpen = model.phase === "open";
    // There is only one AUTHORIZE: which organization it authorizes depends on who signs in at
    // Webex.
    const first =
      organizations.find(({ state }) => state === "required") ??
      organizations.find((organization) => needsAttention(model, organization));
    const rows = organizations.map((organization) =>
      this.#organization(model, organization, isOpen && organization === first),
    );
    if (isOpen && first === undefined) rows.push(this.#newOrganization(model));
    return this.#templates.render("organizations", {
      rows,
      permissions: isOpen ? this.#permissions() : null,
      hidden: rows.length === 0 ? "hidden" : null,
    });
  }

  #permissions(): Html {
    const scopes = REQUIRED_SCOPES.map((scope) =>
      this.#templates.render("permission", { scope, label: SCOPE_LABELS[scope] }),
    );
    return this.#templates.render("permissions", { scopes });
  }

  #organization(model: PageModel, organization: Authorization, hasLink: boolean): Html {
    const { orgName: name, state } = organization;
    const isValid = state === "valid";
    const isUsable = !needsAttention(model, organization);
    return this.#templates.render("organization", {
      name,
      tone: isUsable ? "good" : "caution",
      status: isUsable ? "Authorized" : isValid ? "Needs attention" : "Authorization required",
      details: isValid
        ? this.#details(organization)
        : this.#note("The previous authorization is no longer valid."),
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
      authorize: this.#authorizeLink(model, name),
    });
  }

  #details(organization: Authorization): Html {
    const { authorizedBy, refreshTokenExpiresAt: iso, scopes } = organization;
    const missing = missingScopes(organization);
    const granted = REQUIRED_SCOPES.filter((scope) => scopes.includes(scope));
    const labels = granted.map((scope) => SCOPE_LABELS[scope]);
    const expiry =
      iso === null ? null : this.#templates.render("expiry", { iso, text: formatDate(iso) });
    const details: [string, string | Html | null][] = [
      ["Authorized by", authorizedBy],
      ["Valid until", expiry],
      ["Can read", labels.length === 0 ? "Nothing that presence requires" : labels.join(", ")],
      ["Missing scopes", missing.length === 0 ? null : missing.join(", ")],
    ];
    return this.#templates.render("details", {
      details: details
        .filter(([, value]) => value !== null)
        .map(([label, value]) => this.#templates.render("detail", { label, value })),
    });
  }

  #note(text: string): Html {
    return this.#templates.render("note", { text });
  }

  #authorizeLink({ key, attempt, organizations }: PageModel, name: string): Html {
    const isInProgress = attempt.kind === "waiting" || attempt.kind === "finishing";
    const isSecondary = isInProgress || organizations.some(({ state }) => state === "valid");
    return this.#templates.render("authorize", {
      key,
      name,
      emphasis: isSecondary ? "second" : "first",
    });
  }

  #finish(model: PageModel): Html {
    if (model.phase !== "open") return this.#templates.render("hidden-part", { part: "finish" });
    const isReady = canComplete(model);
    const seconds = model.remainingSeconds;
    return this.#templates.render("finish", {
      key: model.key,
      emphasis: isReady ? "first" : "second",
      disabled: isReady ? null : "disabled",
      explanation: isReady
        ? "Closes this page. Presence remains active."
        : "Available when an organization is authorized.",
      seconds: String(seconds),
      remaining: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`,
    });
  }

  #help({ phase, clientId }: PageModel): Html {
    if (phase !== "open") return this.#templates.render("hidden-part", { part: "help" });
    return this.#templates.render("help", {
      clientId: clientId === null ? null : this.#templates.render("client-id", { clientId }),
    });
  }
}

function formatDate(iso: string): string {
  return new Date(iso).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
}

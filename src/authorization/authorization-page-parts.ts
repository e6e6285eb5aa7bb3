import { html, type Markup } from "./authorization-page-markup.js";
import {
  describeStatus,
  canComplete,
  missingScopes,
  needsAttention,
  type PageModel,
} from "./page/page-model.js";
import { type Authorization, REQUIRED_SCOPES } from "./grant.js";
import type { PageNotice } from "./page-notice.js";

const SCOPE_LABELS: Readonly<Record<(typeof REQUIRED_SCOPES)[number], string>> = {
  "spark-admin:people_read": "Read the people of the organization and their presence status",
  "spark-admin:organizations_read": "Read the name of the organization",
};

/** The page itself says when an authorization is missing; informational notices would only distract here. */
const HIDDEN_NOTICES = new Set(["authorizationRequired"]);

/** The body of the page: parts that the page's script exchanges one by one, each under its `data-part`. */
export function pageParts(model: PageModel): Markup {
  return html`<main id="content">
    ${statePart(model)} ${noticesPart(model)} ${organizationsPart(model)} ${finishPart(model)}
    ${helpPart(model)}
  </main>`;
}

function statePart(model: PageModel): Markup {
  const { state, tone, title, text, webexMessage } = describeStatus(model);
  return html`<section
    class="state ${tone}"
    data-part="state"
    data-testid="state"
    data-state="${state}"
    data-final="${model.phase === "open" ? "no" : "yes"}"
    role="status"
    aria-live="polite"
    aria-atomic="true"
  >
    <span class="mark" aria-hidden="true"></span>
    <div>
      <h2>${title}</h2>
      <p>${text}</p>
      ${webexMessage === null ? null : html`<p class="said">Webex said: <q>${webexMessage}</q></p>`}
    </div>
  </section>`;
}

function noticesPart(model: PageModel): Markup {
  const shown = model.notices.filter(
    (notice) => notice.severity !== "info" && !HIDDEN_NOTICES.has(notice.code),
  );
  return html`<section
    data-part="notices"
    aria-label="Problems"
    aria-live="polite"
    ${attribute(shown.length === 0, "hidden")}
  >
    ${shown.map((notice) => noticeMarkup(model, notice))}
  </section>`;
}

function noticeMarkup(model: PageModel, notice: PageNotice): Markup {
  const organization = model.organizations.find(
    (organization) => organization.orgId === notice.orgId,
  );
  return html`<div class="notice ${notice.severity}" data-code="${notice.code}">
    <p>
      <strong
        >${organization === undefined ? null : `${organization.orgName}: `}${notice.message}</strong
      >
    </p>
    <p>${notice.hint}</p>
  </div>`;
}

function organizationsPart(model: PageModel): Markup {
  const open = model.phase === "open";
  // One button on the page: what it leads to is decided by who signs in at Webex.
  const first =
    model.organizations.find((organization) => organization.state === "required") ??
    model.organizations.find((organization) => needsAttention(model, organization));
  const rows = model.organizations.map((organization) =>
    organizationRow(model, organization, open && organization === first),
  );
  if (open && first === undefined) rows.push(newOrganizationRow(model));
  return html`<section
    class="card"
    data-part="organizations"
    aria-labelledby="organizations-title"
    ${attribute(rows.length === 0, "hidden")}
  >
    <h2 id="organizations-title">Organizations</h2>
    <ul class="rows">
      ${rows}
    </ul>
    ${open ? scopesMarkup() : null}
  </section>`;
}

function scopesMarkup(): Markup {
  return html`<h3>What is asked for</h3>
    <ul class="scopes">
      ${REQUIRED_SCOPES.map((scope) => html`<li>${SCOPE_LABELS[scope]} <code>${scope}</code></li>`)}
    </ul>
    <p class="quiet">Nothing else is asked for, and nothing is written to Webex.</p>`;
}

function organizationRow(model: PageModel, organization: Authorization, withLink: boolean): Markup {
  const missing = missingScopes(organization);
  const isValid = organization.state === "valid";
  const isUsable = !needsAttention(model, organization);
  return html`<li class="row">
    <div class="who">
      <strong class="name">${organization.orgName}</strong>
      <span class="badge ${isUsable ? "good" : "caution"}"
        >${isUsable ? "Authorized" : isValid ? "Needs attention" : "Needs authorization"}</span
      >
      ${isValid ? validDetails(organization, missing) : html`<p class="quiet">The earlier authorization cannot be used any more.</p>`}
    </div>
    ${withLink ? authorizeLink(model, organization.orgName) : null}
  </li>`;
}

function validDetails(organization: Authorization, missing: readonly string[]): Markup {
  return html`<dl>
    ${
      organization.authorizedBy === null
        ? null
        : html`<div>
            <dt>Authorized by</dt>
            <dd>${organization.authorizedBy}</dd>
          </div>`
    }
    ${
      organization.refreshTokenExpiresAt === null
        ? null
        : html`<div>
            <dt>Valid until</dt>
            <dd>${day(organization.refreshTokenExpiresAt)}, renewed by use</dd>
          </div>`
    }
    <div>
      <dt>May</dt>
      <dd>${describeScopes(organization)}</dd>
    </div>
    ${
      missing.length === 0
        ? null
        : html`<div>
            <dt>Missing</dt>
            <dd>${missing.join(", ")}</dd>
          </div>`
    }
  </dl>`;
}

function describeScopes(organization: Authorization): string {
  const words = REQUIRED_SCOPES.filter((scope) => organization.scopes.includes(scope)).map(
    (scope) => SCOPE_LABELS[scope].toLowerCase(),
  );
  return words.length === 0 ? "nothing that presence needs" : words.join("; ");
}

function newOrganizationRow(model: PageModel): Markup {
  const another = model.organizations.length > 0;
  const name = another ? "Another organization" : "Your Webex organization";
  return html`<li class="row">
    <div class="who">
      <strong class="name">${name}</strong>
      ${another ? null : html`<span class="badge">Not authorized yet</span>`}
      <p class="quiet">
        ${
          another
            ? "Authorize another organization by signing in with one of its administrators."
            : "Sign in at Webex as an administrator of the organization."
        }
      </p>
    </div>
    ${authorizeLink(model, name)}
  </li>`;
}

function authorizeLink(model: PageModel, name: string): Markup {
  const isInProgress = model.attempt.kind === "waiting" || model.attempt.kind === "finishing";
  const isSecondary =
    isInProgress || model.organizations.some((organization) => organization.state === "valid");
  return html`<a
    id="authorize"
    class="button ${isSecondary ? "second" : "first"}"
    data-testid="authorize"
    href="/authorize?key=${encodeURIComponent(model.key)}"
    >AUTHORIZE<span class="unseen"> ${name}</span></a
  >`;
}

function finishPart(model: PageModel): Markup {
  if (model.phase !== "open") return html`<section data-part="finish" hidden></section>`;
  const isReady = canComplete(model);
  return html`<section class="card finish" data-part="finish" aria-label="Finish">
    <form method="post" action="/complete">
      <input type="hidden" name="key" value="${model.key}" />
      <button
        id="complete"
        class="button ${isReady ? "first" : "second"}"
        type="submit"
        data-testid="complete"
        aria-describedby="complete-when"
        ${attribute(!isReady, "disabled")}
      >
        COMPLETE REQUEST
      </button>
    </form>
    <div>
      <p id="complete-when">
        ${isReady ? "Closes this page; presence goes on." : "Works once an organization is authorized."}
      </p>
      <p class="quiet">
        This page closes in
        <span class="clock" data-remaining="${model.remainingSeconds}"
          >${formatRemaining(model.remainingSeconds)}</span
        >.
      </p>
      <noscript
        ><p class="quiet">
          <a href="/?key=${encodeURIComponent(model.key)}">Look again</a>: without script, the page
          does not update by itself.
        </p></noscript
      >
    </div>
  </section>`;
}

function helpPart(model: PageModel): Markup {
  if (model.phase !== "open") return html`<section data-part="help" hidden></section>`;
  return html`<section
    class="card"
    data-part="help"
    data-testid="help"
    aria-labelledby="help-title"
  >
    <h2 id="help-title">If Webex says &ldquo;Access denied&rdquo;</h2>
    <p>
      &ldquo;Your administrator denied access to the integration&rdquo; is shown at Webex and never
      comes back to this page. An administrator of the organization has to allow the integration
      first:
    </p>
    <ol>
      <li>Open <strong>Control Hub</strong> at <code>admin.webex.com</code>.</li>
      <li>
        Go to <strong>Management</strong> &gt; <strong>Apps</strong> &gt;
        <strong>Integrations</strong>.
      </li>
      <li>
        Find the
        integration${
          model.clientId === null
            ? null
            : html`, by its client id:<br /><code class="long" data-testid="client-id"
                  >${model.clientId}</code
                >`
        }
      </li>
      <li>
        Set its access to <strong>allow</strong>, for all users or for the administrator who
        authorizes, and save.
      </li>
      <li>Come back here and press AUTHORIZE again.</li>
    </ol>
  </section>`;
}

function attribute(present: boolean, name: string): string {
  return present ? name : "";
}

function day(iso: string): Markup {
  const words = new Date(iso).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
  return html`<time datetime="${iso}">${words}</time>`;
}

function formatRemaining(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

import type { SimulatedOrganization } from "./people-factory.js";
import type { Role } from "./token-store.js";

/** A login that the pages offer. Its form value is `<organization index>:<role>`. */
export interface Login {
  readonly organization: SimulatedOrganization;
  readonly role: Role;
}

const ROLE_NAMES: Readonly<Record<Role, string>> = {
  fullAdmin: "Full Admin",
  partnerAdmin: "Partner Full Admin",
  user: "user without an administrator role",
};

export function parseLogin(
  text: string | null,
  organizations: readonly SimulatedOrganization[],
): Login | null {
  const [index, role] = (text ?? "").split(":");
  const organization = organizations[Number(index)];
  return organization && (role === "fullAdmin" || role === "partnerAdmin" || role === "user")
    ? { organization, role }
    : null;
}

/**
 * The page on which an administrator decides about an integration. It works without scripts.
 * `hiddenFields` are submitted with the decision.
 */
export function consentPage(options: {
  readonly action: string;
  readonly scopes: readonly string[];
  readonly hiddenFields: Readonly<Record<string, string>>;
  readonly organizations: readonly SimulatedOrganization[];
  /** Asks for a user code, and leaves out outcomes that only the browser flow has. */
  readonly isDeviceFlow: boolean;
}): string {
  const hiddenFields = Object.entries(options.hiddenFields).map(
    ([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`,
  );
  const logins = options.organizations.flatMap((organization) =>
    (["fullAdmin", "partnerAdmin", "user"] as const).map((role) => {
      const person = role === "user" ? organization.regularUser : organization.administrator;
      const label = `${organization.name}: ${person.displayName} (${ROLE_NAMES[role]})`;
      return `<option value="${organization.index}:${role}">${escape(label)}</option>`;
    }),
  );
  const browserOutcomes = [
    button("wrongScope", "consent-wrong-scope", "Reject with invalid_scope"),
    button("serverError", "consent-server-error", "Fail with server_error"),
  ].join("");
  return layout(
    "Webex (simulated): sign in",
    `<main data-testid="consent-page"><h1>Presence connector wants to access Webex</h1>
<form method="post" action="${escape(options.action)}">${hiddenFields.join("")}
<label for="login">Sign in as</label>
<select id="login" name="login" data-testid="consent-admin">${logins.join("")}</select>
${options.isDeviceFlow && options.hiddenFields.user_code === undefined ? userCodeField() : ""}
<p>It will be able to:</p><ul>${options.scopes.map((scope) => `<li><code>${escape(scope)}</code></li>`).join("")}</ul>
<div class="buttons">${button("accept", "consent-accept", "Accept", true)}${button("decline", "consent-decline", "Decline")}</div>
<div class="buttons">${options.isDeviceFlow ? "" : browserOutcomes}${button("blocked", "consent-blocked", "Accept, but blocked in Control Hub")}</div>
</form></main>`,
  );
}

/** The page on which the flow ends at Webex, without a redirect to the integration. */
export function accessDeniedPage(): string {
  return layout(
    "Access denied",
    `<main data-testid="access-denied"><h1>Access denied</h1>
<p>Your administrator denied access to the integration.</p></main>`,
  );
}

export function messagePage(title: string, message: string, testId: string): string {
  return layout(
    title,
    `<main data-testid="${testId}"><h1>${escape(title)}</h1><p>${escape(message)}</p></main>`,
  );
}

function userCodeField(): string {
  return `<label for="code">Code on the device</label>
<input id="code" name="user_code" inputmode="numeric" autocomplete="off" required data-testid="device-code">`;
}

function button(decision: string, testId: string, text: string, primary = false): string {
  return `<button name="decision" value="${decision}" data-testid="${testId}"${primary ? ' class="primary"' : ""}>${text}</button>`;
}

function layout(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title><style>
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1f2430}
main{max-width:34rem;margin:8vh auto;padding:2rem;background:#fff;border:1px solid #d9dce3;border-radius:10px}
h1{font-size:1.3rem;margin:0 0 1.25rem}label{display:block;font-weight:600;margin:.75rem 0 .25rem}
select,input{font:inherit;width:100%;padding:.5rem;box-sizing:border-box;border:1px solid #8b93a5;border-radius:6px;background:#fff;color:inherit}
.buttons{display:flex;flex-wrap:wrap;gap:.6rem;margin-top:1rem}
button{font:inherit;padding:.5rem 1rem;border:1px solid #8b93a5;border-radius:6px;background:#fff;color:inherit;cursor:pointer}
button.primary{background:#0a6cbd;border-color:#0a6cbd;color:#fff}
button:focus-visible,select:focus-visible,input:focus-visible{outline:3px solid #7fb6e6;outline-offset:1px}
@media (prefers-color-scheme:dark){body{background:#14161b;color:#e6e8ee}main,select,input,button{background:#1d2027;border-color:#565d6d}}
</style></head><body>${body}</body></html>
`;
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

import type { Authorization } from "../authorization/grant.js";
import { Fault } from "../faults/fault.js";
import type { CommandContext, ExitCode } from "./command.js";
import { withSession } from "./session.js";
import type { CommandConsole } from "./terminal/console.js";
import { fieldLines, formatDateTime, sanitize, type Paint } from "./terminal/text.js";

const SCOPE_DESCRIPTIONS: Readonly<Record<string, string>> = {
  "spark-admin:people_read": "people and their presence",
  "spark-admin:organizations_read": "the organization's name",
};

/** Lists the authorizations. 1 if one is unusable. Faults: those of the keychain. */
export async function listAuthorizations(context: CommandContext): Promise<ExitCode> {
  const { console } = context;
  return withSession<ExitCode>(context, async ({ authorizations, grantStore, account }) => {
    const list = await authorizations.list();
    const statuses = authorizations.grantStatuses();
    const { state } = grantStore;
    for (const name of state.kind === "ready" ? state.unreadableAccounts : []) {
      console.note(
        `The keychain entry "${name}" is missing or unreadable. It is not used, and left unchanged.`,
      );
    }
    if (list.length === 0) {
      console.text(`No organization is authorized in the keychain of account ${account}.`);
      console.text("→ To authorize one, run: ucx-webex-presence authorize", 2);
    }
    for (const [index, authorization] of list.entries()) {
      if (index > 0) console.line();
      printAuthorization(console, authorization);
    }
    for (const { fault, orgName } of statuses) {
      if (fault !== null) console.error(`${orgName}: ${fault.message}`, fault.hint);
    }
    const ok = statuses.every(({ fault }) => fault === null);
    console.result({ ok, account, authorizations: list });
    return ok ? 0 : 1;
  });
}

/**
 * Deletes an organization's grant from the keychain and revokes it at Webex. Faults:
 * `unknownOrganization`, those of the keychain.
 */
export async function revoke(context: CommandContext, orgId: string): Promise<ExitCode> {
  const { console, signal } = context;
  return withSession<ExitCode>(context, async ({ authorizations, account }) => {
    await authorizations.list();
    const grant = authorizations.grantStatuses().find((status) => status.orgId === orgId);
    if (grant === undefined) {
      throw new Fault(
        "unknownOrganization",
        `The keychain of account ${account} contains no authorization for this organization.`,
        {
          hint: "To list the authorizations and their IDs, run: ucx-webex-presence authorizations",
        },
      );
    }
    const { orgName } = grant;
    const { revokedAtWebex } = await authorizations.revoke(orgId, signal);
    console.text(
      `The authorization of ${orgName} was deleted from the keychain. A running worker stops reading the organization's presence within a minute.`,
    );
    if (!revokedAtWebex) {
      console.text("Webex could not be reached, so the authorization remains valid there.");
      console.text("→ Revoke it in Control Hub, too: Management > Apps > Integrations.", 2);
    }
    console.result({ ok: true, orgId, orgName, revokedAtWebex });
    return 0;
  });
}

export function printAuthorization(console: CommandConsole, authorization: Authorization): void {
  for (const line of authorizationLines(authorization, console.paint, console.width))
    console.line(line);
}

/** A heading with the organization's name and the state, and the details below. */
export function authorizationLines(
  authorization: Authorization,
  paint: Paint,
  width: number,
): string[] {
  const { orgId, orgName, authorizedBy, grantedAt, scopes } = authorization;
  const { state, accessTokenExpiresAt, refreshTokenExpiresAt } = authorization;
  const stateText =
    state === "valid" ? paint("valid", "green") : paint("authorization required", "red", "bold");
  const permissions = scopes.map((scope) => {
    const description = SCOPE_DESCRIPTIONS[scope];
    return description === undefined ? scope : `${scope} (${description})`;
  });
  const accessUntil =
    accessTokenExpiresAt === null ? "unknown" : formatDateTime(accessTokenExpiresAt);
  const validUntil =
    refreshTokenExpiresAt === null
      ? "unknown"
      : `${formatDateTime(refreshTokenExpiresAt)}, extended with each use`;
  const fields: [string, string][] = [
    ["Organization", orgId],
    [
      "Authorized by",
      `${sanitize(authorizedBy ?? "an administrator")}, ${formatDateTime(grantedAt)}`,
    ],
    ["Can read", permissions.length === 0 ? "nothing" : permissions.join(", ")],
    ["Access until", `${accessUntil}, renewed automatically`],
    ["Valid until", validUntil],
  ];
  return [`${paint(sanitize(orgName), "bold")}  ${stateText}`, ...fieldLines(fields, width, 2)];
}

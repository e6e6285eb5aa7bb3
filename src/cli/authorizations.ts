import type { ImportedGrant } from "../authorization/grant-import.js";
import type { Authorization } from "../authorization/grant.js";
import { Fault } from "../faults/fault.js";
import { toPrintable } from "../faults/foreign-text.js";
import { Secret } from "../faults/secret.js";
import { ProtocolError } from "../rpc/errors.js";
import { checkParams } from "../rpc/params.js";
import type { CommandContext, ExitCode } from "./command.js";
import { withSession } from "./session.js";
import { UsageError } from "./terminal/input.js";
import { fieldLines, formatDateTime, type TextFormat } from "./terminal/text.js";

const SCOPE_DESCRIPTIONS: Readonly<Record<string, string>> = {
  "spark-admin:people_read": "people and their presence",
  "spark-admin:organizations_read": "the organization's name",
};
const GRANT_HINT =
  "Pipe in one JSON object: {refreshToken, accessToken?, expiresIn?, refreshTokenExpiresIn?, scope?}, with lifetimes in seconds.";

/** Lists the authorizations. 1 if one is unusable. Faults: those of the keychain. */
export async function listAuthorizations(context: CommandContext): Promise<ExitCode> {
  const { console } = context;
  return withSession(context, async ({ authorizations, grantStore, account }) => {
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
      console.lines(authorizationLines(authorization, console));
    }
    for (const { fault, orgName } of statuses) {
      if (fault !== null) console.error(`${orgName}: ${fault.message}`, fault.hint);
    }
    const ok = statuses.every(({ fault }) => fault === null);
    return console.result({ ok, account, authorizations: list });
  });
}

/**
 * Deletes an organization's grant from the keychain and revokes it at Webex. Faults:
 * `unknownOrganization`, those of the keychain.
 */
export async function revoke(context: CommandContext, orgId: string): Promise<ExitCode> {
  const { console, signal } = context;
  return withSession(context, async ({ authorizations, account }) => {
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
    return console.result({ ok: true, orgId, orgName, revokedAtWebex });
  });
}

/** Stores a grant from stdin if Webex accepts it. Faults: see `AuthorizationService.import`. */
export async function importGrant(context: CommandContext): Promise<ExitCode> {
  const { console, input, signal } = context;
  if (input.isInteractive)
    console.note(
      "Paste the grant as JSON, then press Ctrl+D (on Windows: Ctrl+Z and Enter). The terminal shows what you paste; to avoid that, use a pipe.",
    );
  const grant = readGrant(await input.readAll());
  return withSession(context, async ({ authorizations, account }) => {
    const authorization = await authorizations.import(grant, signal);
    console.text(`The grant was stored in the keychain of account ${account}.`);
    console.lines(authorizationLines(authorization, console));
    return console.result({ ok: true, account, authorization });
  });
}

/**
 * Parses the parameters of `authorization/import`. Throws a `UsageError` that names invalid members
 * but not their values.
 */
export function readGrant(text: string): ImportedGrant {
  if (text.trim() === "") throw new UsageError("Stdin contains no grant.", GRANT_HINT);
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value))
      throw new UsageError("Stdin contains a JSON array instead of an object.", GRANT_HINT);
    const { refreshToken, accessToken, expiresIn, refreshTokenExpiresIn, scope } = checkParams(
      "authorization/import",
      value,
    );
    return {
      refreshToken: new Secret(refreshToken),
      accessToken: accessToken === undefined ? null : new Secret(accessToken),
      expiresIn: expiresIn ?? null,
      refreshTokenExpiresIn: refreshTokenExpiresIn ?? null,
      scope: scope ?? null,
    };
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError("Stdin is not valid JSON.", GRANT_HINT);
    if (!(error instanceof ProtocolError)) throw error;
    throw new UsageError(`Stdin is not a valid grant: ${describeIssues(error)}`, GRANT_HINT);
  }
}

function describeIssues({ data }: ProtocolError): string {
  const { issues = [] } = (data ?? {}) as { issues?: readonly { path: string; message: string }[] };
  return issues
    .map(({ path, message }) => `${path === "" ? "the whole input" : path}: ${message}`)
    .join(" ");
}

/** A heading with the organization's name and the state, and the details below. */
export function authorizationLines(
  authorization: Authorization,
  { paint, width }: TextFormat,
): string[] {
  const { orgId, orgName, authorizedBy, grantedAt, scopes } = authorization;
  const { state, accessTokenExpiresAt, refreshTokenExpiresAt } = authorization;
  const stateText =
    state === "valid" ? paint("valid", "green") : paint("authorization required", "red", "bold");
  const permissions = scopes.map((scope) => {
    const description = SCOPE_DESCRIPTIONS[scope];
    return description === undefined ? toPrintable(scope) : `${scope} (${description})`;
  });
  const accessUntil =
    accessTokenExpiresAt === null ? "unknown" : formatDateTime(accessTokenExpiresAt);
  const validUntil =
    refreshTokenExpiresAt === null
      ? "unknown"
      : `${formatDateTime(refreshTokenExpiresAt)}, extended with each use`;
  const administrator = toPrintable(authorizedBy ?? "an administrator");
  const fields: [string, string][] = [
    ["Organization", toPrintable(orgId)],
    ["Authorized by", `${administrator}, ${formatDateTime(grantedAt)}`],
    ["Can read", permissions.length === 0 ? "nothing" : permissions.join(", ")],
    ["Access until", `${accessUntil}, renewed automatically`],
    ["Valid until", validUntil],
  ];
  return [`${paint(toPrintable(orgName), "bold")}  ${stateText}`, ...fieldLines(fields, width)];
}

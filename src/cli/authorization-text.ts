import type { Authorization } from "../authorization/grant.js";
import { fieldLines } from "./paragraph.js";
import type { Paint } from "./terminal-style.js";
import { sanitize } from "./terminal/text.js";
import { formatDateTime } from "./time-text.js";

const SCOPE_DESCRIPTIONS: Readonly<Record<string, string>> = {
  "spark-admin:people_read": "people and their presence",
  "spark-admin:organizations_read": "the organization's name",
};

/** An authorization as a heading with facts under it. */
export function authorizationLines(
  authorization: Authorization,
  paint: Paint,
  width: number,
): string[] {
  const {
    orgId,
    orgName,
    authorizedBy,
    scopes,
    state,
    grantedAt,
    accessTokenExpiresAt,
    refreshTokenExpiresAt,
  } = authorization;
  const stateText =
    state === "valid" ? paint("valid", "green") : paint("authorize again", "red", "bold");
  const permissions = scopes.map((scope) =>
    SCOPE_DESCRIPTIONS[scope] === undefined ? scope : `${scope} (${SCOPE_DESCRIPTIONS[scope]})`,
  );
  const facts: [string, string][] = [
    ["Organization", orgId],
    [
      "Authorized by",
      `${sanitize(authorizedBy ?? "an administrator")}, ${formatDateTime(grantedAt)}`,
    ],
    ["May read", permissions.length === 0 ? "nothing" : permissions.join(", ")],
    [
      "Access until",
      accessTokenExpiresAt === null
        ? "not told by Webex; renewed by itself"
        : `${formatDateTime(accessTokenExpiresAt)}, renewed by itself`,
    ],
    [
      "Valid until",
      refreshTokenExpiresAt === null
        ? "not told by Webex"
        : `${formatDateTime(refreshTokenExpiresAt)}, later whenever it is used`,
    ],
  ];
  return [`${paint(sanitize(orgName), "bold")}  ${stateText}`, ...fieldLines(facts, width, 2)];
}

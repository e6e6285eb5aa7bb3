import type { Authorization } from "../authorization/grant.js";
import { factLines } from "./paragraph.js";
import type { Paint } from "./terminal-style.js";
import { printable } from "./terminal-text.js";
import { dateTime } from "./time-text.js";

const IN_PLAIN_WORDS: Readonly<Record<string, string>> = {
  "spark-admin:people_read": "people and their presence",
  "spark-admin:organizations_read": "the organization's name",
};

/** An authorization as a heading with facts under it. */
export function authorizationLines(authorization: Authorization, paint: Paint, width: number): string[] {
  const { orgId, orgName, authorizedBy, scopes, state, grantedAt, accessTokenExpiresAt, refreshTokenExpiresAt } = authorization;
  const standing = state === "valid" ? paint("valid", "green") : paint("authorize again", "red", "bold");
  const read = scopes.map((scope) => (IN_PLAIN_WORDS[scope] === undefined ? scope : `${scope} (${IN_PLAIN_WORDS[scope]})`));
  const facts: [string, string][] = [
    ["Organization", orgId],
    ["Authorized by", `${printable(authorizedBy ?? "an administrator")}, ${dateTime(grantedAt)}`],
    ["May read", read.length === 0 ? "nothing" : read.join(", ")],
    [
      "Access until",
      accessTokenExpiresAt === null
        ? "not told by Webex; renewed by itself"
        : `${dateTime(accessTokenExpiresAt)}, renewed by itself`,
    ],
    [
      "Valid until",
      refreshTokenExpiresAt === null ? "not told by Webex" : `${dateTime(refreshTokenExpiresAt)}, later whenever it is used`,
    ],
  ];
  return [`${paint(printable(orgName), "bold")}  ${standing}`, ...factLines(facts, width, 2)];
}

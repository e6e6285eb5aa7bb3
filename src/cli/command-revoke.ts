import { Fault } from "../faults/fault.js";
import type { CommandContext, ExitCode } from "./command.js";
import { withSession } from "./session.js";

/** Takes an organization's grant out of the keychain, and tells Webex. Faults: `unknownOrganization`, the keychain's. */
export async function revoke(context: CommandContext, orgId: string): Promise<ExitCode> {
  const { console, signal } = context;
  return withSession<ExitCode>(context, async (session) => {
    await session.authorizations.list();
    const known = session.authorizations
      .grantStatuses()
      .find((standing) => standing.orgId === orgId);
    if (known === undefined) {
      throw new Fault(
        "unknownOrganization",
        `The keychain of account ${session.account} holds no authorization for this organization.`,
        {
          hint: "List those it holds, with their ids: ucx-webex-presence authorizations",
        },
      );
    }
    const { revokedAtWebex } = await session.authorizations.revoke(orgId, signal);
    console.text(
      `The authorization of ${known.orgName} is gone from the keychain; a running worker stops reading its presence within a minute.`,
    );
    if (!revokedAtWebex) {
      console.text(
        "Webex could not be told, so the authorization still stands there until it runs out.",
      );
      console.text("→ Revoke it in Control Hub as well: Management > Apps > Integrations.", 2);
    }
    console.result({ ok: true, orgId, orgName: known.orgName, revokedAtWebex });
    return 0;
  });
}

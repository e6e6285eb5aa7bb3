import type { CommandContext, ExitCode } from "./command.js";
import { authorizationLines } from "./authorization-text.js";
import { withSession } from "./session.js";

/** Lists what the keychain of this account holds. 1 where an organization has to be authorized again. Faults: the keychain's. */
export async function listAuthorizations(context: CommandContext): Promise<ExitCode> {
  const { console } = context;
  return withSession<ExitCode>(context, async (session) => {
    const authorizations = await session.authorizations.list();
    const statuses = session.authorizations.grantStatuses();
    const allUsable = statuses.every(({ fault }) => fault === null);
    const { state: storeState } = session.grantStore;
    for (const account of storeState.kind === "ready" ? storeState.unreadableAccounts : []) {
      console.note(
        `the keychain's record "${account}" is missing or cannot be read; it is left alone and not used.`,
      );
    }
    if (authorizations.length === 0) {
      console.text(`No organization is authorized in the keychain of account ${session.account}.`);
      console.text("→ Authorize one with: ucx-webex-presence authorize", 2);
    }
    for (const [index, authorization] of authorizations.entries()) {
      if (index > 0) console.line();
      for (const line of authorizationLines(authorization, console.paint, console.width))
        console.line(line);
    }
    for (const { fault, orgName } of statuses) {
      if (fault !== null) console.error(`${orgName}: ${fault.message}`, fault.hint);
    }
    console.result({ ok: allUsable, account: session.account, authorizations });
    return allUsable ? 0 : 1;
  });
}

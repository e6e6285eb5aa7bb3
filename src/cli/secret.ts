import { asFault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import { readClient } from "./client-input.js";
import type { CommandContext, ExitCode } from "./command.js";
import { withSession, type Session } from "./session.js";

/** Keeps the integration's id and secret in this account's keychain. Faults: the keychain's. */
export async function storeClient(context: CommandContext): Promise<ExitCode> {
  const { console } = context;
  return withSession<ExitCode>(context, async (session) => {
    const { clientId, changed } = await ensureClient(context, session);
    console.text(
      changed
        ? `The client id and secret are kept in the keychain of account ${session.account}.`
        : `The client id and secret in the keychain of account ${session.account} stay as they are.`,
    );
    const fault = findClientFault(session);
    if (fault !== null) console.error(fault.message, fault.hint);
    console.result({ ok: fault === null, account: session.account, clientId, changed });
    return fault === null ? 0 : 1;
  });
}

/** Asks for the client, and keeps it where one is given. Fault: the keychain's. */
export async function ensureClient(
  { input }: Pick<CommandContext, "input">,
  session: Session,
): Promise<{ readonly clientId: string; readonly changed: boolean }> {
  const storeState = session.grantStore.state;
  // Before anybody types a secret that could not be kept.
  if (storeState.kind === "unavailable") throw storeState.fault;
  const stored = storeState.kind === "ready" ? storeState.client : null;
  const entered = await readClient(input, stored);
  if (entered !== null)
    await session.authorizations.setClient(entered.clientId, entered.clientSecret);
  return { clientId: entered?.clientId ?? stored?.clientId ?? "", changed: entered !== null };
}

/** Keeps the proxy's password in this account's keychain, or deletes it where an empty one is given. Faults: the keychain's. */
export async function storeProxyPassword(context: CommandContext): Promise<ExitCode> {
  const { console, input } = context;
  return withSession<ExitCode>(context, async (session) => {
    const { proxy } = session.settings;
    if (session.settingsPath !== null && !proxy.includes("@")) {
      console.note(
        "WebexPresence.Proxy names no user, so a password is not used. Write it as http://user@host:port.",
      );
    }
    const password = input.isInteractive
      ? await input.prompt("Password of the proxy (not shown; Enter alone deletes it): ", {
          echo: false,
        })
      : ((await input.readLines(1))[0] ?? "");
    await session.authorizations.setProxyPassword(password === "" ? null : new Secret(password));
    const outcome = password === "" ? "deleted" : "kept";
    console.text(
      outcome === "kept"
        ? `The proxy's password is kept in the keychain of account ${session.account}; a running worker uses it within a minute.`
        : `The keychain of account ${session.account} holds no password for the proxy any more.`,
    );
    console.result({ ok: true, account: session.account, proxyPassword: outcome });
    return 0;
  });
}

function findClientFault(session: Session) {
  try {
    session.authorizations.client();
    return null;
  } catch (error) {
    return asFault(error);
  }
}

import { asFault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import { readClient } from "./client-input.js";
import type { CommandContext, ExitCode } from "./command.js";
import { inSession, type Session } from "./session.js";

/** Keeps the integration's id and secret in this account's keychain. Faults: the keychain's. */
export async function keepClient(context: CommandContext): Promise<ExitCode> {
  const { console } = context;
  return inSession<ExitCode>(context, async (session) => {
    const { clientId, changed } = await ensureClient(context, session);
    console.text(
      changed
        ? `The client id and secret are kept in the keychain of account ${session.account}.`
        : `The client id and secret in the keychain of account ${session.account} stay as they are.`,
    );
    const misfit = misfitOf(session);
    if (misfit !== null) console.failure(misfit.message, misfit.hint);
    console.result({ ok: misfit === null, account: session.account, clientId, changed });
    return misfit === null ? 0 : 1;
  });
}

/** Asks for the client, and keeps it where one is given. Fault: the keychain's. */
export async function ensureClient(
  { input }: Pick<CommandContext, "input">,
  session: Session,
): Promise<{ readonly clientId: string; readonly changed: boolean }> {
  const vault = session.vault.state;
  // Before anybody types a secret that could not be kept.
  if (vault.kind === "unavailable") throw vault.fault;
  const kept = vault.kind === "ready" ? vault.client : null;
  const given = await readClient(input, kept);
  if (given !== null) await session.authorizations.setClient(given.clientId, given.clientSecret);
  return { clientId: given?.clientId ?? kept?.clientId ?? "", changed: given !== null };
}

/** Keeps the proxy's password in this account's keychain, or deletes it where an empty one is given. Faults: the keychain's. */
export async function keepProxyPassword(context: CommandContext): Promise<ExitCode> {
  const { console, input } = context;
  return inSession<ExitCode>(context, async (session) => {
    const { proxy } = session.settings;
    if (session.settingsPath !== null && !proxy.includes("@")) {
      console.note("WebexPresence.Proxy names no user, so a password is not used. Write it as http://user@host:port.");
    }
    const password = input.interactive
      ? await input.ask("Password of the proxy (not shown; Enter alone deletes it): ", { echo: false })
      : ((await input.lines(1))[0] ?? "");
    await session.authorizations.setProxyPassword(password === "" ? null : new Secret(password));
    const done = password === "" ? "deleted" : "kept";
    console.text(
      done === "kept"
        ? `The proxy's password is kept in the keychain of account ${session.account}; a running worker uses it within a minute.`
        : `The keychain of account ${session.account} holds no password for the proxy any more.`,
    );
    console.result({ ok: true, account: session.account, proxyPassword: done });
    return 0;
  });
}

function misfitOf(session: Session) {
  try {
    session.authorizations.client();
    return null;
  } catch (error) {
    return asFault(error);
  }
}

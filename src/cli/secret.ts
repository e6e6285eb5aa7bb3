import { asFault, type Fault } from "../faults/fault.js";
import { findCredentialIssue, hasControlCharacter, Secret } from "../faults/secret.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { CommandContext, ExitCode } from "./command.js";
import { withSession, type Session } from "./session.js";
import { type CommandInput, UsageError } from "./terminal/input.js";

const CLIENT_HINT =
  "Pipe in the client ID and the client secret as two lines, or run the command in a terminal to be prompted.";

/** Stores the integration's ID and secret in the keychain. Faults: those of the keychain. */
export async function storeClient(context: CommandContext): Promise<ExitCode> {
  const { console, input } = context;
  return withSession(context, async (session) => {
    const { account } = session;
    const { clientId, changed } = await ensureClient(input, session);
    console.text(
      changed
        ? `The client ID and secret were stored in the keychain of account ${account}.`
        : `The client ID and secret in the keychain of account ${account} were left unchanged.`,
    );
    const fault = findClientFault(session);
    if (fault !== null) console.error(fault.message, fault.hint);
    return console.result({ ok: fault === null, account, clientId, changed });
  });
}

/** Reads and stores the client, or keeps the stored one. Faults: those of the keychain. */
export async function ensureClient(
  input: CommandInput,
  { grantStore: { state }, authorizations }: Session,
): Promise<{ readonly clientId: string; readonly changed: boolean }> {
  // Before the user enters a secret that could not be stored.
  if (state.kind === "unavailable") throw state.fault;
  const storedId = state.kind === "ready" ? (state.client?.clientId ?? null) : null;
  const entered = await readClient(input, storedId);
  if (entered === null) return { clientId: storedId ?? "", changed: false };
  await authorizations.setClient(entered.clientId, entered.clientSecret);
  return { clientId: entered.clientId, changed: true };
}

/**
 * Prompts for the client or reads it from stdin. Null if the user keeps the stored one, by pressing
 * Enter or with a blank stdin. Throws a `UsageError` if only half of it is entered.
 */
export async function readClient(
  input: CommandInput,
  storedId: string | null,
): Promise<OAuthClient | null> {
  const [idLine = "", secretLine = ""] = input.isInteractive
    ? await promptForClient(input, storedId)
    : await input.readLines(2);
  const clientId = idLine.trim();
  const clientSecret = secretLine.trim();
  const keepsStored = clientId === "" || (input.isInteractive && clientId === storedId);
  if (clientSecret === "" && storedId !== null && keepsStored) return null;
  checkCredential("client ID", clientId);
  checkCredential("client secret", clientSecret);
  if (clientId !== "" && clientSecret !== "")
    return { clientId, clientSecret: new Secret(clientSecret) };
  const missing = clientId !== "" ? "client secret" : clientSecret !== "" ? "client ID" : null;
  if (missing !== null)
    throw new UsageError(`The ${missing} is missing. Nothing was stored.`, CLIENT_HINT);
  throw new UsageError("No client ID and secret are stored, and none were entered.", CLIENT_HINT);
}

function checkCredential(name: string, text: string): void {
  const issue = findCredentialIssue(text);
  if (issue === null) return;
  const hint =
    "Copy it alone, without a label, from developer.webex.com, and check it for invisible characters.";
  throw new UsageError(`The ${name} ${issue}. Nothing was stored.`, hint);
}

async function promptForClient(input: CommandInput, storedId: string | null): Promise<string[]> {
  const enterHint = storedId === null ? "" : ` (Enter keeps ${abbreviate(storedId)})`;
  const prompt = `Client ID of the Webex integration${enterHint}: `;
  const clientId = await input.prompt(prompt, { echo: true });
  if (clientId.trim() === "" && storedId !== null) return [];
  return [clientId, await input.prompt("Client secret (hidden): ", { echo: false })];
}

function abbreviate(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 8)}…${id.slice(-4)}`;
}

function findClientFault({ authorizations }: Session): Fault | null {
  try {
    authorizations.client();
    return null;
  } catch (error) {
    return asFault(error);
  }
}

/** Stores the proxy's password; an empty one deletes it. Faults: those of the keychain. */
export async function storeProxyPassword(context: CommandContext): Promise<ExitCode> {
  const { console, input } = context;
  return withSession(context, async (session) => {
    const { account, authorizations, settings, settingsPath } = session;
    if (settingsPath !== null && !settings.proxy.includes("@")) {
      console.note(
        "The password is not used, because WebexPresence.Proxy contains no user name. Write it as http://user@host:port.",
      );
    }
    const [password = ""] = input.isInteractive
      ? [await input.prompt("Password of the proxy (hidden; empty deletes it): ", { echo: false })]
      : await input.readLines(1);
    if (hasControlCharacter(password)) {
      throw new UsageError(
        "The password contains a control character. Nothing was stored.",
        "Pipe in the password as one line of text, or run the command in a terminal to be prompted.",
      );
    }
    await authorizations.setProxyPassword(password === "" ? null : new Secret(password));
    console.text(
      password === ""
        ? `The proxy password was deleted from the keychain of account ${account}.`
        : `The proxy password was stored in the keychain of account ${account}. A running worker uses it within a minute.`,
    );
    const proxyPassword = password === "" ? "deleted" : "kept";
    return console.result({ ok: true, account, proxyPassword });
  });
}

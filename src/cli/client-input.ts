import { Secret } from "../faults/secret.js";
import type { OAuthClient } from "../webex/oauth-api.js";
import { UsageError } from "./usage-error.js";
import type { SecretInput } from "./secret-input.js";

const TWO_LINES = "Pipe in the client id and the client secret as two lines, or run the command in a terminal to be asked.";

/**
 * The integration's id and secret, asked for (the secret without echo) or from two lines of stdin; null to keep the one there is:
 * Enter, or nothing piped in. Throws a `UsageError` where only half of it comes.
 */
export async function readClient(input: SecretInput, kept: { readonly clientId: string } | null): Promise<OAuthClient | null> {
  const [idLine, secretLine] = input.interactive ? await askFor(input, kept) : await input.lines(2);
  const clientId = idLine?.trim() ?? "";
  const clientSecret = secretLine?.trim() ?? "";
  if (clientId === "" && clientSecret === "") {
    if (kept !== null) return null;
    throw new UsageError("There is no client id and secret yet, and none was given.", TWO_LINES);
  }
  if (clientId === "" || clientSecret === "") {
    if (clientSecret === "" && clientId === kept?.clientId) return null;
    throw new UsageError(`The client ${clientId === "" ? "id" : "secret"} is missing.`, TWO_LINES);
  }
  return { clientId, clientSecret: new Secret(clientSecret) };
}

async function askFor(input: SecretInput, kept: { readonly clientId: string } | null): Promise<[string, string]> {
  const keeps = kept === null ? "" : ` (Enter keeps ${abridged(kept.clientId)})`;
  const clientId = await input.ask(`Client id of the Webex integration${keeps}: `, { echo: true });
  if (clientId.trim() === "" && kept !== null) return ["", ""];
  const clientSecret = await input.ask("Client secret (not shown): ", { echo: false });
  return [clientId, clientSecret];
}

function abridged(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 8)}…${id.slice(-4)}`;
}

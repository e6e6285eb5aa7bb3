import { Secret } from "../faults/secret.js";
import type { OAuthClient } from "../webex/oauth-api.js";
import { UsageError } from "./usage-error.js";
import type { CommandInput } from "./terminal/input.js";

const STDIN_HINT =
  "Pipe in the client id and the client secret as two lines, or run the command in a terminal to be asked.";

/**
 * The integration's id and secret, asked for (the secret without echo) or from two lines of stdin; null to keep the one there is:
 * Enter, or nothing piped in. Throws a `UsageError` where only half of it comes.
 */
export async function readClient(
  input: CommandInput,
  stored: { readonly clientId: string } | null,
): Promise<OAuthClient | null> {
  const [idLine, secretLine] = input.isInteractive
    ? await promptForClient(input, stored)
    : await input.readLines(2);
  const clientId = idLine?.trim() ?? "";
  const clientSecret = secretLine?.trim() ?? "";
  if (clientId === "" && clientSecret === "") {
    if (stored !== null) return null;
    throw new UsageError("There is no client id and secret yet, and none was given.", STDIN_HINT);
  }
  if (clientId === "" || clientSecret === "") {
    if (clientSecret === "" && clientId === stored?.clientId) return null;
    throw new UsageError(`The client ${clientId === "" ? "id" : "secret"} is missing.`, STDIN_HINT);
  }
  return { clientId, clientSecret: new Secret(clientSecret) };
}

async function promptForClient(
  input: CommandInput,
  stored: { readonly clientId: string } | null,
): Promise<[string, string]> {
  const enterHint = stored === null ? "" : ` (Enter keeps ${abbreviate(stored.clientId)})`;
  const clientId = await input.prompt(`Client id of the Webex integration${enterHint}: `, {
    echo: true,
  });
  if (clientId.trim() === "" && stored !== null) return ["", ""];
  const clientSecret = await input.prompt("Client secret (not shown): ", { echo: false });
  return [clientId, clientSecret];
}

function abbreviate(id: string): string {
  return id.length <= 16 ? id : `${id.slice(0, 8)}…${id.slice(-4)}`;
}

import type { ImportedGrant } from "../authorization/grant-import.js";
import { Secret } from "../faults/secret.js";
import { ProtocolError } from "../rpc/errors.js";
import { checkParams } from "../rpc/params.js";
import { printAuthorization } from "./authorizations.js";
import type { CommandContext, ExitCode } from "./command.js";
import { withSession } from "./session.js";
import { UsageError } from "./terminal/input.js";

const SHAPE =
  "Pipe in one JSON object: {refreshToken, accessToken?, expiresIn?, refreshTokenExpiresIn?, scope?}, with lifetimes in seconds.";

/** Stores a grant from stdin if Webex accepts it. Faults: see `AuthorizationService.import`. */
export async function importGrant(context: CommandContext): Promise<ExitCode> {
  const { console, input, signal } = context;
  if (input.isInteractive)
    console.note(
      "Paste the grant as JSON, then press Ctrl+D (on Windows: Ctrl+Z and Enter). The terminal shows what you paste; to avoid that, use a pipe.",
    );
  const grant = readGrant(await input.readAll());
  return withSession<ExitCode>(context, async ({ authorizations, account }) => {
    const authorization = await authorizations.import(grant, signal);
    console.text(`The grant was stored in the keychain of account ${account}.`);
    printAuthorization(console, authorization);
    console.result({ ok: true, account, authorization });
    return 0;
  });
}

/**
 * Parses the parameters of `authorization/import`. Throws a `UsageError` that names invalid members
 * but not their values.
 */
export function readGrant(text: string): ImportedGrant {
  if (text.trim() === "") throw new UsageError("Stdin contains no grant.", SHAPE);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new UsageError("Stdin is not valid JSON.", SHAPE);
  }
  try {
    const { refreshToken, accessToken, expiresIn, refreshTokenExpiresIn, scope } = checkParams(
      "authorization/import",
      parsed,
    );
    return {
      refreshToken: new Secret(refreshToken),
      accessToken: accessToken === undefined ? null : new Secret(accessToken),
      expiresIn: expiresIn ?? null,
      refreshTokenExpiresIn: refreshTokenExpiresIn ?? null,
      scope: scope ?? null,
    };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new UsageError(`Stdin is not a valid grant: ${describeIssues(error)}`, SHAPE);
  }
}

function describeIssues({ data }: ProtocolError): string {
  const { issues = [] } = (data ?? {}) as { issues?: readonly { path: string; message: string }[] };
  return issues
    .map(({ path, message }) => `${path === "" ? "the whole input" : path}: ${message}`)
    .join(" ");
}

import type { ImportedGrant } from "../authorization/authorization-service.js";
import { Secret } from "../faults/secret.js";
import { ProtocolError } from "../rpc/errors.js";
import { checkParams } from "../rpc/param-check.js";
import { authorizationLines } from "./authorization-text.js";
import type { CommandContext, ExitCode } from "./command.js";
import { UsageError } from "./usage-error.js";
import { withSession } from "./session.js";

const SHAPE =
  "Pipe in one JSON object: {refreshToken, accessToken?, expiresIn?, refreshTokenExpiresIn?, scope?}, lifetimes in seconds.";

/** Keeps a grant from stdin once Webex has proved it. Faults: those of `AuthorizationService.import`. */
export async function importGrant(context: CommandContext): Promise<ExitCode> {
  const { console, input, signal } = context;
  if (input.isInteractive)
    console.note(
      "paste the grant as JSON and end with Ctrl+D (Windows: Ctrl+Z and Enter). The terminal shows what you paste; piping it in does not.",
    );
  const grant = readGrant(await input.readAll());
  return withSession<ExitCode>(context, async (session) => {
    const authorization = await session.authorizations.import(grant, signal);
    console.text(`The grant is kept in the keychain of account ${session.account}.`);
    for (const line of authorizationLines(authorization, console.paint, console.width))
      console.line(line);
    console.result({ ok: true, account: session.account, authorization });
    return 0;
  });
}

/** A grant as `authorization/import` takes it. Throws a `UsageError` that says which member is wrong, never what it is. */
export function readGrant(text: string): ImportedGrant {
  if (text.trim() === "") throw new UsageError("There is no grant on stdin.", SHAPE);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new UsageError("What came on stdin is not JSON.", SHAPE);
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
    throw new UsageError(`What came on stdin is not a grant: ${describeIssues(error)}`, SHAPE);
  }
}

function describeIssues({ data }: ProtocolError): string {
  const { issues = [] } = (data ?? {}) as { issues?: readonly { path: string; message: string }[] };
  return issues
    .map(({ path, message }) => `${path === "" ? "the whole" : path}: ${message}`)
    .join(" ");
}

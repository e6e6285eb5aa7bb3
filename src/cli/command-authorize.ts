import { Fault } from "../faults/fault.js";
import { authorizationLines } from "./authorization-text.js";
import { begunText, devicePrompt, pagePrompt, qrLines } from "./authorize-invitation.js";
import { awaitGrant, type FlowEnd } from "./authorize-wait.js";
import type { CommandContext, ExitCode } from "./command.js";
import { ensureClient } from "./command-secret.js";
import { portHeldHint } from "./held-port.js";
import { inSession, type Session } from "./session.js";

/** Sets the client, runs a flow until a grant is kept, and says what was authorized. Faults: those of `begin`, the keychain's. */
export async function authorize(context: CommandContext, device: boolean): Promise<ExitCode> {
  const { console } = context;
  return inSession(context, async (session) => {
    console.sayText(begunText(session.account));
    if (session.store.kind === "memory")
      console.note("--secret-store memory: what is authorized is gone when this command ends.");
    const { changed } = await ensureClient(context, session);
    if (!changed) console.sayText("The client id and secret in the keychain are used.");
    const since = Date.now();
    const end = await runFlow(context, session, device);
    const granted = (await session.authorizations.list()).filter(({ grantedAt }) => Date.parse(grantedAt) >= since);
    for (const authorization of granted) {
      console.line();
      for (const line of authorizationLines(authorization, console.paint, console.width)) console.line(line);
    }
    if (granted.length > 0) {
      console.line();
      console.text("A running worker of this account reads its presence within a minute, as soon as WebexPresence.Enable is 1.");
    } else if (end.state === "cancelled") console.failure("Given up: nothing was authorized.", undefined);
    else console.failure(end.message ?? "Nothing was authorized.", "Run the command again for a new page or code.");
    console.result({
      ok: granted.length > 0,
      account: session.account,
      state: end.state,
      message: end.message,
      authorizations: granted,
    });
    return granted.length > 0 ? 0 : 1;
  });
}

async function runFlow(context: CommandContext, session: Session, device: boolean): Promise<FlowEnd> {
  const { console, signal } = context;
  const { authorizations, settings } = session;
  const waiting = awaitGrant(context, authorizations);
  try {
    const view = await authorizations.begin(device ? "device" : "browser", signal);
    console.say();
    const complete = console.live ? view.verificationUriComplete : null;
    const qr = complete === null ? [] : await qrLines(complete);
    const fitting = qr.every((line) => line.length + 4 <= console.width) ? qr : [];
    const invitation = device ? devicePrompt(view, console.paint, fitting) : pagePrompt(view, console.paint);
    for (const line of invitation) console.say(line);
    console.say();
    return await waiting.end(view);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "redirectPortInUse") throw error;
    throw new Fault(
      "redirectPortInUse",
      `Port ${settings.redirectPort} of this machine is taken, so the authorization page cannot be opened.`,
      {
        cause: error,
        hint: await portHeldHint(settings.redirectPort),
      },
    );
  } finally {
    waiting.stop();
    await authorizations.cancel();
  }
}

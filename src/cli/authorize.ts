import { Fault } from "../faults/fault.js";
import { authorizationLines } from "./authorization-text.js";
import {
  introText,
  deviceInstructions,
  browserInstructions,
  renderQrCode,
} from "./authorize-invitation.js";
import { followFlow, type FlowOutcome } from "./authorize-wait.js";
import type { CommandContext, ExitCode } from "./command.js";
import { ensureClient } from "./secret.js";
import { portInUseHint } from "./held-port.js";
import { withSession, type Session } from "./session.js";

/** Sets the client, runs a flow until a grant is kept, and says what was authorized. Faults: those of `begin`, the keychain's. */
export async function authorize(context: CommandContext, device: boolean): Promise<ExitCode> {
  const { console } = context;
  return withSession(context, async (session) => {
    console.noticeText(introText(session.account));
    if (session.store.kind === "memory")
      console.note("--secret-store memory: what is authorized is gone when this command ends.");
    const { changed } = await ensureClient(context, session);
    if (!changed) console.noticeText("The client id and secret in the keychain are used.");
    const startedAt = Date.now();
    const outcome = await runFlow(context, session, device);
    const granted = (await session.authorizations.list()).filter(
      ({ grantedAt }) => Date.parse(grantedAt) >= startedAt,
    );
    for (const authorization of granted) {
      console.line();
      for (const line of authorizationLines(authorization, console.paint, console.width))
        console.line(line);
    }
    if (granted.length > 0) {
      console.line();
      console.text(
        "A running worker of this account reads its presence within a minute, as soon as WebexPresence.Enable is 1.",
      );
    } else if (outcome.state === "cancelled")
      console.error("Given up: nothing was authorized.", undefined);
    else
      console.error(
        outcome.message ?? "Nothing was authorized.",
        "Run the command again for a new page or code.",
      );
    console.result({
      ok: granted.length > 0,
      account: session.account,
      state: outcome.state,
      message: outcome.message,
      authorizations: granted,
    });
    return granted.length > 0 ? 0 : 1;
  });
}

async function runFlow(
  context: CommandContext,
  session: Session,
  device: boolean,
): Promise<FlowOutcome> {
  const { console, signal } = context;
  const { authorizations, settings } = session;
  const flow = followFlow(context, authorizations);
  try {
    const view = await authorizations.begin(device ? "device" : "browser", signal);
    console.notice();
    const completeUri = console.isTerminal ? view.verificationUriComplete : null;
    const qr = completeUri === null ? [] : await renderQrCode(completeUri);
    const fittingQr = qr.every((line) => line.length + 4 <= console.width) ? qr : [];
    const instructions = device
      ? deviceInstructions(view, console.paint, fittingQr)
      : browserInstructions(view, console.paint);
    for (const line of instructions) console.notice(line);
    console.notice();
    return await flow.waitForOutcome(view);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "redirectPortInUse") throw error;
    throw new Fault(
      "redirectPortInUse",
      `Port ${settings.redirectPort} of this machine is taken, so the authorization page cannot be opened.`,
      {
        cause: error,
        hint: await portInUseHint(settings.redirectPort),
      },
    );
  } finally {
    flow.stop();
    await authorizations.cancel();
  }
}

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { text } from "node:stream/consumers";

import type { Authorizations } from "../authorization/authorizations.js";
import type { AuthorizationChange, FlowView } from "../authorization/flow.js";
import type { Authorization } from "../authorization/grant.js";
import { Fault } from "../faults/fault.js";
import { toPrintable } from "../faults/foreign-text.js";
import { authorizationLines } from "./authorizations.js";
import type { CommandContext, ExitCode } from "./command.js";
import { ensureClient } from "./secret.js";
import { withSession, type Session } from "./session.js";
import { formatCountdown, wrap, type TextFormat } from "./terminal/text.js";
import { readStatusFile, workerFiles } from "./worker-files.js";

type FlowOutcome = Pick<FlowView, "state" | "message">;

const TICK_MS = 1000;
/** How long the page stays open after a grant if no user can press Enter. */
const PAGE_GRACE_MS = 10_000;
const LOG_TAIL_BYTES = 512 * 1024;

/**
 * Stores the client and runs a flow until a grant is stored. Faults: those of
 * `AuthorizationService.begin` and of the keychain.
 */
export async function authorize(context: CommandContext): Promise<ExitCode> {
  const { console, input } = context;
  return withSession(context, async (session) => {
    const { account, store } = session;
    console.noticeText(
      `Authorizing Webex presence for account ${account}. The worker must run under the same account.`,
    );
    if (store.kind === "memory")
      console.note("With --secret-store memory, the authorization is lost when this command ends.");
    const { changed } = await ensureClient(input, session);
    if (!changed) console.noticeText("Using the client ID and secret in the keychain.");
    const { ok, ...result } = await authorizeInSession(context, session);
    return console.result({ ok, account, ...result });
  });
}

/** Runs a flow with the stored client, and prints what came of it. Faults: as for `authorize`. */
export async function authorizeInSession(context: CommandContext, session: Session) {
  const { console, options } = context;
  const startedAt = Date.now();
  const { state, message } = await runFlow(context, session);
  const granted = grantedSince(startedAt, await session.authorizations.list());
  const ok = granted.length > 0;
  for (const authorization of granted)
    console.lines(["", ...authorizationLines(authorization, console)]);
  if (ok) {
    console.line();
    console.text(
      "While WebexPresence.Enable is 1, a running worker of this account starts reading presence within a minute.",
    );
  } else if (state === "cancelled") {
    console.error("Cancelled. Nothing was authorized.");
  } else {
    console.error(
      message ?? "Nothing was authorized.",
      `Run the command again to get a new ${options.device === true ? "code" : "page"}.`,
    );
  }
  return { ok, state, message, authorizations: granted };
}

function grantedSince(at: number, authorizations: readonly Authorization[]): Authorization[] {
  return authorizations.filter(({ grantedAt }) => Date.parse(grantedAt) >= at);
}

async function runFlow(
  context: CommandContext,
  { authorizations, settings: { redirectPort } }: Session,
): Promise<FlowOutcome> {
  const { console, signal, options } = context;
  const flow = followFlow(context, authorizations);
  try {
    const method = options.device === true ? "device" : "browser";
    const view = await authorizations.begin(method, signal);
    const instructions =
      method === "device"
        ? await deviceInstructions(view, context)
        : browserInstructions(view, console);
    for (const line of ["", ...instructions, ""]) console.notice(line);
    return await flow.waitForOutcome(view);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "redirectPortInUse") throw error;
    throw new Fault(
      "redirectPortInUse",
      `The authorization page cannot be opened because port ${redirectPort} is in use.`,
      { cause: error, hint: await portInUseHint(redirectPort) },
    );
  } finally {
    flow.stop();
    await authorizations.cancel();
  }
}

/**
 * Follows a flow; call it before the flow begins. The outcome settles when the flow ends, when the
 * command is stopped, and, once something is authorized, when the user presses Enter or, if none
 * can, `PAGE_GRACE_MS` after the latest grant.
 */
function followFlow({ console, input, signal }: CommandContext, authorizations: Authorizations) {
  const startedAt = Date.now();
  let latest: FlowView | null = null;
  let grantedNames: readonly string[] = [];
  let grantedAt = 0;
  let settle: (outcome: FlowOutcome) => void = () => undefined;
  const outcome = new Promise<FlowOutcome>((resolve) => (settle = resolve));

  const handleChange = ({ authorizations: all, flow }: AuthorizationChange): void => {
    const names = grantedSince(startedAt, all).map(({ orgName }) => orgName);
    if (names.length > grantedNames.length) {
      grantedNames = names;
      grantedAt = Date.now();
      if (latest?.method === "browser" && flow?.state === "waiting") {
        console.noticeText(
          `${names.at(-1) ?? ""} is authorized. To finish, press COMPLETE REQUEST on the page${input.isInteractive ? " or Enter here" : ""}. You can authorize another organization first.`,
        );
      }
    }
    if (flow === null) {
      if (latest !== null) settle(latest);
      return;
    }
    const { method, state, message } = flow;
    // After a refusal or failure, the page of a browser flow lets the user try again.
    const canRetry = method === "browser" && (state === "denied" || state === "failed");
    const isNews = latest !== null && message !== null && message !== latest.message;
    if (isNews && (state === "waiting" || canRetry)) console.noticeText(message);
    latest = flow;
  };
  const finish = (): void => {
    if (grantedNames.length > 0)
      settle({ state: "authorized", message: `${grantedNames.join(", ")}: authorized.` });
  };
  const cancel = (): void =>
    settle({ state: "cancelled", message: "The authorization was cancelled." });
  const tick = (expiresAt: string | null): void => {
    if (!input.isInteractive && grantedAt > 0 && Date.now() - grantedAt >= PAGE_GRACE_MS) finish();
    const timeLeft =
      expiresAt === null ? "" : ` (${formatCountdown(Date.parse(expiresAt) - Date.now())} left)`;
    const progress =
      grantedNames.length === 0
        ? `Waiting for authorization${timeLeft}. Ctrl+C cancels.`
        : `The page is open${timeLeft}. Press Enter to finish.`;
    console.progress(progress);
  };

  const disposers = [authorizations.events.on("authorizationsChanged", handleChange)];
  authorizations.start();
  return {
    async waitForOutcome(view: FlowView): Promise<FlowOutcome> {
      const { expiresAt } = view;
      latest ??= view;
      if (!console.isTerminal) {
        const until = expiresAt === null ? "" : ` until ${expiresAt}`;
        console.notice(`Waiting for authorization${until}.`);
      }
      tick(expiresAt);
      const timer = setInterval(() => tick(expiresAt), TICK_MS);
      signal.addEventListener("abort", cancel, { once: true });
      if (signal.aborted) cancel();
      disposers.push(
        input.onEnter(finish),
        () => clearInterval(timer),
        () => signal.removeEventListener("abort", cancel),
      );
      return outcome;
    },
    stop(): void {
      for (const dispose of disposers) dispose();
    },
  };
}

function browserInstructions({ url }: FlowView, { paint, width }: TextFormat): string[] {
  return [
    "Open this page in a browser on this machine:",
    "",
    `    ${paint(url ?? "", "cyan", "bold")}`,
    "",
    ...wrap(
      "Press AUTHORIZE, sign in to Webex as a Full Admin of the organization, accept, and press COMPLETE REQUEST.",
      width,
      0,
    ),
  ];
}

async function deviceInstructions(
  { verificationUri, verificationUriComplete, userCode }: FlowView,
  { console }: CommandContext,
): Promise<string[]> {
  const { paint, width, isTerminal } = console;
  const lines = [
    "On any device, open this address and enter the code:",
    "",
    `    Address  ${paint(toPrintable(verificationUri ?? ""), "cyan", "bold")}`,
    `    Code     ${paint(toPrintable(userCode ?? ""), "bold")}`,
    "",
  ];
  const completeUri = toPrintable(verificationUriComplete ?? "");
  if (completeUri !== "") {
    lines.push("Or open this address, which includes the code:", "");
    lines.push(`    ${paint(completeUri, "cyan")}`, "");
    const qrCode = isTerminal ? await renderQrCode(completeUri) : [];
    if (qrCode.length > 0 && qrCode.every((line) => line.length + 4 <= width))
      lines.push(...qrCode.map((line) => `    ${line}`), "");
  }
  const signIn = "Sign in to Webex as a Full Admin of the organization, and accept.";
  return [...lines, ...wrap(signIn, width, 0)];
}

/** Renders a QR code, two modules per line. */
export async function renderQrCode(text: string): Promise<string[]> {
  const { renderUnicodeCompact } = await import("uqr");
  return renderUnicodeCompact(text, { border: 2 }).split("\n");
}

/** The port is usually in use because the running worker has its own page open. */
async function portInUseHint(port: number): Promise<string> {
  const files = workerFiles();
  const reading = files === null ? null : await readStatusFile(files.status);
  const alternative = "or authorize with a code: ucx-webex-presence authorize --device";
  if (files === null || reading?.running !== true) {
    return `Another program uses the port. If it is a worker of another account, open that worker's page (its address is in its worker.log). Otherwise free the port, or set WebexPresence.RedirectPort and register that redirect URI with the integration, ${alternative}`;
  }
  const pageUrl = findPageUrl(await readTail(files.log), port);
  const pageHint =
    pageUrl === null
      ? `open it (its address is in ${files.log})`
      : `open it in a browser on this machine: ${pageUrl}`;
  return `The running worker (process ${reading.status.pid}) has its own authorization page on this port; ${pageHint} – ${alternative}`;
}

/** The latest page address for the port that the log contains, or null. */
export function findPageUrl(log: string, port: number): string | null {
  return log.match(new RegExp(`http://localhost:${port}/\\?key=[\\w-]+`, "g"))?.at(-1) ?? null;
}

async function readTail(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    return await text(createReadStream(path, { start: Math.max(0, size - LOG_TAIL_BYTES) }));
  } catch {
    return "";
  }
}

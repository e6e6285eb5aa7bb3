import type { AuthorizationChange } from "../authorization/authorization-service.js";
import type { Authorizations } from "../authorization/authorizations.js";
import type { FlowState, FlowView } from "../authorization/flow.js";
import type { CommandContext } from "./command.js";
import { formatCountdown } from "./time-text.js";

/** How a flow ended: its last state, and its own words on it. */
export interface FlowOutcome {
  readonly state: FlowState;
  readonly message: string | null;
}

const TICK_MS = 1000;
/** Nobody at the terminal can say that it is enough: the page stays this long after a grant, for COMPLETE REQUEST or another organization. */
const PAGE_GRACE_MS = 10_000;

/**
 * Follows a flow from before it begins. It is over when it ends by itself, when the command is ended, and, once something is
 * authorized, when somebody presses Enter (without a terminal: ten seconds after the latest grant).
 */
export function followFlow(
  { console, input, signal }: CommandContext,
  authorizations: Authorizations,
) {
  const startedAt = Date.now();
  let latest: FlowView | null = null;
  let grantedNames: readonly string[] = [];
  let grantedAt = 0;
  let settle: (waitForOutcome: FlowOutcome) => void = () => undefined;
  const outcome = new Promise<FlowOutcome>((resolve) => (settle = resolve));

  const handleChange = (change: AuthorizationChange): void => {
    const granted = change.authorizations.filter((one) => Date.parse(one.grantedAt) >= startedAt);
    if (granted.length > grantedNames.length) {
      grantedNames = granted.map(({ orgName }) => orgName);
      grantedAt = Date.now();
      if (latest?.method === "browser" && change.flow?.state === "waiting")
        announceGrant(grantedNames.at(-1) ?? "");
    }
    if (change.flow === null) {
      if (latest !== null) settle({ state: latest.state, message: latest.message });
      return;
    }
    const { message } = change.flow;
    if (latest !== null && message !== null && message !== latest.message && isOngoing(change.flow))
      console.noticeText(message);
    latest = change.flow;
  };
  const announceGrant = (name: string): void => {
    console.noticeText(
      `${name} is authorized. Press COMPLETE REQUEST on the page${input.isInteractive ? ", or Enter here," : ""} to finish; another organization can be authorized before that.`,
    );
  };
  const finish = (): void => {
    if (grantedNames.length > 0)
      settle({ state: "authorized", message: `${grantedNames.join(", ")}: authorized.` });
  };
  const tick = (expiresAt: string | null): void => {
    if (!input.isInteractive && grantedAt > 0 && Date.now() - grantedAt >= PAGE_GRACE_MS) finish();
    const timeLeft =
      expiresAt === null ? "" : `, ${formatCountdown(Date.parse(expiresAt) - Date.now())} left`;
    const text =
      grantedNames.length === 0
        ? `Waiting${timeLeft}. Ctrl+C gives up.`
        : `The page is open${timeLeft}. Enter finishes.`;
    console.progress(console.paint(text, "faint"));
  };

  const disposers = [authorizations.events.on("authorizationsChanged", handleChange)];
  authorizations.start();
  return {
    async waitForOutcome(view: FlowView): Promise<FlowOutcome> {
      latest ??= view;
      if (!console.isTerminal)
        console.notice(`Waiting for the authorization, until ${view.expiresAt ?? "it ends"}.`);
      tick(view.expiresAt);
      const timer = setInterval(() => tick(view.expiresAt), TICK_MS);
      const cancel = (): void =>
        settle({ state: "cancelled", message: "The authorization was called off." });
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
      for (const dispose of disposers.splice(0)) dispose();
    },
  };
}

/** A browser flow that was declined or failed can be tried again at its page; a device flow is over then, and told of at the end. */
function isOngoing({ method, state }: FlowView): boolean {
  return (
    state === "waiting" || (method === "browser" && (state === "denied" || state === "failed"))
  );
}

import type { AuthorizationChange } from "../authorization/authorization-service.js";
import type { Authorizations } from "../authorization/authorizations.js";
import type { FlowState, FlowView } from "../authorization/flow.js";
import type { CommandContext } from "./command.js";
import { remaining } from "./time-text.js";

/** How a flow ended: its last state, and its own words on it. */
export interface FlowEnd {
  readonly state: FlowState;
  readonly message: string | null;
}

const TICK_MS = 1000;
/** Nobody at the terminal can say that it is enough: the page stays this long after a grant, for COMPLETE REQUEST or another organization. */
const PAGE_STAYS_MS = 10_000;

/**
 * Follows a flow from before it begins. It is over when it ends by itself, when the command is ended, and, once something is
 * authorized, when somebody presses Enter (without a terminal: ten seconds after the latest grant).
 */
export function awaitGrant({ console, input, signal }: CommandContext, authorizations: Authorizations) {
  const beganAt = Date.now();
  let latest: FlowView | null = null;
  let names: readonly string[] = [];
  let grantedAt = 0;
  let settle: (end: FlowEnd) => void = () => undefined;
  const ended = new Promise<FlowEnd>((resolve) => (settle = resolve));

  const hear = (change: AuthorizationChange): void => {
    const granted = change.authorizations.filter((one) => Date.parse(one.grantedAt) >= beganAt);
    if (granted.length > names.length) {
      names = granted.map(({ orgName }) => orgName);
      grantedAt = Date.now();
      if (latest?.method === "browser" && change.flow?.state === "waiting") tellKept(names.at(-1) ?? "");
    }
    if (change.flow === null) {
      if (latest !== null) settle({ state: latest.state, message: latest.message });
      return;
    }
    const { message } = change.flow;
    if (latest !== null && message !== null && message !== latest.message && goesOn(change.flow)) console.sayText(message);
    latest = change.flow;
  };
  const tellKept = (name: string): void => {
    console.sayText(
      `${name} is authorized. Press COMPLETE REQUEST on the page${input.interactive ? ", or Enter here," : ""} to finish; another organization can be authorized before that.`,
    );
  };
  const finish = (): void => {
    if (names.length > 0) settle({ state: "authorized", message: `${names.join(", ")}: authorized.` });
  };
  const tick = (expiresAt: string | null): void => {
    if (!input.interactive && grantedAt > 0 && Date.now() - grantedAt >= PAGE_STAYS_MS) finish();
    const left = expiresAt === null ? "" : `, ${remaining(Date.parse(expiresAt) - Date.now())} left`;
    const what = names.length === 0 ? `Waiting${left}. Ctrl+C gives up.` : `The page is open${left}. Enter finishes.`;
    console.passing(console.paint(what, "faint"));
  };

  const disposers = [authorizations.events.on("authorizationsChanged", hear)];
  authorizations.start();
  return {
    async end(view: FlowView): Promise<FlowEnd> {
      latest ??= view;
      if (!console.live) console.say(`Waiting for the authorization, until ${view.expiresAt ?? "it ends"}.`);
      tick(view.expiresAt);
      const timer = setInterval(() => tick(view.expiresAt), TICK_MS);
      const giveUp = (): void => settle({ state: "cancelled", message: "The authorization was called off." });
      signal.addEventListener("abort", giveUp, { once: true });
      if (signal.aborted) giveUp();
      disposers.push(
        input.onEnter(finish),
        () => clearInterval(timer),
        () => signal.removeEventListener("abort", giveUp),
      );
      return ended;
    },
    stop(): void {
      for (const dispose of disposers.splice(0)) dispose();
    },
  };
}

/** A browser flow that was declined or failed can be tried again at its page; a device flow is over then, and told of at the end. */
function goesOn({ method, state }: FlowView): boolean {
  return state === "waiting" || (method === "browser" && (state === "denied" || state === "failed"));
}

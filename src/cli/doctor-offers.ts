import { asFault, Fault } from "../faults/fault.js";
import { Secret } from "../faults/secret.js";
import { findKeyringControl, unlockKeyring } from "../platform/keyring-control.js";
import { authorizeInSession } from "./authorize.js";
import type { CommandContext } from "./command.js";
import type { Conclusion } from "./doctor-conclusion.js";
import { ensureClient } from "./secret.js";
import type { Session } from "./session.js";
import { UsageError } from "./terminal/input.js";

/** The first thing to do, where this command can do it. */
export interface Offer {
  readonly introduction?: string;
  /** Ends with the answers, the first of which is that of Enter. */
  readonly question: string;
  /** By their first letters; `n` declines. */
  readonly answers: readonly string[];
  /** Names of the checks to run again. */
  readonly affects: readonly string[];
  /** Faults and `UsageError`s say why it was not done. */
  readonly carryOut: (answer: string) => Promise<void>;
}

const AFFECTED_BY_CLIENT = [
  ...["client", "grant", "scopes", "role", "status sharing", "organization size", "worker"],
];
const AFFECTED_BY_KEYCHAIN = ["keychain", ...AFFECTED_BY_CLIENT];
const NETWORK_CHECKS = ["DNS", "TLS", "proxy", "address", "clock"];

/** Whether somebody is there to answer: not in a pipe, with `--json`, or with CI set. */
export function canAsk({ console, input }: Pick<CommandContext, "console" | "input">): boolean {
  const isAutomated = (process.env.CI ?? "") !== "";
  // Questions go to stderr.
  return (
    !console.json &&
    !isAutomated &&
    console.isTerminal &&
    input.isInteractive &&
    process.stderr.isTTY
  );
}

/** Null if this command cannot do what is to be done first. */
export async function findOffer(
  { code, command }: Conclusion,
  context: CommandContext,
  session: Session,
): Promise<Offer | null> {
  const { input } = context;
  switch (code) {
    case "keychainLocked": {
      const control = await findKeyringControl();
      if (control === null) return null;
      return {
        question: "Unlock the login keyring now, with its password? [Y/n] ",
        answers: ["y", "n"],
        affects: session.needsProxyPassword
          ? [...AFFECTED_BY_KEYCHAIN, ...NETWORK_CHECKS]
          : AFFECTED_BY_KEYCHAIN,
        carryOut: async () => {
          const prompt = "Password of the login keyring (hidden): ";
          await unlock(control, new Secret(await input.prompt(prompt, { echo: false })));
        },
      };
    }
    case "clientNotConfigured":
    case "clientRejected":
      return {
        question: "Store the client ID and client secret now? [Y/n] ",
        answers: ["y", "n"],
        affects: AFFECTED_BY_CLIENT,
        carryOut: async () => {
          await ensureClient(input, session);
        },
      };
    case "authorizationRequired":
    case "authorizationExpired":
    case "grantRefused":
      if (command === null) return null;
      return {
        introduction:
          "To authorize, a Full Admin signs in to Webex: in a browser on this machine (y), or on any device with a code (d).",
        question: "Authorize now? [Y/d/n] ",
        answers: ["y", "d", "n"],
        affects: AFFECTED_BY_CLIENT,
        carryOut: async (answer) => {
          const { device: _device, ...options } = context.options;
          const chosen = answer === "d" ? { ...options, device: true as const } : options;
          await authorizeInSession({ ...context, options: chosen }, session);
        },
      };
    default:
      return null;
  }
}

/**
 * Asks, and does it. `failed`: the reason has been printed. An answer that is none of them is asked
 * for again; Ctrl+C declines.
 */
export async function makeOffer(
  { introduction, question, answers, carryOut }: Offer,
  { console, input, signal }: CommandContext,
): Promise<"done" | "declined" | "failed"> {
  console.line();
  if (introduction !== undefined) console.text(introduction);
  try {
    let answer: string | undefined;
    while (answer === undefined) {
      const typed = (await input.prompt(question, { echo: true })).trim().toLowerCase();
      answer = typed === "" ? answers[0] : answers.find((each) => each === typed.charAt(0));
    }
    if (answer === "n") return "declined";
    await carryOut(answer);
    return signal.aborted ? "declined" : "done";
  } catch (error) {
    if (signal.aborted || (error instanceof Fault && error.code === "cancelled")) return "declined";
    const { message, hint } = error instanceof UsageError ? error : asFault(error);
    console.error(message, hint);
    return "failed";
  }
}

async function unlock(control: string, password: Secret): Promise<void> {
  const result = await unlockKeyring(control, password);
  if (result === "unlocked") return;
  throw result === "wrongPassword"
    ? new UsageError("This is not the password of the login keyring.", "Try it again.")
    : new UsageError(
        "The keyring could not be unlocked from here.",
        "Sign in to the desktop session of this account, or restart the keyring with: gnome-keyring-daemon --replace --unlock",
      );
}

import type { ProcessPort } from "../ports/process.js";
import type { NamedFinding } from "./doctor-finding.js";

/** What all findings together mean for presence. */
export interface Conclusion {
  /**
   * Null if it is unknown. False also if only one of several organizations has no presence, or if
   * presence is switched off.
   */
  readonly works: boolean | null;
  /** The code of the finding to deal with first; null if there is none. */
  readonly code: string | null;
  /** One sentence: that presence works, or the first thing to do. */
  readonly text: string;
  /** The command that does it, if there is one. */
  readonly command: string | null;
}

export interface ConclusionContext extends Pick<ProcessPort, "account" | "platform"> {
  readonly settingsPath: string | null;
  /** A command line of this product, with the options of this one: `words` are its arguments. */
  readonly commandFor: (words: string) => string;
}

/** What somebody has to do before there is presence. */
interface Step {
  readonly applies: (finding: NamedFinding, all: readonly NamedFinding[]) => boolean;
  /** Follows "Presence does not work until"; for the kind `unknown`, it is the sentence. */
  readonly text: (finding: NamedFinding, context: ConclusionContext) => string;
  readonly command?: (context: ConclusionContext) => string | null;
  /** Whether presence is missing, or nobody knows. Default: `missing`. */
  readonly kind?: "missing" | "unknown";
}

const STORE_CLIENT: Step["command"] = ({ commandFor }) => commandFor("secret client");
const AUTHORIZE: Step["command"] = ({ commandFor }) => commandFor("authorize");
const NEEDS_AUTHORIZATION = ["authorizationRequired", "authorizationExpired", "grantRefused"];

/** The steps in the order in which somebody takes them: each may depend on those before it. */
const STEPS: readonly Step[] = [
  {
    applies: hasFailed("settings", "settingsMissing"),
    text: (_, { settingsPath }) =>
      `the settings file exists: create ${settingsPath ?? "it"} with the line WebexPresence.Enable=1`,
  },
  {
    applies: hasFailed("settings"),
    text: (finding) => `the settings file can be read: ${remedyOf(finding)}`,
  },
  {
    applies: hasFailed("keychain", "keychainLocked"),
    text: (finding, { account, platform }) => {
      const condition = `the keychain of ${account} is unlocked`;
      if (platform === "macos") return condition;
      return `${condition}: ${remedyOf(finding).replace(/^unlock [^:]*: /, "")}`;
    },
    command: ({ platform }) =>
      platform === "macos"
        ? "security unlock-keychain ~/Library/Keychains/login.keychain-db"
        : null,
  },
  {
    applies: hasFailed("keychain"),
    text: (finding, { account }) => `the keychain of ${account} works: ${remedyOf(finding)}`,
  },
  {
    // An unlikely address that answers is right.
    applies: ({ code }, all) =>
      code === "unlikelyApiUrl" &&
      all.some(({ name, state }) => state === "failed" && name !== "client"),
    text: (finding) => `WebexPresence.ApiUrl is right: ${remedyOf(finding)}`,
  },
  {
    applies: hasFailed("DNS"),
    text: (finding) => `this machine can resolve names: ${remedyOf(finding)}`,
  },
  {
    applies: hasFailed("proxy"),
    text: (finding) => `the proxy passes requests to Webex on: ${remedyOf(finding)}`,
  },
  {
    applies: hasFailed("TLS"),
    text: (finding) => `this machine can connect to Webex: ${remedyOf(finding)}`,
  },
  {
    applies: hasFailed("address"),
    text: (finding) => `this machine can reach Webex: ${remedyOf(finding)}`,
  },
  {
    applies: hasFailed("client", "clientRejected"),
    text: () => "the current client secret of developer.webex.com is stored",
    command: STORE_CLIENT,
  },
  {
    applies: ({ state, code }) => state === "failed" && code === "clientNotConfigured",
    text: () => "the client ID and client secret of the Webex integration are stored",
    command: STORE_CLIENT,
  },
  {
    applies: (finding) =>
      hasFailed("grant")(finding) && NEEDS_AUTHORIZATION.includes(finding.code ?? ""),
    text: ({ orgName }) =>
      orgName === null
        ? "a Full Admin authorizes the integration"
        : "a Full Admin authorizes it again",
    command: AUTHORIZE,
  },
  {
    applies: hasFailed("grant"),
    text: (finding) => `Webex answers: ${remedyOf(finding)}`,
  },
  {
    applies: hasFailed("scopes"),
    text: () =>
      "the integration at developer.webex.com has all scopes and a Full Admin authorizes it again",
    command: AUTHORIZE,
  },
  {
    applies: hasFailed("role", "adminRoleLost"),
    text: (finding) => `a Full Admin has authorized it: ${remedyOf(finding)}`,
  },
  {
    applies: hasFailed("status sharing"),
    text: (finding) => `the administrator who authorized shares their status: ${remedyOf(finding)}`,
  },
  {
    applies: ({ state }) => state === "failed",
    text: (finding) => `"${finding.name}" no longer fails: ${remedyOf(finding)}`,
  },
  {
    applies: ({ code }) => code === "presenceDisabled",
    text: (_, { settingsPath }) =>
      `it is switched on: set WebexPresence.Enable=1 in ${settingsPath ?? "the settings file"}`,
  },
  {
    kind: "unknown",
    applies: ({ code }) => code === "settingsNotGiven",
    text: () =>
      "It is unknown whether presence works, because no settings file was checked: pass --settings with the file that the worker reads",
  },
  {
    kind: "unknown",
    applies: ({ code }) => code === "workerHasOtherSettings",
    text: () =>
      "It is unknown whether presence works, because the running worker uses another settings file: pass that one with --settings",
  },
  {
    applies: ({ code }) => code === "workerNotRunning",
    text: () => "the worker runs: start the UCX Presence service, which launches it",
  },
  {
    applies: ({ name, state, code }) =>
      name === "worker" && state === "warning" && code !== "workerNotAsked",
    text: ({ code }) =>
      code === "workerBlocked"
        ? "the worker is no longer blocked"
        : `the running worker no longer reports ${code ?? "an error"}`,
    command: ({ commandFor }) => commandFor("status"),
  },
  {
    kind: "unknown",
    applies: ({ name, state }) => name === "worker" && state === "skipped",
    text: () =>
      "Everything that presence needs works, but it is unknown whether a worker is running: pass --log-dir with the worker's log folder",
  },
];

/** What a warning limits where presence works, by the name of its check. */
const LIMITS: Readonly<Record<string, string>> = {
  settings: "a line of the settings file has no effect",
  keychain: "not every entry in the keychain was read",
  "log folder": "the log folder needs attention",
  address: "other addresses cannot be reached",
  clock: "the clock is wrong",
  role: "the administrator is not a Full Admin",
  "organization size": "presence may be older than the poll interval",
  worker: "the worker takes up to a minute to notice it",
};

/**
 * Whether presence works, and otherwise the first thing to do: of all findings, the one that the
 * others may depend on.
 */
export function conclude(
  findings: readonly NamedFinding[],
  context: ConclusionContext,
): Conclusion {
  const steps = findings
    .map((finding) => ({
      finding,
      index: STEPS.findIndex(({ applies }) => applies(finding, findings)),
    }))
    .filter(({ index }) => index >= 0)
    .sort((a, b) => a.index - b.index);
  const [first] = steps;
  const step = STEPS[first?.index ?? -1];
  if (first === undefined || step === undefined) return concludeWorking(findings);
  const { finding } = first;
  const { kind = "missing", text, command = () => null } = step;
  const clause = text(finding, context).replace(/\.$/, "");
  const conclusion = { code: finding.code, command: command(context) };
  if (kind === "unknown") return { works: null, ...conclusion, text: `${clause}.` };
  const subject = finding.orgName === null ? "Presence" : `Presence of ${finding.orgName}`;
  const isLast = steps.length === 1 && !findings.some(({ state }) => state === "skipped");
  const verb = isLast ? "will work as soon as" : "does not work until";
  return { works: false, ...conclusion, text: `${subject} ${verb} ${clause}.` };
}

function concludeWorking(findings: readonly NamedFinding[]): Conclusion {
  const limited = findings.filter(({ state }) => state === "warning").map(({ name }) => name);
  const limits = [...new Set(limited)].map((name) => LIMITS[name] ?? `"${name}" has a warning`);
  const text =
    limits.length === 0 ? "Presence works." : `Presence works, with limits: ${limits.join("; ")}.`;
  return { works: true, code: null, text, command: null };
}

function hasFailed(name: string, code?: string): (finding: NamedFinding) => boolean {
  return (finding) =>
    finding.state === "failed" &&
    finding.name === name &&
    (code === undefined || finding.code === code);
}

/** The first sentence of the hint, as the end of a sentence. */
function remedyOf({ hint }: NamedFinding): string {
  const [sentence = ""] = (hint ?? "see its line above").split(/(?<=[a-z)"]\.) (?=[A-Z])/);
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

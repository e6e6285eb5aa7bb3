import { Fault, type FaultCode, type FaultDetails } from "./fault.js";

export type ProblemSeverity = "error" | "warning" | "info";

/** Every problem that the worker can report (contract: status). */
export const PROBLEM_SEVERITY = {
  keychainUnavailable: "error",
  keychainLocked: "error",
  clientNotConfigured: "error",
  authorizationRequired: "error",
  authorizationExpired: "error",
  authorizationDenied: "error",
  scopeMissing: "error",
  adminRoleLost: "error",
  hostTooOld: "error",
  licenseInvalid: "error",
  statusSharingOff: "error",
  settingsUnreadable: "warning",
  settingsInvalid: "warning",
  settingsUnknown: "warning",
  organizationTooLarge: "warning",
  rateLimited: "warning",
  webexUnreachable: "warning",
  webexError: "warning",
  freshnessMissed: "warning",
  consoleTooOld: "warning",
  redirectPortInUse: "warning",
  dashboardPortInUse: "warning",
  settingsMissing: "info",
  memorySecretStore: "info",
} as const satisfies Record<string, ProblemSeverity>;

/** With these, Webex refuses an organization until a person has put it right. */
const REFUSALS: readonly string[] = [
  "adminRoleLost",
  "scopeMissing",
  "authorizationExpired",
  "statusSharingOff",
] satisfies (keyof typeof PROBLEM_SEVERITY)[];

export function isRefusal({ code }: { readonly code: string }): boolean {
  return REFUSALS.includes(code);
}

export type ProblemCode = keyof typeof PROBLEM_SEVERITY;

/** What is known about a problem where it is detected. Each code uses some of the members. */
export interface ProblemDetail {
  readonly organization?: string;
  readonly orgId?: string;
  readonly account?: string;
  /** The path of the worker's log. */
  readonly logFile?: string;
  readonly platform?: "windows" | "macos" | "linux";
  /**
   * Which of several causes it is, where the catalogue names them; or the cause in words, where
   * only the component that saw it can name it.
   */
  readonly reason?: string;
  /** What a failure of Webex or of the route to it was, in one or two sentences. */
  readonly cause?: string;
  /** A more specific remedy than the catalogue's. */
  readonly hint?: string;
  readonly status?: number;
  readonly trackingId?: string;
  readonly until?: string;
  readonly persons?: number;
  readonly port?: number;
  /** In seconds: the age of watched records (95th percentile), and the limit it exceeds. */
  readonly watchedP95?: number;
  readonly staleAfterSeconds?: number;
  readonly version?: string;
  readonly oldest?: string;
  readonly missingScopes?: readonly string[];
  /**
   * The settings file, or the key, value and line of a setting, and the value that stays in effect.
   */
  readonly path?: string;
  readonly key?: string;
  readonly value?: string;
  readonly line?: number;
  readonly current?: string;
  /** The name that a line of the settings file most likely means. */
  readonly likely?: string;
  /** An invisible character in that line, such as "U+200B". */
  readonly character?: string;
  /** How many lines of the settings file are not listed one by one. */
  readonly lines?: number;
  /** Which root certificates are trusted while `CaFile` is invalid. */
  readonly trusted?: "defaultRoots" | "previousFile" | "previousContent";
}

export interface ProblemText {
  /** What happened, and what it means for presence. */
  readonly message: string;
  /** What to do. */
  readonly hint: string;
}

export interface ProblemReport {
  readonly code: ProblemCode;
  readonly orgId: string | null;
  readonly text: ProblemText;
  /**
   * What the problem is due to, as far as the log tells one cause from another: times, counts and
   * tracking IDs change without a new record.
   */
  readonly cause: string;
}

/** The one text of each problem, for an administrator. */
export function problemText(code: ProblemCode, detail: ProblemDetail): ProblemText {
  const { message, hint } = TEXTS[code](detail);
  return { message: message.charAt(0).toUpperCase() + message.slice(1), hint: detail.hint ?? hint };
}

export function problemReport(
  code: ProblemCode,
  orgId: string | null = null,
  detail: ProblemDetail = {},
): ProblemReport {
  const { reason, cause, version, port, missingScopes } = detail;
  const causes = JSON.stringify([reason, cause, version, port, missingScopes]);
  return { code, orgId, text: problemText(code, detail), cause: causes };
}

/** A fault that is reported as a problem: it has the same text. `data.reason` is the detail's. */
export function problemFault(
  code: ProblemCode & FaultCode,
  detail: ProblemDetail,
  details: FaultDetails = {},
): Fault {
  const { message, hint } = problemText(code, detail);
  const data = {
    ...details.data,
    ...(detail.reason === undefined ? {} : { reason: detail.reason }),
  };
  return new Fault(code, message, { ...details, hint, data });
}

const named = ({ organization }: ProblemDetail): string =>
  organization === undefined || organization === "" ? "the organization" : `"${organization}"`;
const inAccount = ({ account }: ProblemDetail): string =>
  account === undefined ? "" : ` in the account ${account}`;
const theKeychain = ({ account }: ProblemDetail): string =>
  account === undefined ? "The keychain" : `The keychain of account "${account}"`;
const responded = ({ status, trackingId }: ProblemDetail): string =>
  (status === undefined ? "" : ` (HTTP ${status})`) +
  (trackingId === undefined ? "" : `, tracking ID ${trackingId}`);

/** The cause, as sentences of their own. */
const caused = ({ cause, trackingId, status }: ProblemDetail): string =>
  (cause !== undefined ? ` ${cause}` : status === undefined ? "" : ` The status was ${status}.`) +
  (trackingId === undefined ? "" : ` Tracking ID: ${trackingId}.`);

const RUN_SECRET_CLIENT =
  'Run "ucx-webex-presence secret client" in the account that the worker runs under, or call authorization/setClient,';
const reauthorize = ({ logFile }: ProblemDetail): string =>
  `Have a Full Admin of the organization authorize the integration: open the address in ${logFile ?? "the log"} or in authorization/changed, or run "ucx-webex-presence authorize" in the account that the worker runs under.`;
const RESTORE_OR_REAUTHORIZE =
  "Authorize the organization again, or restore the previous setting (WebexPresence.ClientId, the client in the keychain, or WebexPresence.ApiUrl).";

const TEXTS: Readonly<Record<ProblemCode, (detail: ProblemDetail) => ProblemText>> = {
  keychainUnavailable: (d) =>
    d.reason === "library"
      ? {
          message:
            "The operating system's keychain library cannot be loaded: authorizations can be neither read nor saved.",
          hint:
            d.platform === "linux"
              ? "Install the Secret Service library (Debian and Ubuntu: apt-get install libsecret-1-0). The worker then continues by itself."
              : "Install the worker again, for this machine's processor: its module keytar is missing or was built for another one.",
        }
      : {
          message: `${theKeychain(d)} ${d.reason ?? "cannot be reached"}: authorizations can be neither read nor saved.`,
          hint: REPAIR_KEYCHAIN[d.platform ?? "linux"](d.account ?? ""),
        },
  keychainLocked: (d) => ({
    message: `${theKeychain(d)} is locked: authorizations can be neither read nor saved.`,
    hint: UNLOCK_KEYCHAIN[d.platform ?? "linux"](d.account ?? ""),
  }),
  clientNotConfigured: (d) =>
    d.reason === "otherClientId"
      ? {
          message: `The client secret in the keychain${inAccount(d)} belongs to another client ID than WebexPresence.ClientId, so Webex cannot be polled.`,
          hint: `${RUN_SECRET_CLIENT} to store the client ID with its secret, or remove WebexPresence.ClientId from the settings.`,
        }
      : {
          message: `The keychain${inAccount(d)} does not contain the client ID and client secret of the Webex integration, so Webex cannot be polled.`,
          hint: `${RUN_SECRET_CLIENT} with the client ID and client secret of the integration.`,
        },
  authorizationRequired: (d) => {
    switch (d.reason) {
      case "unreadable":
        return {
          message: `The keychain${inAccount(d)} lists an authorization of ${named(d)}, but its record is missing or cannot be read. Its presence is not known.`,
          hint: `Authorize the organization again, or remove what is left of the authorization: ucx-webex-presence revoke ${d.orgId ?? "<orgId>"}`,
        };
      case "client":
        return {
          message: `The authorization of ${named(d)}${inAccount(d)} was given to another Webex integration and is not used. Its presence is not known.`,
          hint: RESTORE_OR_REAUTHORIZE,
        };
      case "apiOrigin":
        return {
          message: `The authorization of ${named(d)}${inAccount(d)} was given for another WebexPresence.ApiUrl and is not used. Its presence is not known.`,
          hint: RESTORE_OR_REAUTHORIZE,
        };
      default:
        return {
          message: `${named(d)} is not authorized${inAccount(d)}. Its presence is not known.`,
          hint: reauthorize(d),
        };
    }
  },
  authorizationExpired: (d) =>
    d.reason === "clientRejected"
      ? {
          message: `Webex rejects the client ID and client secret of the integration${responded(d)}. The presence of ${named(d)} is not known.`,
          hint: 'Get the current client secret from developer.webex.com, and run "ucx-webex-presence secret client" in the account that the worker runs under. The authorization remains valid.',
        }
      : {
          message: `Webex no longer accepts the authorization of ${named(d)}${responded(d)}. Its presence is not known.`,
          hint: "Have a Full Admin authorize again. An authorization ends when the administrator's password changes, the account is deactivated, the integration is revoked, or after 90 days without use.",
        },
  authorizationDenied: (d) => ({
    message: `The authorization of ${named(d)} was declined at Webex. Presence is not known.`,
    hint: "Authorize again as a Full Admin and accept. If Webex says that the administrator denied access: Control Hub > Management > Apps > Integrations > the integration > allow.",
  }),
  scopeMissing: (d) => ({
    message: `The authorization of ${named(d)} lacks ${(d.missingScopes ?? []).join(" and ") || "a scope"}. Its presence is not known.`,
    hint: "At developer.webex.com, give the integration the scopes spark-admin:people_read and spark-admin:organizations_read. Then authorize again.",
  }),
  adminRoleLost: (d) => ({
    message: `Webex refuses to list the users of ${named(d)} to the administrator who authorized${responded(d)}. Its presence is not known.`,
    hint: "Give that administrator the Full Admin role back in Control Hub (Management > Users > the user > Administrator roles), or have another Full Admin authorize.",
  }),
  hostTooOld: (d) => ({
    message: `The host has version ${d.version ?? "unknown"}. The worker needs ${d.oldest ?? "a newer one"} or later and does not poll.`,
    hint: "Upgrade the UCX Suite.",
  }),
  licenseInvalid: () => ({
    message: "The host reports that presence is not licensed. The worker does not poll.",
    hint: "Install a license that covers presence in the Attendant Console, then restart the presence service.",
  }),
  statusSharingOff: (d) => ({
    message: `Webex shares nobody's status in ${named(d)}, because the administrator who authorized does not share their own.`,
    hint: "Have that administrator share their status (Webex app > Settings > Privacy > Show status), or have another Full Admin authorize.",
  }),
  settingsUnreadable: (d) => ({
    message: `The settings file ${d.path ?? ""} cannot be read: ${d.reason ?? "it is not a text file"}. Until it can be read, ${d.current ?? "all settings stay as they were"}.`,
    hint: "Save it as a text file (UTF-8, UTF-16 with a byte order mark, or Windows-1252) that the worker's account can read.",
  }),
  settingsInvalid: (d) => ({
    message: `${d.key ?? "A setting"}=${d.value ?? ""} (line ${d.line ?? "?"}) ${d.reason ?? "is invalid"}${d.trusted === "previousContent" ? "" : `; it stays ${d.current ?? "as it was"}`}.${TRUSTED[d.trusted ?? "any"]}`,
    hint: "Correct the line in the settings file.",
  }),
  settingsUnknown: (d) => {
    const line = `line ${d.line ?? "?"} of the settings file`;
    const subject = d.key === undefined ? line : `${d.key} (line ${d.line ?? "?"})`;
    const invisible =
      d.character === undefined
        ? ""
        : ` Its name contains an invisible character (${d.character}).`;
    const remedy =
      d.likely === undefined
        ? "Compare the line with the list of settings in docs/settings.md, and correct or remove it."
        : `Write ${d.likely}=<value> in a line of its own, or remove the line.`;
    switch (d.reason) {
      case "section":
        return {
          message: `The section header in ${line} is not [WebexPresence], though it resembles it: the keys of that section have no effect on presence.${invisible}`,
          hint: "Write [WebexPresence] in a line of its own, or remove the section.",
        };
      case "afterHeader":
        return {
          message: `What follows the section header in ${line} has no effect on presence.`,
          hint: "Write each key in a line of its own.",
        };
      case "joinedHeader":
        return {
          message: `A section header follows other text in ${line}, so the keys below it have no effect on presence.`,
          hint: "Write the header in a line of its own.",
        };
      case "otherBrackets":
        return {
          message: `${line} is not a section header, so the keys below it still belong to [WebexPresence].`,
          hint: "Write the header in square brackets, as in [Name], or remove the line.",
        };
      case "client":
      case "proxy":
        return {
          message: `${subject} is not a setting of this worker and has no effect on presence. Secrets are in the keychain, not in this file.`,
          hint: `Remove the line, and store the secret in the account that the worker runs under: ucx-webex-presence secret ${d.reason}`,
        };
      case "embedded":
        return {
          message: `A name with the prefix WebexPresence follows other text in ${line}, so it has no effect on presence.`,
          hint: "Begin a new line with that name.",
        };
      case "more":
        return {
          message: `${d.lines ?? "Some"} more lines of the settings file resemble settings of this worker, but have no effect on presence.`,
          hint: "Correct the lines that are listed first; the others follow.",
        };
      default:
        return {
          message: `${subject} is not a setting of this worker and has no effect on presence.${invisible}${d.likely === undefined ? "" : ` It probably means ${d.likely}.`}${d.reason === "equals" ? " The = between name and value is missing." : ""}`,
          hint: remedy,
        };
    }
  },
  organizationTooLarge: (d) => ({
    message: `${named(d)} has ${d.persons ?? "more than 1,000"} users. Cisco recommends polling for up to 1,000, so presence can be older than the poll interval.`,
    hint: "Watch ageSeconds in the status. A longer WebexPresence.PollIntervalSeconds or a higher WebexPresence.RequestsPerMinute can help.",
  }),
  rateLimited: (d) => ({
    message: `Webex limits the rate of requests, and the worker waits${d.until === undefined ? "" : ` until ${d.until}`}. The presence of ${named(d)} is older than usual.`,
    hint: "No action is needed: the worker continues by itself. If this happens often, lower WebexPresence.RequestsPerMinute or raise WebexPresence.PollIntervalSeconds; other programs may use up the same limit.",
  }),
  webexUnreachable: (d) => ({
    message: `Webex cannot be reached for ${named(d)}.${caused(d)} Its presence becomes stale until it can be reached.`,
    hint: "Check this machine's network, DNS, proxy (WebexPresence.Proxy) and trusted certificates (WebexPresence.CaFile). The worker keeps trying.",
  }),
  webexError: (d) => ({
    message:
      d.reason === undefined
        ? `Requests to Webex for ${named(d)} fail.${caused(d)} Its presence becomes stale until they succeed.`
        : `${d.reason}${caused(d)}`,
    hint: "Check status.webex.com; Cisco's support asks for the tracking ID in the log. The worker keeps trying.",
  }),
  freshnessMissed: (d) => ({
    message: `The records of watched users of ${named(d)} are up to ${d.watchedP95 === undefined ? "?" : Math.ceil(d.watchedP95)} s old, more than WebexPresence.StaleAfterSeconds${d.staleAfterSeconds === undefined ? "" : ` (${d.staleAfterSeconds})`}.`,
    hint: "Wait until the worker has read the user list once; then this hint names the setting that helps most, the value to set, and the age to expect.",
  }),
  consoleTooOld: (d) => ({
    message: `The Attendant Console has version ${d.version ?? "unknown"}. Webex presence needs ${d.oldest ?? "a newer one"} or later.`,
    hint: "Upgrade the Attendant Console.",
  }),
  redirectPortInUse: (d) => ({
    message: `Port ${d.port ?? ""} of this machine is in use by another program, so the authorization page cannot be opened.`,
    hint: "Free the port, or set WebexPresence.RedirectPort and register that redirect URI with the integration. The worker tries again.",
  }),
  dashboardPortInUse: (d) => DASHBOARD_PORT[dashboardPortReason(d)](d.port ?? ""),
  settingsMissing: (d) => ({
    message: `The settings file ${d.path ?? ""} does not exist. The defaults are in effect, and presence from Webex is off.`,
    hint: "Create the file with WebexPresence.Enable=1 to turn presence on, or launch the worker with --settings and the path of the file.",
  }),
  memorySecretStore: () => ({
    message: "Authorizations are kept in memory only and are lost when the worker ends.",
    hint: "Remove --secret-store memory to keep them in the operating system's keychain.",
  }),
};

const TRUSTED = {
  any: "",
  defaultRoots: " Only the default root certificates are trusted.",
  previousFile: " Its certificates remain trusted.",
  previousContent: " The certificates that the file held before remain trusted.",
};

const NO_DASHBOARD = "so the dashboard is not shown. Presence is not affected.";
const DASHBOARD_PORT = {
  used: (port: number | string): ProblemText => ({
    message: `Port ${port} of this machine is in use by another program, ${NO_DASHBOARD}`,
    hint: "Free the port, or set WebexPresence.DashboardPort to another one, or to 0 for no dashboard. The worker tries again every few seconds.",
  }),
  reserved: (port: number | string): ProblemText => ({
    message: `The system has reserved port ${port}, ${NO_DASHBOARD}`,
    hint: "Set WebexPresence.DashboardPort to a port outside the ranges of `netsh interface ipv4 show excludedportrange protocol=tcp`.",
  }),
  redirectPort: (port: number | string): ProblemText => ({
    message: `Port ${port} is WebexPresence.RedirectPort, too, ${NO_DASHBOARD}`,
    hint: "Set WebexPresence.DashboardPort to another port.",
  }),
};

function dashboardPortReason({ reason }: ProblemDetail): keyof typeof DASHBOARD_PORT {
  return reason === "reserved" || reason === "redirectPort" ? reason : "used";
}

type KeychainHints = Record<"windows" | "macos" | "linux", (account: string) => string>;

const UNLOCK_KEYCHAIN: KeychainHints = {
  windows: (account) =>
    `Sign in once as "${account}", or restart the service under that account, so that Windows opens its Credential Manager.`,
  macos: (account) =>
    `Unlock the login keychain of account "${account}": security unlock-keychain ~/Library/Keychains/login.keychain-db`,
  linux: (account) =>
    `Unlock the login keyring of account "${account}": sign in to its desktop session, or run "gnome-keyring-daemon --unlock" in its D-Bus session.`,
};

const REPAIR_KEYCHAIN: KeychainHints = {
  windows: (account) =>
    `Check that the Windows service "Credential Manager" (VaultSvc) runs and that account "${account}" has a user profile.`,
  macos: (account) =>
    `Check that account "${account}" has a login keychain (Keychain Access) and answer any dialog that macOS shows.`,
  linux: (account) =>
    `Check that a keyring service (gnome-keyring-daemon or KWallet) runs, unlocked, in the D-Bus session of account "${account}", and that DBUS_SESSION_BUS_ADDRESS names that session.`,
};

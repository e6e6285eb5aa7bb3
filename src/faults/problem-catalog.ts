export type ProblemSeverity = "error" | "warning" | "info";

/** Every problem the worker can name (contract: status). */
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
  organizationTooLarge: "warning",
  rateLimited: "warning",
  webexUnreachable: "warning",
  webexError: "warning",
  freshnessMissed: "warning",
  consoleTooOld: "warning",
  redirectPortInUse: "warning",
  settingsMissing: "info",
  memorySecretStore: "info",
} as const satisfies Record<string, ProblemSeverity>;

export type ProblemCode = keyof typeof PROBLEM_SEVERITY;

/** What is known where the problem was seen; members that a problem does not have are left out. */
export interface ProblemDetail {
  readonly organization?: string;
  readonly account?: string;
  readonly status?: number;
  readonly trackingId?: string;
  readonly until?: string;
  readonly persons?: number;
  readonly port?: number;
  /** Seconds: age of what is known of watched users, and the limit it is held against. */
  readonly watchedP95?: number;
  readonly staleAfterSeconds?: number;
  readonly version?: string;
  readonly oldest?: string;
  readonly missingScopes?: readonly string[];
  /** A sentence of its own, where the place that saw the problem knows more. */
  readonly sentence?: string;
  readonly remedy?: string;
}

/** A problem before the catalogue has put it into words. */
export interface ProblemReport {
  readonly code: ProblemCode;
  readonly orgId: string | null;
  readonly detail: ProblemDetail;
}

interface ProblemText {
  readonly message: string;
  readonly hint: string;
}

/** What happened, what it means for presence, and what to do: for an administrator. */
export function problemText(code: ProblemCode, detail: ProblemDetail): ProblemText {
  const { message, hint } = TEXTS[code](detail);
  const sentence = message.charAt(0).toUpperCase() + message.slice(1);
  return { message: detail.sentence ?? sentence, hint: detail.remedy ?? hint };
}

const of = (d: ProblemDetail): string =>
  d.organization === undefined || d.organization === ""
    ? "the organization"
    : `"${d.organization}"`;
const under = (d: ProblemDetail): string =>
  d.account === undefined ? "" : ` (account ${d.account})`;
const answered = (d: ProblemDetail): string => {
  const status = d.status === undefined ? "" : ` (HTTP ${d.status})`;
  return d.trackingId === undefined ? status : `${status}, tracking id ${d.trackingId}`;
};

const TEXTS: Readonly<Record<ProblemCode, (detail: ProblemDetail) => ProblemText>> = {
  keychainUnavailable: (d) => ({
    message: `The keychain of the account that the worker runs under${under(d)} is out of reach; authorizations cannot be read or kept.`,
    hint: "Make the operating system's keychain available to this account (Windows: the Credential Manager service; Linux: a Secret Service such as gnome-keyring on the session bus). The worker tries again every 10 seconds.",
  }),
  keychainLocked: (d) => ({
    message: `The keychain of the account that the worker runs under${under(d)} is locked; authorizations cannot be read or kept.`,
    hint: "Unlock the keychain of this account. The worker tries again every 10 seconds; nothing is lost meanwhile.",
  }),
  clientNotConfigured: (d) => ({
    message: `The Webex integration's client id or client secret is not in the keychain of this account${under(d)}, so Webex cannot be asked.`,
    hint: "Run `ucx-webex-presence secret client` in the account that the worker runs under, or call authorization/setClient, with the id and secret of the integration. With WebexPresence.ClientId set, the secret must be kept for that same id.",
  }),
  authorizationRequired: (d) => ({
    message: `There is no authorization for ${of(d)} that can be used in the account that the worker runs under${under(d)}; its presence is not known.`,
    hint: "Let a Webex Full Admin authorize the integration: open the address that the log and authorization/changed give, or run `ucx-webex-presence authorize` in this account.",
  }),
  authorizationExpired: (d) => ({
    message: `Webex no longer accepts the authorization of ${of(d)}${answered(d)}; its presence is not known.`,
    hint: "Let a Webex Full Admin authorize again. An authorization ends when the administrator's password changes, the account is deactivated, the integration is revoked, or after 90 days without use.",
  }),
  authorizationDenied: (d) => ({
    message: `The authorization of ${of(d)} was declined at Webex; presence is not known.`,
    hint: "Authorize again with a Full Admin and accept. If Webex says that the administrator denied access: Control Hub > Management > Apps > Integrations > the integration > allow.",
  }),
  scopeMissing: (d) => ({
    message: `The authorization of ${of(d)} lacks ${(d.missingScopes ?? []).join(" and ") || "a scope"}; Webex does not tell its presence.`,
    hint: "In developer.webex.com give the integration the scopes spark-admin:people_read and spark-admin:organizations_read, then authorize again.",
  }),
  adminRoleLost: (d) => ({
    message: `Webex refuses to list the users of ${of(d)} to the administrator who authorized${answered(d)}; its presence is not known.`,
    hint: "Give that user the Full Admin role back in Control Hub (Management > Users > the user > Administrator roles), or let another Full Admin authorize.",
  }),
  hostTooOld: (d) => ({
    message: `The host is version ${d.version ?? "unknown"}; the worker needs ${d.oldest ?? "a newer one"} or later and does not poll.`,
    hint: "Upgrade the UCX Suite.",
  }),
  licenseInvalid: () => ({
    message: "The host says that presence is not licensed; the worker does not poll.",
    hint: "Install a license that covers the Attendant Console's presence, then restart the presence service.",
  }),
  statusSharingOff: (d) => ({
    message: `Webex tells nobody's status in ${of(d)}, because the administrator who authorized has switched off sharing their own.`,
    hint: "Let that administrator switch status sharing on (Webex app > Settings > Privacy > Show status), or let another Full Admin authorize.",
  }),
  settingsUnreadable: () => ({
    message: "The settings file cannot be read; the settings stay as they were.",
    hint: "Check the file's permissions and encoding (UTF-8, UTF-16 with BOM or Windows-1252).",
  }),
  settingsInvalid: () => ({
    message: "A setting is not valid; the value in force stays.",
    hint: "Correct the line in the settings file.",
  }),
  organizationTooLarge: (d) => ({
    message: `${of(d)} has ${d.persons ?? "more than 1,000"} users; Cisco recommends such a connector up to 1,000, so presence can be older than the interval.`,
    hint: "Watch ageSeconds in the status; a longer WebexPresence.PollIntervalSeconds or a higher WebexPresence.RequestsPerMinute can help.",
  }),
  rateLimited: (d) => ({
    message: `Webex has asked the worker to wait${d.until === undefined ? "" : ` until ${d.until}`}; presence of ${of(d)} is older than usual.`,
    hint: "Nothing has to be done: the worker goes on by itself. If it happens often, lower WebexPresence.RequestsPerMinute or lengthen WebexPresence.PollIntervalSeconds; other programs may use up the same limit.",
  }),
  webexUnreachable: (d) => ({
    message: `Webex cannot be reached for ${of(d)}; presence ages until it can.`,
    hint: "Check this machine's network, DNS, proxy (WebexPresence.Proxy) and trusted certificates (WebexPresence.CaFile). The worker keeps trying.",
  }),
  webexError: (d) => ({
    message: `Webex answers with errors for ${of(d)}${answered(d)}; presence ages until that ends.`,
    hint: "Look at status.webex.com; Cisco's support asks for the tracking id in the log. The worker keeps trying.",
  }),
  freshnessMissed: (d) => ({
    message: `What is known of watched users of ${of(d)} is up to ${d.watchedP95 === undefined ? "?" : Math.ceil(d.watchedP95)} s old, more than WebexPresence.StaleAfterSeconds${d.staleAfterSeconds === undefined ? "" : ` (${d.staleAfterSeconds})`}.`,
    hint: "Raise WebexPresence.RequestsPerMinute if Webex allows it, or raise WebexPresence.StaleAfterSeconds.",
  }),
  consoleTooOld: (d) => ({
    message: `The Attendant Console is version ${d.version ?? "unknown"}; Webex presence needs ${d.oldest ?? "a newer one"} or later there.`,
    hint: "Upgrade the Attendant Console.",
  }),
  redirectPortInUse: (d) => ({
    message: `Port ${d.port ?? ""} of this machine is held by another program, so the authorization page cannot be opened.`,
    hint: "Free the port, or set WebexPresence.RedirectPort and register that redirect URI with the integration. The worker tries again.",
  }),
  settingsMissing: () => ({
    message: "There is no settings file, so presence is disabled.",
    hint: "Create the file with WebexPresence.Enable=1.",
  }),
  memorySecretStore: () => ({
    message: "Authorizations are kept in memory only: they are gone when the worker ends.",
    hint: "Leave out --secret-store memory to keep them in the operating system's keychain.",
  }),
};

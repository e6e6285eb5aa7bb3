import type { Subscribable } from "../../faults/emitter.js";
import type { Fault, FaultCode } from "../../faults/fault.js";
import { isRefusal } from "../../faults/problem-catalog.js";
import type { FlowView } from "../flow.js";
import { REQUIRED_SCOPES, type Authorization } from "../grant.js";

/** A problem of the worker, in the words of its status. */
export interface PageNotice {
  readonly code: string;
  readonly severity: "error" | "warning" | "info";
  readonly message: string;
  readonly hint: string;
  readonly orgId: string | null;
}

export interface PageNoticesEvents {
  readonly problemsChanged: undefined;
}

/** The problems that concern the person who authorizes. */
export interface PageNotices {
  readonly events: Subscribable<PageNoticesEvents>;
  list(): readonly PageNotice[];
}

/** The state of the latest attempt. `webexMessage` is sanitized text from Webex. */
export type Attempt =
  | { readonly kind: "none" | "waiting" | "finishing" }
  | { readonly kind: "authorized"; readonly authorization: Authorization }
  | {
      readonly kind: "denied" | "failed";
      readonly title: string;
      readonly text: string;
      readonly webexMessage: string | null;
    };

export type PagePhase = "open" | "completed" | "expired" | "cancelled";

/** Everything that the page shows. */
export interface PageModel {
  readonly key: string;
  readonly clientId: string | null;
  /** `WebexPresence.ApiUrl`, and what it was probably meant to be, if that is another address. */
  readonly unlikelyApiUrl: { readonly apiUrl: string; readonly likely: string } | null;
  readonly phase: PagePhase;
  readonly endReason: string | null;
  readonly attempt: Attempt;
  readonly organizations: readonly Authorization[];
  readonly notices: readonly PageNotice[];
  /** The organizations that were polled again because somebody asked for it on this page. */
  readonly retriedOrgIds: ReadonlySet<string>;
  readonly remainingSeconds: number;
}

export interface StatusMessage {
  readonly state: "required" | "waiting" | "authorized" | "denied" | "failed" | "expired";
  readonly tone: "neutral" | "busy" | "good" | "caution" | "bad";
  readonly title: string;
  readonly text: string;
  readonly webexMessage?: string | null;
}

export function canComplete({ organizations }: PageModel): boolean {
  return organizations.some(({ state }) => state === "valid");
}

export function missingScopes({ scopes }: Authorization): readonly string[] {
  return REQUIRED_SCOPES.filter((scope) => !scopes.includes(scope));
}

/** Whether an organization has to be authorized again, or its presence cannot be read. */
export function needsAttention(model: PageModel, organization: Authorization): boolean {
  return (
    organization.state === "required" ||
    missingScopes(organization).length > 0 ||
    hasErrors(model, organization)
  );
}

/** A sentence about the organizations whose presence cannot be read, or null. */
export function describeUnavailable(model: PageModel, until: string): string | null {
  const names = model.organizations
    .filter((organization) => needsAttention(model, organization))
    .map(({ orgName }) => orgName);
  return names.length === 0
    ? null
    : `The presence of ${names.join(", ")} is not available until ${until}.`;
}

/** Whether Webex refuses the organization, so that somebody who put it right wants a retry. */
export function isRefused({ notices }: Pick<PageModel, "notices">, orgId: string): boolean {
  return notices.some((notice) => notice.orgId === orgId && isRefusal(notice));
}

function hasErrors({ notices }: PageModel, { orgId }: Authorization): boolean {
  return notices.some((notice) => notice.severity === "error" && notice.orgId === orgId);
}

/** The status at the top of the page. */
export function describeStatus(model: PageModel): StatusMessage {
  if (model.phase !== "open") return describeEnd(model, model.phase);
  const { attempt } = model;
  switch (attempt.kind) {
    case "none":
      return describeStart(model);
    case "waiting":
      return {
        state: "waiting",
        tone: "busy",
        title: "Waiting for Webex",
        text: [WAITING_TEXT, describeUnlikelyApiUrl(model)].filter(Boolean).join(" "),
      };
    case "finishing":
      return {
        state: "waiting",
        tone: "busy",
        title: "Completing the authorization",
        text: "Webex has accepted the request. The worker is getting and storing the authorization.",
      };
    case "authorized":
      return describeAuthorized(model, attempt.authorization);
    case "denied":
    case "failed": {
      const { kind: state, title, text, webexMessage } = attempt;
      return { state, tone: state === "denied" ? "caution" : "bad", title, text, webexMessage };
    }
  }
}

const WAITING_TEXT =
  "Sign in to Webex as an administrator and accept the request. This page updates automatically. If Webex shows “Access denied” or does not return to this page, see below how to allow the integration.";

/** The browser, not the worker, would see that there is nothing at the address. */
function describeUnlikelyApiUrl({ unlikelyApiUrl }: PageModel): string | null {
  if (unlikelyApiUrl === null) return null;
  const { apiUrl, likely } = unlikelyApiUrl;
  return `If Webex shows that there is no such page, correct WebexPresence.ApiUrl: it is ${apiUrl}, and probably has to be ${likely}.`;
}

/** The state and message of the flow. `orgNames`: the organizations authorized in this flow. */
export function flowOutcome(
  { phase, endReason, attempt }: PageModel,
  orgNames: readonly string[],
): Pick<FlowView, "state" | "message"> {
  switch (phase) {
    case "completed":
      return {
        state: "authorized",
        message: orgNames.length > 0 ? `${orgNames.join(", ")}: authorized.` : null,
      };
    case "expired":
      return { state: "expired", message: "Nobody authorized in time." };
    case "cancelled":
      return { state: "cancelled", message: endReason ?? "The authorization was cancelled." };
    case "open":
      return attempt.kind === "denied" || attempt.kind === "failed"
        ? { state: attempt.kind, message: `${attempt.title}. ${attempt.text}` }
        : { state: "waiting", message: null };
  }
}

/** An error that Webex reported in the redirect (RFC 6749, 4.1.2.1), with untrusted text. */
export function attemptFromError(error: string, description: string | null): Attempt {
  const webexMessage = sanitizeText(description);
  switch (error) {
    case "access_denied":
      return {
        kind: "denied",
        title: "Declined at Webex",
        text: "The request was declined, and nothing has changed. To try again, press AUTHORIZE and sign in as an administrator of the organization.",
        webexMessage,
      };
    case "invalid_scope":
      return failed(
        "The integration lacks a scope",
        `Webex refused the requested scopes. Add ${REQUIRED_SCOPES.join(" and ")} to the integration at developer.webex.com, then press AUTHORIZE again.`,
        webexMessage,
      );
    case "server_error":
    case "temporarily_unavailable":
      return failed(
        "Webex has a temporary problem",
        "The cause is not on this machine. Wait a minute, then press AUTHORIZE again.",
        webexMessage,
      );
    default:
      return failed(
        "Webex refused the request",
        "Make sure that the client ID and the redirect URI of the integration at developer.webex.com are the ones in use here, then press AUTHORIZE again.",
        webexMessage,
      );
  }
}

const FAULT_TITLES: Partial<Record<FaultCode, string>> = {
  defect: "Internal error",
  keychainLocked: "The keychain is locked",
  keychainUnavailable: "The keychain is not available",
  webexUnreachable: "Webex cannot be reached",
  rateLimited: "Webex limits the number of requests",
  webexError: "Webex has a temporary problem",
  clientNotConfigured: "The integration is not configured",
  forbidden: "This account cannot authorize",
  refused: "This account cannot authorize",
};

/**
 * A failure after the consent at Webex. `isRetrying`: the worker has the tokens in memory and keeps
 * trying to store them.
 */
export function attemptFromFault({ code, message, hint }: Fault, isRetrying: boolean): Attempt {
  const title = FAULT_TITLES[code] ?? "Webex refused the authorization";
  if (code === "defect") {
    const text = "The log of the worker contains the details. Press AUTHORIZE to try again.";
    return failed(title, text);
  }
  const sentences = isRetrying
    ? [
        message,
        code === "webexUnreachable" ? "" : hint,
        "The worker tries again automatically, and this page shows when it has succeeded.",
      ]
    : [message, hint, "Then press AUTHORIZE again."];
  return failed(title, sentences.filter(Boolean).join(" "));
}

function failed(title: string, text: string, webexMessage: string | null = null): Attempt {
  return { kind: "failed", title, text, webexMessage };
}

/**
 * Makes untrusted text fit for display: without control, format and lone surrogate characters, and
 * at most 300 characters long. Returns null if nothing is left.
 */
export function sanitizeText(text: string | null): string | null {
  const clean = text?.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "").trim() ?? "";
  return clean === "" ? null : Array.from(clean).slice(0, 300).join("");
}

const UNAVAILABLE_TEXT =
  "Solve the problem shown below, then press Try again. To use another account, press AUTHORIZE. To finish, press COMPLETE REQUEST.";

function describeStart(model: PageModel): StatusMessage {
  const orgNames = model.organizations
    .filter(({ state }) => state === "required")
    .map(({ orgName }) => orgName);
  if (orgNames.length > 0) {
    return {
      state: "required",
      tone: "neutral",
      title: `${orgNames.join(", ")}: authorize again`,
      text: "The previous authorization is no longer valid, so presence is not available. Press AUTHORIZE and sign in to Webex as an administrator of the organization.",
    };
  }
  const unavailable = model.organizations.filter(
    (organization) => organization.state === "valid" && hasErrors(model, organization),
  );
  if (unavailable.length > 0) {
    const names = unavailable.map(({ orgName }) => orgName).join(", ");
    return {
      state: "authorized",
      tone: "caution",
      title: `${names}: authorized, but presence is not available`,
      text: UNAVAILABLE_TEXT,
    };
  }
  if (canComplete(model)) {
    return {
      state: "authorized",
      tone: "good",
      title: "An organization is authorized",
      text: "Press COMPLETE REQUEST to finish, or authorize another organization.",
    };
  }
  return {
    state: "required",
    tone: "neutral",
    title: "Authorization required",
    text: "Presence from Webex starts when an administrator of your Webex organization authorizes this worker. Press AUTHORIZE and sign in to Webex.",
  };
}

function describeAuthorized(model: PageModel, authorization: Authorization): StatusMessage {
  const { orgName } = authorization;
  const missing = missingScopes(authorization);
  if (missing.length > 0) {
    return {
      state: "authorized",
      tone: "caution",
      title: `${orgName} is authorized, but a scope is missing`,
      text: `Presence cannot be read without ${missing.join(" and ")}. Add it to the integration at developer.webex.com, then press AUTHORIZE again.`,
    };
  }
  if (hasErrors(model, authorization)) {
    return {
      state: "authorized",
      tone: "caution",
      title: `${orgName} is authorized, but its presence is not available`,
      text: UNAVAILABLE_TEXT,
    };
  }
  return {
    state: "authorized",
    tone: "good",
    title: `${orgName} is authorized`,
    text: "Press COMPLETE REQUEST to finish, or authorize another organization first.",
  };
}

function describeEnd(model: PageModel, phase: Exclude<PagePhase, "open">): StatusMessage {
  const { endReason, organizations } = model;
  switch (phase) {
    case "completed": {
      const unavailable = describeUnavailable(model, "the problem is solved");
      const startsNow =
        organizations.length === 0 || organizations.some((each) => !needsAttention(model, each));
      return {
        state: "authorized",
        tone: unavailable === null ? "good" : "caution",
        title: startsNow ? "Presence starts now" : "The request is complete",
        text: [
          startsNow
            ? "The request is complete, and you can close this page."
            : "You can close this page.",
          unavailable,
          "If WebexPresence.Enable is 0 in Presence.ini, presence starts when you set it to 1.",
        ]
          .filter(Boolean)
          .join(" "),
      };
    }
    case "cancelled":
      return {
        state: "expired",
        tone: "caution",
        title: "This page is closed",
        text: `${endReason ?? "The authorization was cancelled by UCX."} To authorize later, open the next address that the worker reports.`,
      };
    case "expired":
      return {
        state: "expired",
        tone: "caution",
        title: "This page has expired",
        text: "Nobody authorized in time. While an authorization is missing, the worker opens a new page automatically and writes its address to worker.log. You can also run ucx-webex-presence authorize in the account of the worker.",
      };
  }
}

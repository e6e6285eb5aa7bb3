import type { Subscribable } from "../../faults/emitter.js";
import type { Fault } from "../../faults/fault.js";
import type { FlowState } from "../flow.js";
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
  | { readonly kind: "none" }
  | { readonly kind: "waiting" }
  | { readonly kind: "finishing" }
  | { readonly kind: "authorized"; readonly authorization: Authorization }
  | { readonly kind: "denied"; readonly webexMessage: string | null }
  | {
      readonly kind: "failed";
      readonly title: string;
      readonly hint: string;
      readonly webexMessage: string | null;
    };

export type PagePhase = "open" | "completed" | "expired" | "cancelled";

/** Everything that the page shows. */
export interface PageModel {
  readonly key: string;
  readonly clientId: string | null;
  readonly phase: PagePhase;
  readonly endReason: string | null;
  readonly attempt: Attempt;
  readonly organizations: readonly Authorization[];
  readonly notices: readonly PageNotice[];
  readonly remainingSeconds: number;
}

export interface StatusMessage {
  readonly state: "required" | "waiting" | "authorized" | "denied" | "failed" | "expired";
  readonly tone: "neutral" | "busy" | "good" | "caution" | "bad";
  readonly title: string;
  readonly text: string;
  readonly webexMessage?: string | null;
}

export function canComplete({ organizations }: Pick<PageModel, "organizations">): boolean {
  return organizations.some(({ state }) => state === "valid");
}

export function missingScopes({ scopes }: Authorization): readonly string[] {
  return REQUIRED_SCOPES.filter((scope) => !scopes.includes(scope));
}

/** Whether an organization has to be authorized again, or its presence cannot be read. */
export function needsAttention(
  model: Pick<PageModel, "notices">,
  organization: Authorization,
): boolean {
  return (
    organization.state === "required" ||
    missingScopes(organization).length > 0 ||
    hasErrors(model, organization)
  );
}

function hasErrors({ notices }: Pick<PageModel, "notices">, { orgId }: Authorization): boolean {
  return notices.some((notice) => notice.severity === "error" && notice.orgId === orgId);
}

/** The status at the top of the page. */
export function describeStatus(model: PageModel): StatusMessage {
  if (model.phase !== "open") return describeEnd(model.phase, model.endReason);
  const { attempt } = model;
  switch (attempt.kind) {
    case "none":
      return describeStart(model);
    case "waiting":
      return {
        state: "waiting",
        tone: "busy",
        title: "Waiting for Webex",
        text: "Sign in to Webex as an administrator and accept the request. This page updates automatically. If Webex shows “Access denied” or does not return to this page, see below how to allow the integration.",
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
      return {
        state: "denied",
        tone: "caution",
        title: "Declined at Webex",
        text: "The request was declined, and nothing has changed. To try again, press AUTHORIZE and sign in as an administrator of the organization.",
        webexMessage: attempt.webexMessage,
      };
    case "failed":
      return {
        state: "failed",
        tone: "bad",
        title: attempt.title,
        text: attempt.hint,
        webexMessage: attempt.webexMessage,
      };
  }
}

/** The state and message of the flow. `orgNames`: the organizations authorized in this flow. */
export function flowOutcome(
  model: PageModel,
  orgNames: readonly string[],
): { state: FlowState; message: string | null } {
  switch (model.phase) {
    case "completed":
      return {
        state: "authorized",
        message: orgNames.length > 0 ? `${orgNames.join(", ")}: authorized.` : null,
      };
    case "expired":
      return { state: "expired", message: "Nobody authorized in time." };
    case "cancelled":
      return {
        state: "cancelled",
        message: model.endReason ?? "The authorization was cancelled.",
      };
    case "open": {
      const { kind } = model.attempt;
      if (kind !== "denied" && kind !== "failed") return { state: "waiting", message: null };
      const { title, text } = describeStatus(model);
      return { state: kind, message: `${title}. ${text}` };
    }
  }
}

/** An error that Webex reported in the redirect (RFC 6749, 4.1.2.1). */
export function attemptFromError(error: string, webexMessage: string | null): Attempt {
  switch (error) {
    case "access_denied":
      return { kind: "denied", webexMessage };
    case "invalid_scope":
      return {
        kind: "failed",
        title: "The integration lacks a scope",
        hint: `Webex refused the requested scopes. Add ${REQUIRED_SCOPES.join(" and ")} to the integration at developer.webex.com, then press AUTHORIZE again.`,
        webexMessage,
      };
    case "server_error":
    case "temporarily_unavailable":
      return {
        kind: "failed",
        title: "Webex has a temporary problem",
        hint: "The cause is not on this machine. Wait a minute, then press AUTHORIZE again.",
        webexMessage,
      };
    default:
      return {
        kind: "failed",
        title: "Webex refused the request",
        hint: "Make sure that the client id and the redirect URI of the integration at developer.webex.com are the ones in use here, then press AUTHORIZE again.",
        webexMessage,
      };
  }
}

/**
 * A failure after the consent at Webex. `isRetrying`: the worker has the tokens in memory and keeps
 * trying to store them.
 */
export function attemptFromFault(fault: Fault, isRetrying: boolean): Attempt {
  const { code, message, hint } = fault;
  if (code === "defect") {
    return {
      kind: "failed",
      title: "Internal error",
      hint: "The log of the worker contains the details. Press AUTHORIZE to try again.",
      webexMessage: null,
    };
  }
  const sentences = isRetrying
    ? [
        message,
        code === "webexUnreachable" ? "" : hint,
        "The worker tries again automatically, and this page shows when it has succeeded.",
      ]
    : [message, hint, "Then press AUTHORIZE again."];
  return {
    kind: "failed",
    title: faultTitle(fault),
    hint: sentences.filter(Boolean).join(" "),
    webexMessage: null,
  };
}

function faultTitle({ code }: Fault): string {
  switch (code) {
    case "keychainLocked":
      return "The keychain is locked";
    case "keychainUnavailable":
      return "The keychain is not available";
    case "webexUnreachable":
      return "Webex cannot be reached";
    case "rateLimited":
      return "Webex limits the number of requests";
    case "webexError":
      return "Webex has a temporary problem";
    case "clientNotConfigured":
      return "The integration is not configured";
    case "forbidden":
    case "refused":
      return "This account cannot authorize";
    default:
      return "Webex refused the authorization";
  }
}

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
      text: "Solve the problem shown below. Then press AUTHORIZE again to use another account, or COMPLETE REQUEST to finish.",
    };
  }
  return {
    state: "authorized",
    tone: "good",
    title: `${orgName} is authorized`,
    text: "Press COMPLETE REQUEST to finish, or authorize another organization first.",
  };
}

function describeEnd(phase: Exclude<PagePhase, "open">, endReason: string | null): StatusMessage {
  switch (phase) {
    case "completed":
      return {
        state: "authorized",
        tone: "good",
        title: "Presence starts now",
        text: "The request is complete, and you can close this page. If WebexPresence.Enable is 0 in Presence.ini, presence starts when you set it to 1.",
      };
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

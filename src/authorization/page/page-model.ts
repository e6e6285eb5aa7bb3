import type { Fault } from "../../faults/fault.js";
import type { FlowState } from "../flow.js";
import { type Authorization, REQUIRED_SCOPES } from "../grant.js";
import type { PageNotice } from "../page-notice.js";

/** Where the latest try of this flow stands; `said` is Webex's own text, made fit to show. */
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

/** All that the page shows. */
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

export type PageState = "required" | "waiting" | "authorized" | "denied" | "failed" | "expired";

export interface StatusMessage {
  readonly state: PageState;
  readonly tone: "neutral" | "busy" | "good" | "caution" | "bad";
  readonly title: string;
  readonly text: string;
  readonly webexMessage: string | null;
}

export function canComplete(model: Pick<PageModel, "organizations">): boolean {
  return model.organizations.some((organization) => organization.state === "valid");
}

export function missingScopes(authorization: Authorization): readonly string[] {
  return REQUIRED_SCOPES.filter((scope) => !authorization.scopes.includes(scope));
}

/** The errors that the worker has met with an organization: authorized or not, its presence does not come. */
export function findErrors(
  model: Pick<PageModel, "notices">,
  orgId: string,
): readonly PageNotice[] {
  return model.notices.filter((notice) => notice.severity === "error" && notice.orgId === orgId);
}

/** Whether an organization's authorization has to be given anew, or somebody has to mend something before it is any use. */
export function needsAttention(
  model: Pick<PageModel, "notices">,
  organization: Authorization,
): boolean {
  return (
    organization.state === "required" ||
    missingScopes(organization).length > 0 ||
    findErrors(model, organization.orgId).length > 0
  );
}

/** The one thing the page says first. */
export function describeStatus(model: PageModel): StatusMessage {
  if (model.phase !== "open") return describeEnd(model);
  const attempt = model.attempt;
  switch (attempt.kind) {
    case "none":
      return describeStart(model);
    case "waiting":
      return {
        state: "waiting",
        tone: "busy",
        title: "Waiting for Webex",
        text: "Sign in at Webex as an administrator and accept. This page updates by itself. If Webex shows “Access denied”, or nothing comes back, see below how to allow the integration.",
        webexMessage: null,
      };
    case "finishing":
      return {
        state: "waiting",
        tone: "busy",
        title: "Finishing with Webex",
        text: "Webex has accepted. The worker is fetching the authorization and storing it.",
        webexMessage: null,
      };
    case "authorized":
      return describeAuthorized(
        attempt.authorization,
        findErrors(model, attempt.authorization.orgId),
      );
    case "denied":
      return {
        state: "denied",
        tone: "caution",
        title: "Declined at Webex",
        text: "The request was declined, so nothing has changed. Press AUTHORIZE to try again, with the account of an administrator of the organization.",
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

/** What the host hears of the flow; `kept`: the organizations authorized in it. */
export function flowOutcome(
  model: PageModel,
  isRetrying: readonly string[],
): { state: FlowState; message: string | null } {
  if (model.phase === "completed")
    return {
      state: "authorized",
      message: isRetrying.length > 0 ? `${isRetrying.join(", ")}: authorized.` : null,
    };
  if (model.phase === "expired") return { state: "expired", message: "Nobody authorized in time." };
  if (model.phase === "cancelled")
    return { state: "cancelled", message: model.endReason ?? "The authorization was called off." };
  if (model.attempt.kind !== "denied" && model.attempt.kind !== "failed")
    return { state: "waiting", message: null };
  const { title, text } = describeStatus(model);
  return { state: model.attempt.kind, message: `${title}. ${text}` };
}

/** A refusal that came back from Webex in the redirect (RFC 6749, 4.1.2.1). */
export function attemptFromError(error: string, webexMessage: string | null): Attempt {
  switch (error) {
    case "access_denied":
      return { kind: "denied", webexMessage };
    case "invalid_scope":
      return {
        kind: "failed",
        title: "The integration lacks a scope",
        hint: `Webex refused the scopes asked for. Add ${REQUIRED_SCOPES.join(" and ")} to the integration at developer.webex.com, then press AUTHORIZE again.`,
        webexMessage,
      };
    case "server_error":
    case "temporarily_unavailable":
      return {
        kind: "failed",
        title: "Webex had a problem of its own",
        hint: "Nothing is wrong here, as far as the worker can tell. Wait a minute, then press AUTHORIZE again.",
        webexMessage,
      };
    default:
      return {
        kind: "failed",
        title: "Webex refused the request",
        hint: "Check that the integration’s client id and redirect URI at developer.webex.com are the ones in use here, then press AUTHORIZE again.",
        webexMessage,
      };
  }
}

/** A failure on this side, between Webex’s consent and the keychain. `kept`: it passes by itself, and the grant waits in memory. */
export function attemptFromFault(fault: Fault, isRetrying: boolean): Attempt {
  if (fault.code === "defect") {
    return {
      kind: "failed",
      title: "Something went wrong inside the worker",
      hint: "Its log says what. Press AUTHORIZE to try again.",
      webexMessage: null,
    };
  }
  const hint = isRetrying
    ? sentences(
        fault.message,
        fault.code === "webexUnreachable" ? undefined : fault.hint,
        "The worker tries again by itself, and this page says when it has worked.",
      )
    : sentences(fault.message, fault.hint, "Then press AUTHORIZE again.");
  return { kind: "failed", title: faultTitle(fault), hint, webexMessage: null };
}

function faultTitle(fault: Fault): string {
  switch (fault.code) {
    case "keychainLocked":
      return "The keychain is locked";
    case "keychainUnavailable":
      return "The keychain cannot be used";
    case "webexUnreachable":
      return "Webex cannot be reached";
    case "rateLimited":
      return "Webex asks to wait";
    case "webexError":
      return "Webex had a problem of its own";
    case "clientNotConfigured":
      return "The integration is not configured";
    case "forbidden":
    case "refused":
      return "This account may not authorize";
    default:
      return "Webex refused the authorization";
  }
}

function describeStart(model: PageModel): StatusMessage {
  const orgNames = model.organizations
    .filter((organization) => organization.state === "required")
    .map((organization) => organization.orgName);
  if (orgNames.length === 0 && canComplete(model)) {
    return {
      state: "authorized",
      tone: "good",
      title: "An authorization is there",
      text: "Authorize another organization, or press COMPLETE REQUEST to finish.",
      webexMessage: null,
    };
  }
  return {
    state: "required",
    tone: "neutral",
    title:
      orgNames.length > 0
        ? `${orgNames.join(", ")}: authorization is needed again`
        : "Authorization is needed",
    text:
      orgNames.length > 0
        ? "Its earlier authorization cannot be used any more, so presence from it has stopped. Press AUTHORIZE and sign in at Webex as an administrator of that organization."
        : "Presence from Webex starts once an administrator of your Webex organization has authorized this worker. Press AUTHORIZE and sign in at Webex.",
    webexMessage: null,
  };
}

function describeAuthorized(
  authorization: Authorization,
  errors: readonly PageNotice[],
): StatusMessage {
  const missing = missingScopes(authorization);
  if (missing.length > 0) {
    return {
      state: "authorized",
      tone: "caution",
      title: `${authorization.orgName} is authorized, but a scope is missing`,
      text: `Presence cannot be read without ${missing.join(" and ")}. Add it to the integration at developer.webex.com, then press AUTHORIZE again.`,
      webexMessage: null,
    };
  }
  if (errors.length > 0) {
    return {
      state: "authorized",
      tone: "caution",
      title: `${authorization.orgName} is authorized, but its presence does not come`,
      text: "The problem below says why, and what to do. After that, press AUTHORIZE again if another account is needed, else COMPLETE REQUEST.",
      webexMessage: null,
    };
  }
  return {
    state: "authorized",
    tone: "good",
    title: `${authorization.orgName} is authorized`,
    text: "Press COMPLETE REQUEST to finish, or authorize another organization first.",
    webexMessage: null,
  };
}

function describeEnd(model: PageModel): StatusMessage {
  if (model.phase === "completed") {
    return {
      state: "authorized",
      tone: "good",
      title: "Presence starts now",
      text: "The request is complete, and this page can be closed. If WebexPresence.Enable is 0 in Presence.ini, presence starts when it is set to 1.",
      webexMessage: null,
    };
  }
  if (model.phase === "cancelled") {
    return {
      state: "expired",
      tone: "caution",
      title: "This page is closed",
      text: `${model.endReason ?? "The authorization was called off from the UCX side."} To authorize later, open the address the worker gives then.`,
      webexMessage: null,
    };
  }
  return {
    state: "expired",
    tone: "caution",
    title: "This page has expired",
    text: "Nobody authorized in time. While a grant is missing, the worker opens a new page by itself: its address is in worker.log. Or run ucx-webex-presence authorize in the worker’s account.",
    webexMessage: null,
  };
}

function sentences(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(" ");
}

import type { Role } from "./token-store.js";

export interface ConsentChoice {
  /** The organization of the login. Default: the first. */
  readonly orgIndex?: number;
  readonly role?: Role;
  /** Default: `accept`. */
  readonly decision?: "accept" | "decline" | "wrongScope" | "serverError" | "blocked";
}

/** The page on which the administrator's browser ends up. */
export interface ConsentOutcome {
  readonly status: number;
  readonly url: string;
  readonly text: string;
  /** The redirect to the integration with code and state; null if the flow ended at Webex. */
  readonly redirectedTo: string | null;
}

/**
 * Simulates an administrator's browser: opens an authorization URL, submits a decision on the
 * consent page, and, unless `follow` is false, follows the redirect to the integration.
 */
export async function consent(
  authorizeUrl: string,
  choice: ConsentChoice = {},
  options: { follow?: boolean } = {},
): Promise<ConsentOutcome> {
  const page = await fetch(authorizeUrl, { redirect: "manual" });
  const endpoint = new URL("/v1/authorize", authorizeUrl);
  const { searchParams } = new URL(authorizeUrl);
  const response = page.status === 200 ? await submit(endpoint, searchParams, choice) : page;
  const redirectedTo = response.headers.get("location");
  const follows = redirectedTo !== null && options.follow !== false;
  return outcome(follows ? await fetch(redirectedTo) : response, redirectedTo);
}

/** Enters a device flow's user code on Webex's page and submits a decision. */
export async function approveDevice(
  verificationUri: string,
  userCode: string,
  choice: ConsentChoice = {},
): Promise<ConsentOutcome> {
  const hiddenFields = new URLSearchParams({ user_code: userCode });
  return outcome(await submit(new URL("/device", verificationUri), hiddenFields, choice), null);
}

async function outcome(response: Response, redirectedTo: string | null): Promise<ConsentOutcome> {
  return { status: response.status, url: response.url, text: await response.text(), redirectedTo };
}

function submit(url: URL, hiddenFields: URLSearchParams, choice: ConsentChoice): Promise<Response> {
  const form = new URLSearchParams(hiddenFields);
  form.set("login", `${choice.orgIndex ?? 0}:${choice.role ?? "fullAdmin"}`);
  form.set("decision", choice.decision ?? "accept");
  return fetch(url, { method: "POST", body: form, redirect: "manual" });
}

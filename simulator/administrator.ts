import type { Role } from "./token-store.js";

export interface Decision {
  /** Which organization's login; the first unless said. */
  readonly orgIndex?: number;
  readonly role?: Role;
  /** `accept` unless said. */
  readonly decision?: "accept" | "decline" | "wrongScope" | "blocked";
}

/** Where the administrator's browser ended up. */
export interface ConsentOutcome {
  /** The page that the integration's redirect URI answered, or Webex's own where nothing went back. */
  readonly status: number;
  readonly url: string;
  readonly text: string;
  /** The redirect back to the integration, code and state included; null where Webex kept the administrator. */
  readonly redirectedTo: string | null;
}

/**
 * Does what an administrator does in a browser: opens the address of an authorization, decides on Webex's page, and follows the
 * way back to the integration.
 */
export async function consent(
  authorizeUrl: string,
  choice: Decision = {},
  options: { follow?: boolean } = {},
): Promise<ConsentOutcome> {
  const page = await fetch(authorizeUrl, { redirect: "manual" });
  const answer =
    page.status === 200 ? await submit(new URL("/v1/authorize", authorizeUrl), new URL(authorizeUrl).searchParams, choice) : page;
  const redirectedTo = answer.headers.get("location");
  if (redirectedTo === null || options.follow === false) {
    return { status: answer.status, url: answer.url, text: await answer.text(), redirectedTo };
  }
  const back = await fetch(redirectedTo);
  return { status: back.status, url: back.url, text: await back.text(), redirectedTo };
}

/** Enters a device flow's code on the page where Webex asks for it. */
export async function approveDevice(verificationUri: string, userCode: string, choice: Decision = {}): Promise<ConsentOutcome> {
  const answer = await submit(new URL("/device", verificationUri), new URLSearchParams({ user_code: userCode }), choice);
  return { status: answer.status, url: answer.url, text: await answer.text(), redirectedTo: null };
}

function submit(url: URL, hidden: URLSearchParams, choice: Decision): Promise<Response> {
  const form = new URLSearchParams(hidden);
  form.set("login", `${choice.orgIndex ?? 0}:${choice.role ?? "fullAdmin"}`);
  form.set("decision", choice.decision ?? "accept");
  return fetch(url, { method: "POST", body: form, redirect: "manual" });
}

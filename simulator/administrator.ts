import type { Role } from "./token-store.js";

export interface ConsentChoice {
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
  choice: ConsentChoice = {},
  options: { follow?: boolean } = {},
): Promise<ConsentOutcome> {
  const page = await fetch(authorizeUrl, { redirect: "manual" });
  const response =
    page.status === 200
      ? await submit(
          new URL("/v1/authorize", authorizeUrl),
          new URL(authorizeUrl).searchParams,
          choice,
        )
      : page;
  const redirectedTo = response.headers.get("location");
  if (redirectedTo === null || options.follow === false) {
    return {
      status: response.status,
      url: response.url,
      text: await response.text(),
      redirectedTo,
    };
  }
  const callbackResponse = await fetch(redirectedTo);
  return {
    status: callbackResponse.status,
    url: callbackResponse.url,
    text: await callbackResponse.text(),
    redirectedTo,
  };
}

/** Enters a device flow's code on the page where Webex asks for it. */
export async function approveDevice(
  verificationUri: string,
  userCode: string,
  choice: ConsentChoice = {},
): Promise<ConsentOutcome> {
  const response = await submit(
    new URL("/device", verificationUri),
    new URLSearchParams({ user_code: userCode }),
    choice,
  );
  return {
    status: response.status,
    url: response.url,
    text: await response.text(),
    redirectedTo: null,
  };
}

function submit(url: URL, hiddenFields: URLSearchParams, choice: ConsentChoice): Promise<Response> {
  const form = new URLSearchParams(hiddenFields);
  form.set("login", `${choice.orgIndex ?? 0}:${choice.role ?? "fullAdmin"}`);
  form.set("decision", choice.decision ?? "accept");
  return fetch(url, { method: "POST", body: form, redirect: "manual" });
}

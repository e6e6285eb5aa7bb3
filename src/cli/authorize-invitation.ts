import type { FlowView } from "../authorization/flow.js";
import type { Paint } from "./terminal-style.js";
import { printable } from "./terminal-text.js";

export function begunText(account: string): string {
  return `Authorizing Webex presence for account ${account}: the worker has to run under the same account.`;
}

/** What to do at the page of this machine's own. */
export function pagePrompt({ url }: FlowView, paint: Paint): string[] {
  return [
    "Open this page in a browser on this machine:",
    "",
    `    ${paint(url ?? "", "cyan", "bold")}`,
    "",
    "There, press AUTHORIZE, sign in at Webex as a Full Admin of the organization,",
    "accept, and press COMPLETE REQUEST.",
  ];
}

/** What to do at Webex, on any device. */
export function devicePrompt({ verificationUri, verificationUriComplete, userCode }: FlowView, paint: Paint): string[] {
  const complete = printable(verificationUriComplete ?? "");
  return [
    "On any device, open this address and type the code:",
    "",
    `    Address  ${paint(printable(verificationUri ?? ""), "cyan", "bold")}`,
    `    Code     ${paint(printable(userCode ?? ""), "bold")}`,
    ...(complete === "" ? [] : ["", "Or open this one, which has the code in it:", "", `    ${paint(complete, "cyan")}`]),
    "",
    "Sign in at Webex as a Full Admin of the organization, and accept.",
  ];
}

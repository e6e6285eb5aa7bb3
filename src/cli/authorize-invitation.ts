import type { FlowView } from "../authorization/flow.js";
import type { Paint } from "./terminal-style.js";
import { sanitize } from "./terminal/text.js";

export function introText(account: string): string {
  return `Authorizing Webex presence for account ${account}: the worker has to run under the same account.`;
}

/** What to do at the page of this machine's own. */
export function browserInstructions({ url }: FlowView, paint: Paint): string[] {
  return [
    "Open this page in a browser on this machine:",
    "",
    `    ${paint(url ?? "", "cyan", "bold")}`,
    "",
    "There, press AUTHORIZE, sign in at Webex as a Full Admin of the organization,",
    "accept, and press COMPLETE REQUEST.",
  ];
}

/** The address as a QR code to point a telephone at, a line of blocks each two modules high. */
export async function renderQrCode(address: string): Promise<string[]> {
  const { renderUnicodeCompact } = await import("uqr");
  return renderUnicodeCompact(address, { border: 2 }).split("\n");
}

/** What to do at Webex, on any device; `qr` are the lines of a QR code, none where there is no room for one. */
export function deviceInstructions(
  view: FlowView,
  paint: Paint,
  qr: readonly string[] = [],
): string[] {
  const { verificationUri, verificationUriComplete, userCode } = view;
  const completeUri = sanitize(verificationUriComplete ?? "");
  return [
    "On any device, open this address and type the code:",
    "",
    `    Address  ${paint(sanitize(verificationUri ?? ""), "cyan", "bold")}`,
    `    Code     ${paint(sanitize(userCode ?? ""), "bold")}`,
    ...(completeUri === ""
      ? []
      : [
          "",
          "Or open this one, which has the code in it:",
          "",
          `    ${paint(completeUri, "cyan")}`,
        ]),
    ...(qr.length === 0 ? [] : ["", ...qr.map((line) => `    ${line}`)]),
    "",
    "Sign in at Webex as a Full Admin of the organization, and accept.",
  ];
}

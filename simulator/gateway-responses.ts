import { STATUS_CODES } from "node:http";

/** The response of something that stands before Webex and answers in its place. */
interface GatewayResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: (status: number) => string;
}

const HTML = { "content-type": "text/html" };
const VIA = "1.1 proxy.example (squid/5.7)";

/** Typical responses, in the forms that the products of each kind send them. */
export const GATEWAY_FORMS = {
  webServer: {
    status: 502,
    headers: { ...HTML, server: "nginx" },
    body: (status) => {
      const title = statusLine(status);
      return page(title, `<center><h1>${title}</h1></center><hr><center>nginx</center>`);
    },
  },
  proxy: {
    status: 503,
    headers: { ...HTML, server: "squid/5.7", via: VIA, "x-squid-error": "ERR_CONNECT_FAIL 110" },
    body: () =>
      page(
        "ERROR: The requested URL could not be retrieved",
        "<h1>ERROR</h1><p>The system returned: <i>(110) Connection timed out</i></p>",
      ),
  },
  proxyAuthentication: {
    status: 407,
    headers: {
      ...HTML,
      server: "squid/5.7",
      via: VIA,
      "proxy-authenticate": 'Basic realm="proxy.example"',
    },
    body: () =>
      page("ERROR: Cache Access Denied", "<h1>ERROR</h1><p>Authenticate yourself first.</p>"),
  },
  firewall: {
    status: 403,
    headers: { ...HTML, connection: "close" },
    body: () =>
      page(
        "Web Page Blocked",
        "<h1>Web Page Blocked!</h1><p>Category: Collaboration. Contact your administrator.</p>",
      ),
  },
  captivePortal: {
    status: 200,
    headers: { ...HTML, server: "portal" },
    body: () =>
      page(
        "Guest network: sign in",
        '<form method="post" action="/login"><input name="room"><button>Connect</button></form>',
      ),
  },
  loadBalancer: {
    status: 400,
    headers: { ...HTML, server: "awselb/2.0" },
    body: (status) => page(statusLine(status), `<center><h1>${statusLine(status)}</h1></center>`),
  },
  envoy: {
    status: 503,
    headers: { "content-type": "text/plain", server: "istio-envoy" },
    body: () =>
      "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
  },
} as const satisfies Record<string, GatewayResponse>;

export type GatewayForm = keyof typeof GATEWAY_FORMS;

/** `status` replaces the status that is usual for the form. */
export function gatewayResponse(
  form: GatewayForm,
  status: number | undefined,
): { status: number; headers: Readonly<Record<string, string>>; body: string } {
  const response: GatewayResponse = GATEWAY_FORMS[form];
  const actualStatus = status ?? response.status;
  const { headers } = response;
  return { status: actualStatus, headers, body: response.body(actualStatus) };
}

function statusLine(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ""}`.trimEnd();
}

function page(title: string, content: string): string {
  return `<html><head><title>${title}</title></head><body>${content}</body></html>\r\n`;
}

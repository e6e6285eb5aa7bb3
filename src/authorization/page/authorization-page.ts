import type { LoopbackPage } from "../../ports/loopback-server.js";
import { html, Markup } from "../authorization-page-markup.js";
import { pageParts } from "../authorization-page-parts.js";
import { PAGE_SCRIPT } from "../authorization-page-script.js";
import type { PageModel } from "./page-model.js";
import { PAGE_STYLE } from "../authorization-page-style.js";
import type { Rejection } from "./page-request.js";

const TITLE = "Webex integration authorization";

/** Sent with everything: nothing here is for a cache, another site or a frame. */
export const GUARDED_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-resource-policy": "same-origin",
};

/** The page of a flow. `nonce`: fresh for each answer. An ended flow's page asks for nothing any more: its server is closing. */
export function authorizationPage(model: PageModel, status: number, nonce: string): LoopbackPage {
  const key = encodeURIComponent(model.key);
  const isLive = model.phase === "open";
  return document(status, nonce, {
    script: isLive ? html`<script src="/page.js?key=${key}" defer></script>` : null,
    events: isLive ? `/events?key=${key}` : "",
    content: pageParts(model),
  });
}

/** A refusal: one sentence, and nothing of the flow. */
export function rejectionPage(rejection: Rejection, nonce: string): LoopbackPage {
  const page = document(rejection.status, nonce, {
    script: null,
    events: "",
    content: html`<main id="content">
      <section class="state caution">
        <span class="mark" aria-hidden="true"></span>
        <div>
          <h2>${rejection.title}</h2>
          <p>${rejection.hint}</p>
        </div>
      </section>
    </main>`,
  });
  return rejection.allow === undefined
    ? page
    : { ...page, headers: { ...page.headers, allow: rejection.allow } };
}

export function scriptResponse(): LoopbackPage {
  return {
    kind: "page",
    status: 200,
    headers: { ...GUARDED_HEADERS, "content-type": "text/javascript; charset=utf-8" },
    body: PAGE_SCRIPT,
  };
}

export function redirect(status: 302 | 303, location: string): LoopbackPage {
  return { kind: "page", status, headers: { ...GUARDED_HEADERS, location }, body: "" };
}

function document(
  status: number,
  nonce: string,
  page: { script: Markup | null; events: string; content: Markup },
): LoopbackPage {
  const body = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${TITLE}</title>
        <link
          rel="icon"
          href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20'%3E%3Ccircle cx='10' cy='10' r='8' fill='none' stroke='%230a5ad0' stroke-width='2.5'/%3E%3Ccircle cx='10' cy='10' r='3.5' fill='%230a5ad0'/%3E%3C/svg%3E"
        />
        <style nonce="${nonce}">
          ${new Markup(PAGE_STYLE)}
        </style>
        ${page.script}
      </head>
      <body data-events="${page.events}">
        <a class="skip" href="#content">Skip to the content</a>
        <header>
          <p class="product">
            <svg viewBox="0 0 20 20" aria-hidden="true">
              <circle cx="10" cy="10" r="8" fill="none" stroke="currentColor" stroke-width="2.5" />
              <circle cx="10" cy="10" r="3.5" fill="currentColor" />
            </svg>
            UCX Presence for Cisco Webex
          </p>
          <h1>${TITLE}</h1>
        </header>
        <div id="lost" class="lost" role="alert" hidden>
          <p>
            This page has lost touch with the worker, and tries to find it again. What it shows may
            be old.
          </p>
        </div>
        ${page.content}
        <footer>
          <p>
            Served by the presence worker, to this machine only. The authorization stays on this
            machine.
          </p>
        </footer>
      </body>
    </html>`;
  return {
    kind: "page",
    status,
    headers: { ...GUARDED_HEADERS, ...contentHeaders(nonce) },
    body: body.text,
  };
}

function contentHeaders(nonce: string): Record<string, string> {
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": [
      "default-src 'none'",
      "script-src 'self'",
      `style-src 'nonce-${nonce}'`,
      "connect-src 'self'",
      "img-src data:",
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
  };
}

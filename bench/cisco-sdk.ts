import { createRequire } from "node:module";
import { resolve } from "node:path";

import { CISCO_SDK_FOLDER } from "./cisco-sdk-install.js";

interface WebexPage {
  readonly length: number;
  hasNext(): boolean;
  next(): Promise<WebexPage>;
}

interface Webex {
  readonly people: { list(query: { max: number }): Promise<WebexPage> };
  once(event: "ready", listener: () => void): void;
}

interface WebexCoreModule {
  readonly default: new (attributes: object) => Webex;
}

/** Cisco's SDK as its documents have it: list the people, then page after page. `installCiscoSdk` goes first. */
export async function ciscoSdkSweeper(
  apiUrl: string,
  token: string,
  pageSize: number,
): Promise<() => Promise<number>> {
  const load = createRequire(resolve(CISCO_SDK_FOLDER, "package.json"));
  const core = load("@webex/webex-core") as WebexCoreModule;
  // Plugins join the core when they are loaded, and count for what is made of it afterwards.
  for (const plugin of ["@webex/plugin-logger", "@webex/plugin-people"]) load(plugin);
  const webex = new core.default({
    credentials: { access_token: token },
    config: configuration(apiUrl),
  });
  await new Promise<void>((ready) => webex.once("ready", ready));
  return async () => {
    let items = 0;
    let page: WebexPage | null = await webex.people.list({ max: pageSize });
    while (page !== null) {
      items += page.length;
      page = page.hasNext() ? await page.next() : null;
    }
    return items;
  };
}

function configuration(apiUrl: string): object {
  // Cisco's hosts stay out of it, whatever of its catalog of services the SDK wants to look up at its start.
  const noCatalog = new URL("/catalog", apiUrl).href;
  return {
    services: { discovery: { hydra: apiUrl, u2c: noCatalog, sqdiscovery: noCatalog } },
    // The core by itself prints some lines for every request, which would be held against it.
    logger: { level: "silent" },
  };
}

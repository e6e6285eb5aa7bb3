import { networkInterfaces } from "node:os";

import type { ReadAddresses } from "../ports/http.js";

const LINK_LOCAL = /^(169\.254\.|fe[89ab])/i;

/** Without link-local addresses: every container adds and removes some, and none is routed. */
export const readAddresses: ReadAddresses = () =>
  Object.entries(networkInterfaces())
    .flatMap(([name, addresses = []]) =>
      addresses
        .filter(({ internal, address }) => !internal && !LINK_LOCAL.test(address))
        .map(({ address }) => `${name} ${address}`),
    )
    .toSorted();

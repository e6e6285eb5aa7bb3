import type { Logger } from "../ports/logger.js";

const MAX_LOGGED_ADDRESSES = 10_000;

/** Says which organization wins an address that two of them have: once for each pair, and once for each address at `debug`. */
export class DuplicateAddressLog {
  readonly #logger: Logger;
  readonly #addresses = new Set<string>();
  readonly #pairs = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  report(address: string, winner: string, loser: string): void {
    const pair = `${winner} ${loser}`;
    if (!this.#pairs.has(pair)) {
      this.#pairs.add(pair);
      this.#logger.warn(
        "Two Webex organizations have persons with the same address: for such addresses the one authorized first is answered for. Remove the address in one of them if that is not wanted; the debug log names the addresses.",
        { orgId: winner, otherOrgId: loser },
      );
    }
    if (this.#addresses.has(address) || this.#addresses.size >= MAX_LOGGED_ADDRESSES) return;
    this.#addresses.add(address);
    this.#logger.debug(
      "This address is found in two Webex organizations; the one authorized first is answered for.",
      {
        address,
        orgId: winner,
        otherOrgId: loser,
      },
    );
  }
}

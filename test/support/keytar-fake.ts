import type { KeytarBinding } from "../../src/platform/keytar-binding.js";

/** Like keytar: a locked keyring reads as empty, a frozen one hangs, 2,560 bytes at most. */
export class FakeKeytar implements KeytarBinding {
  readonly values = new Map<string, string>();
  readonly calls: string[] = [];
  state: "open" | "locked" | "frozen" | "gone" = "open";
  /** Fails every call after that many more writes, like a crash. */
  crashAfterWrites = Infinity;
  inFlight = 0;
  maxInFlight = 0;
  discards = 0;
  #frozenCalls: (() => void)[] = [];

  getPassword(_service: string, account: string): Promise<string | null> {
    return this.#call(`get ${account}`, () =>
      this.state === "locked" ? null : (this.values.get(account) ?? null),
    );
  }

  setPassword(_service: string, account: string, password: string): Promise<void> {
    return this.#call(`set ${account}`, () => {
      if (this.state === "locked") throw new Error("Cannot create an item in a locked collection");
      if (Buffer.byteLength(password) > 2560) throw new Error("The stub received bad data.");
      if (this.crashAfterWrites-- <= 0) throw new Error("crash");
      this.values.set(account, password);
    });
  }

  deletePassword(_service: string, account: string): Promise<boolean> {
    return this.#call(`delete ${account}`, () => {
      if (this.crashAfterWrites <= 0) throw new Error("crash");
      return this.state === "locked" ? false : this.values.delete(account);
    });
  }

  discard(): void {
    this.discards += 1;
  }

  /** Lets the hanging calls return. */
  unfreeze(): void {
    this.state = "open";
    for (const release of this.#frozenCalls.splice(0)) release();
  }

  async #call<T>(call: string, act: () => T): Promise<T> {
    this.calls.push(call);
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    if (this.state === "frozen")
      await new Promise<void>((resolve) => this.#frozenCalls.push(resolve));
    await Promise.resolve();
    this.inFlight -= 1;
    if (this.state === "gone") throw new Error("The connection is closed");
    return act();
  }
}

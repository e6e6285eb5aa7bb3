import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface SimulatedServiceInfo {
  readonly apiUrl: string;
  readonly client: { readonly clientId: string; readonly clientSecret: string };
  readonly grant: {
    readonly refreshToken: string;
    readonly accessToken: string;
    readonly expiresIn: number;
    readonly scope: string;
  };
  /** An e-mail address of each of the first persons. */
  readonly addresses: readonly string[];
}

/** The simulated Webex in a process of its own: its work is not measured with the worker's. */
export class SimulatedService {
  readonly apiUrl: string;
  readonly client: SimulatedServiceInfo["client"];
  readonly grant: SimulatedServiceInfo["grant"];
  readonly addresses: readonly string[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, info: SimulatedServiceInfo) {
    this.#child = child;
    this.apiUrl = info.apiUrl;
    this.client = info.client;
    this.grant = info.grant;
    this.addresses = info.addresses;
  }

  /** One organization; with a `speed` of 0 nobody's presence changes. */
  static async start(persons: number, speed: number): Promise<SimulatedService> {
    const child = fork(fileURLToPath(new URL("children/simulator.js", import.meta.url)), [
      String(persons),
      String(speed),
    ]);
    const info = await Promise.race([
      once(child, "message").then(([message]) => message as SimulatedServiceInfo),
      once(child, "exit").then(() => Promise.reject(new Error("The simulator has ended."))),
    ]);
    return new SimulatedService(child, info);
  }

  /** What a Presence.ini for it says. */
  settings(...more: readonly string[]): string[] {
    return [`WebexPresence.ApiUrl=${this.apiUrl}`, "WebexPresence.Authorize=off", ...more];
  }

  /** The offices' time is later by so much, and presence as it is then. Resolves with how many persons have another status. */
  async advanceTime(ms: number): Promise<number> {
    const reply = once(this.#child, "message").then(([changed]) => Number(changed));
    this.#child.send(ms);
    return reply;
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, "exit");
    this.#child.disconnect();
    await exit;
  }
}

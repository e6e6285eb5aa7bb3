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
  /** The e-mail addresses of the first persons, one each. */
  readonly addresses: readonly string[];
}

/** The simulated Webex in a process of its own, so that its work is not measured. */
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

  /** Starts with one organization. With a `speed` of 0, presence does not change by itself. */
  static async start(persons: number, speed: number): Promise<SimulatedService> {
    const child = fork(fileURLToPath(new URL("children/simulator.js", import.meta.url)), [
      String(persons),
      String(speed),
    ]);
    const info = await Promise.race([
      once(child, "message").then(([message]) => message as SimulatedServiceInfo),
      once(child, "exit").then(() => Promise.reject(new Error("The simulator has exited."))),
    ]);
    return new SimulatedService(child, info);
  }

  /** The lines of a Presence.ini for this service. */
  settings(...more: readonly string[]): string[] {
    return [`WebexPresence.ApiUrl=${this.apiUrl}`, "WebexPresence.Authorize=off", ...more];
  }

  /** Advances time and presence. Resolves with the number of persons whose status changed. */
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

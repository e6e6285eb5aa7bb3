import { Emitter } from "../../../faults/emitter.js";
import type { DashboardEvent, DashboardHistory } from "../../dashboard-model.js";

/** `keyRejected`: the worker does not know the page's key, because it has been restarted. */
export type ConnectionState = "connecting" | "open" | "lost" | "keyRejected";

export interface ConnectionEvents {
  readonly received: DashboardEvent;
  readonly historyReceived: DashboardHistory;
  readonly stateChanged: ConnectionState;
}

const RETRY_MS = 1_000;
const MAX_RETRY_MS = 5_000;
/** The worker sends a sample every 10 s, so a silent connection is a lost one. */
const SILENCE_MS = 30_000;

/**
 * The page's event stream. When it ends, the page asks for the history until the worker answers,
 * because a browser's `EventSource` does not say whether the key or the worker is the reason.
 *
 * A hidden page has none: a browser has six connections to a host for all its windows, and six
 * streams would leave none for anything else.
 */
export class Connection {
  readonly events = new Emitter<ConnectionEvents>();
  #state: ConnectionState = "connecting";
  #source: EventSource | null = null;
  #isConnecting = false;
  #silence: number | undefined;
  #retry: number | undefined;
  #retryMs = RETRY_MS;

  start(): void {
    void this.#connect();
    // Sooner than the next retry.
    addEventListener("online", () => void this.#connect());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#disconnect();
      else void this.#connect();
    });
  }

  async #connect(): Promise<void> {
    if (this.#isConnecting || this.#source !== null || document.hidden) return;
    clearTimeout(this.#retry);
    this.#isConnecting = true;
    try {
      const response = await fetch("/history", { headers: { accept: "application/json" } });
      if (response.ok) {
        this.events.emit("historyReceived", (await response.json()) as DashboardHistory);
        this.#open();
      } else this.#lose(response.status === 403 ? "keyRejected" : "lost");
    } catch {
      this.#lose("lost");
    } finally {
      this.#isConnecting = false;
    }
  }

  #open(): void {
    // Hidden meanwhile.
    if (document.hidden) return;
    const source = new EventSource("/events");
    this.#source = source;
    this.#expectMessage();
    source.onmessage = ({ data }: MessageEvent<string>) => {
      this.#expectMessage();
      this.#retryMs = RETRY_MS;
      this.#setState("open");
      this.events.emit("received", JSON.parse(data) as DashboardEvent);
    };
    source.onerror = () => this.#lose("lost");
  }

  #expectMessage(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lose("lost"), SILENCE_MS);
  }

  #disconnect(): void {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#silence);
    clearTimeout(this.#retry);
    this.#retryMs = RETRY_MS;
  }

  #lose(state: "lost" | "keyRejected"): void {
    const retryMs = this.#retryMs;
    this.#disconnect();
    this.#retry = setTimeout(() => void this.#connect(), retryMs);
    this.#retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
    this.#setState(state);
  }

  #setState(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.events.emit("stateChanged", state);
  }
}

/** What `ucx-webex-presence/client` exports. */
export { ClientError, RpcError, type ClientErrorCode } from "./errors.js";
export type { WorkerManifest } from "./manifest.js";
export {
  PresenceClient,
  type ClientEvents,
  type HostIntroduction,
  type PresenceClientOptions,
  type RequestArguments,
  type RequestOptions,
  type StopOptions,
  type WorkerExit,
} from "./presence-client.js";
export type * from "./protocol.js";
export type { RefreshedPresence, RefreshOptions } from "./refresh.js";
export type { Restart } from "./restart-policy.js";
export type { Subscription, SubscriptionEvents, SubscriptionTarget } from "./subscription.js";

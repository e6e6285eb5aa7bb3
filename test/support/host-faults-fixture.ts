/**
 * The faults of `faulty-host-program.ts`, each with the requirements that a host with it does not
 * fulfil.
 */
export const HOST_FAULTS = {
  passesOwnArgumentsFirst: ["arguments"],
  passesRelativeSettings: ["settings-path"],
  passesNoPid: ["host-pid"],
  launchesByShell: ["direct-launch", "silent-worker", "lingering-worker"],
  keepsItsFolder: ["current-folder"],
  takesCommandsFromItsFolder: ["relative-command"],
  countsCharacters: ["byte-length"],
  sendsArrays: ["requests"],
  repeatsIds: ["unique-ids"],
  respondsToNotifications: ["no-responses"],
  showsUnknownAsOffline: ["unknown", "unknown-meanwhile"],
  showsForeignChanges: ["foreign-subscription"],
  endsOnUnknownMessages: ["unexpected-messages"],
  endsOnErrors: ["error-responses"],
  decidesByCache: ["decision"],
  callsAllFresh: ["freshness"],
  refreshesOnTimer: ["no-timer", "no-repetition"],
  endsSlowWorkers: ["slow-worker"],
  repeatsDecisions: ["no-repetition"],
  readsNoErrorOutput: ["stderr"],
  restartsAtOnce: ["restart-delays"],
  restartsNever: ["restart"],
  subscribesOnce: ["resubscription"],
  keepsStateWithoutWorker: ["unknown-meanwhile"],
  restartsAlways: ["clean-exit"],
  closesInput: ["shutdown"],
  sendsExitAtOnce: ["shutdown"],
  waitsForNothing: ["last-wait"],
  leavesWorker: ["shutdown", "silent-worker", "lingering-worker"],
  neverKills: ["silent-worker", "lingering-worker"],
  readsNoOutput: ["stdout"],
  lineFeedsOnly: ["framing", "subscription"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type HostFault = keyof typeof HOST_FAULTS | "printsNothing" | "none";

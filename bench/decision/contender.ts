/** What a contender says of a person. `observedAt`: milliseconds since the epoch. */
export interface Light {
  /** Webex's status as shown; undefined if the light does not claim to know it. */
  readonly status: string | null | undefined;
  /** null if Webex has never reported the person. */
  readonly observedAt: number | null;
}

export interface Answer {
  /** What the operator saw before. */
  readonly before: Light;
  readonly after: Light;
  /** Milliseconds from the question to the answer. */
  readonly answerMs: number;
  /** Milliseconds since the epoch. */
  readonly arrivedAt: number;
}

/** A client of Webex that keeps presence for operators. */
export interface Contender {
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** An operator is about to transfer a call to a person. */
  decide(address: string): Promise<Answer>;
  /** What the operators see of the watched persons. */
  watchedLights(): Promise<readonly Light[]>;
  stop(): Promise<void>;
}

import type * as z from "zod/mini";

import type * as protocol from "../../../src/client/protocol.js";
import type { PresenceRecord } from "../../../src/presence/record.js";
import type { MethodName, PARAMS } from "../../../src/rpc/params.js";
import type { NOTIFICATIONS, RESULTS } from "../../../src/rpc/results.js";
import type { WorkerStatus } from "../../../src/supervisor/status.js";

/** Without `undefined`, which JSON does not have. */
type DeepReadonly<T> = T extends object
  ? { readonly [K in keyof T]: DeepReadonly<Exclude<T[K], undefined>> }
  : T;
/** True if each type may stand for the other. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type Mismatch<A, B> = {
  [K in keyof A & keyof B]: Same<A[K], B[K]> extends true ? never : K;
}[keyof A & keyof B];

type Params = { [M in MethodName]: DeepReadonly<z.input<ReturnType<(typeof PARAMS)[M]>>> };
type Results = { [M in MethodName]: DeepReadonly<z.output<(typeof RESULTS)[M]>> };
type Notifications = {
  [N in keyof typeof NOTIFICATIONS]: DeepReadonly<z.output<(typeof NOTIFICATIONS)[N]>>;
};

/** Compiles if `Names` is never; otherwise the error names the members that differ. */
function expectNone<Names extends never>(): Names[] {
  return [];
}
function expectTrue<Condition extends true>(): Condition[] {
  return [];
}

describe("client/protocol", () => {
  it("has the types that the worker checks and documents, which the compiler compares", () => {
    expectTrue<Same<protocol.MethodName, MethodName>>();
    expectNone<Mismatch<protocol.RequestParams, Params>>();
    expectNone<Mismatch<protocol.RequestResults, Results>>();
    expectTrue<Same<keyof protocol.NotificationParams, keyof Notifications>>();
    expectNone<Mismatch<protocol.NotificationParams, Notifications>>();
    expectTrue<Same<protocol.PresenceRecord, PresenceRecord>>();
    expectTrue<Same<protocol.WorkerStatus, WorkerStatus>>();
  });
});

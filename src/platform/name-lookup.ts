import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";

import { ChildProcessCalls } from "./child-process-calls.js";
import { lazyDns } from "./lazy-modules.js";

type Answer = readonly [address: string | LookupAddress[], family?: number];

const SCRIPT = `
const { lookup } = require("node:dns");
const call = (hostname, options) => new Promise((resolve, reject) => {
  lookup(hostname, options, (error, ...answer) => {
    if (error) reject(error);
    else resolve(answer);
  });
});
`;

/**
 * libuv resolves at most half as many names at a time. A request that nobody waits for any more
 * leaves a lookup behind, which lasts until the system's resolver gives up.
 */
const THREADS = 16;

/** What the C library needs to resolve names as it does in this process, and Windows to start. */
const RESOLVER_VARIABLES =
  /^(RES_OPTIONS|LOCALDOMAIN|HOSTALIASES|LD_LIBRARY_PATH|PATH|SystemRoot|windir|TEMP|TMP)$/i;

/**
 * `dns.lookup` in a child process. In the worker's own process, a lookup occupies one of libuv's
 * threads, and Node.js waits for it before it exits: with a resolver that does not respond, for ten
 * seconds and more. So it would if the child ended by a signal to the worker's process group,
 * because the worker would then resolve the pending names itself.
 */
export class NameLookup {
  readonly #calls: ChildProcessCalls;

  constructor(environment: NodeJS.ProcessEnv = process.env, idleTimeoutMs?: number) {
    this.#calls = new ChildProcessCalls({
      ...{ script: SCRIPT, environment, variables: RESOLVER_VARIABLES },
      addedVariables: { UV_THREADPOOL_SIZE: String(THREADS) },
      ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    });
  }

  /** For `net.connect`. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    // The child does not get --dns-result-order, which sets this process' default.
    const order = lazyDns().getDefaultResultOrder();
    this.#calls.call<Answer>([hostname, { order, ...options }]).then(
      (reply) => {
        if ("value" in reply) callback(null, ...reply.value);
        else callback(Object.assign(new Error(reply.error.message), reply.error), "");
      },
      // Where no child process can run, presence is worth more than a quick exit.
      () => lazyDns().lookup(hostname, options, callback),
    );
  };
}

/** The worker's connections share one child. */
export const nameLookup = new NameLookup();

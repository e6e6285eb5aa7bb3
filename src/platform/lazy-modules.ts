/**
 * Node's modules that cost a millisecond or a megabyte to load and are not needed for the first answer: loaded when first asked for.
 */
export const lazyCrypto = (): typeof import("node:crypto") =>
  process.getBuiltinModule("node:crypto");
export const lazyHttp = (): typeof import("node:http") => process.getBuiltinModule("node:http");

import fc from "fast-check";

/** In every parameter that is a secret: no error, no log record and no file may repeat it. */
export const SECRET = "fuzz-secret-0f5a9c3e7b1d";

/** What a host sends, and how. */
export interface Stream {
  readonly chunks: readonly Buffer[];
  /** Whether the host closes the stream where it could go on. */
  readonly isClosed: boolean;
  /** From 0 to 11: what has to end a worker is tried on a process of its own only at 0. */
  readonly dice: number;
}

const SESSION: readonly (readonly [method: string, params?: object])[] = [
  ["initialize", { protocolVersion: "1.0", host: { name: "UCX", version: "12.1.0" } }],
  ["rpc.discover"],
  ["presence/get", { uri: "sip:ada@northwind.example" }],
  ["presence/get", { uri: "ada@northwind.example", maxWaitMs: 5, maxAgeSeconds: 0 }],
  ["presence/getMany", { uris: ["ada@northwind.example", "tel:1", ""] }],
  ["presence/list", { limit: 10, states: ["available"], orgId: "o" }],
  ["presence/subscribe", { uris: ["ada@northwind.example"] }],
  ["presence/subscribe", { all: true }],
  ["presence/unsubscribe", { subscriptionId: "s" }],
  ["authorization/setClient", { clientId: "c", clientSecret: SECRET }],
  ["authorization/begin", { method: "device" }],
  ["authorization/cancel"],
  ["authorization/import", { refreshToken: SECRET, accessToken: SECRET, expiresIn: 3600 }],
  ["authorization/list"],
  ["authorization/revoke", { orgId: "o" }],
  ["authorization/setProxyPassword", { password: SECRET }],
  ["worker/status"],
  ["worker/poll", {}],
];
const NOTIFICATIONS = ["initialized", "$/cancelRequest", "$/setTrace", "note", "", "presence/get"];
const NAMES = ["__proto__", "constructor", "toString", "jsonrpc", "id", "method", "params", "uri"];

/** Weights: a stream is mostly valid, or it would end at its first byte. */
const RARE = { weight: 1 };
const SOME = { weight: 4 };
const MOST = { weight: 16 };

const id = fc.oneof(
  { ...MOST, arbitrary: fc.nat(1_000) },
  {
    ...SOME,
    arbitrary: fc.constantFrom<unknown[]>(
      ...["a", "", "é🙂", "\u0000", "x".repeat(5_000), -1, 1.5, 2 ** 53, 1e308, 0],
      ...[null, true, {}, [1], undefined],
    ),
  },
);
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown[]>(
    ...[
      null,
      true,
      0,
      -1,
      1e308,
      2 ** 53,
      "",
      "\u0000\u001b[2J\u202e",
      "\ud800",
      "x".repeat(20_000),
    ],
    ...[[], {}, [[]], [{}], { __proto__: null }, new Array(200).fill({ uri: "a@b" })],
  ),
);
const call = fc
  .tuple(id, fc.constantFrom(...SESSION))
  .map(([callId, [method, params]]) => ({ jsonrpc: "2.0", id: callId, method, params }));

/** Sets a member, also `__proto__`, which an object literal would treat differently. */
function withMember(object: object, name: string, member: unknown): object {
  return Object.fromEntries([...Object.entries(object), [name, member]]);
}

const changedCall = fc
  .tuple(call, fc.constantFrom(...NAMES), value)
  .map(([object, name, member]) => withMember(object, name, member));
const changedParams = fc
  .tuple(call, fc.nat(), fc.constantFrom(...NAMES), value)
  .map(([object, at, other, member]) => {
    const names = [...Object.keys(object.params ?? {}), other];
    const name = names[at % names.length] ?? other;
    return { ...object, params: withMember(object.params ?? {}, name, member) };
  });
const notification = fc
  .tuple(fc.constantFrom(...NOTIFICATIONS), value)
  .map(([method, params]) => ({ jsonrpc: "2.0", method, params }));
const nested = fc
  .tuple(fc.constantFrom(1, 63, 64, 65, 1_000, 40_000), fc.boolean())
  .map(([levels, isClosed]) => "[".repeat(levels) + (isClosed ? "]".repeat(levels) : ""));

const bodyText = fc.oneof(
  { weight: 24, arbitrary: call.map((object) => JSON.stringify(object)) },
  { ...SOME, arbitrary: changedCall.map((object) => JSON.stringify(object)) },
  { ...SOME, arbitrary: changedParams.map((object) => JSON.stringify(object)) },
  { ...SOME, arbitrary: notification.map((object) => JSON.stringify(object)) },
  { ...RARE, arbitrary: value.map((object) => JSON.stringify([object]).slice(1, -1)) },
  { ...RARE, arbitrary: fc.array(call, { maxLength: 4 }).map((all) => JSON.stringify(all)) },
  { ...RARE, arbitrary: nested },
  {
    ...RARE,
    arbitrary: nested.map(
      (text) => `{"jsonrpc":"2.0","id":1,"method":"worker/poll","params":${text}}`,
    ),
  },
  {
    ...RARE,
    arbitrary: fc
      .tuple(call, fc.nat(200))
      .map(([object, cut]) => JSON.stringify(object).slice(0, cut)),
  },
  {
    ...RARE,
    arbitrary: fc
      .tuple(call, call)
      .map(([a, b]) => `${JSON.stringify(a).slice(0, -1)},${JSON.stringify(b).slice(1)}`),
  },
  {
    ...RARE,
    arbitrary: fc.constantFrom(
      ...['{"jsonrpc":"2.0","id":1,"result":{}}', '{"jsonrpc":"2.0","method":"exit","id":"e"}'],
      ...['{"jsonrpc":"2.0","method":"exit"}', '{"jsonrpc":"2.0","id":2,"method":"shutdown"}'],
      ...['{"__proto__":{"method":"exit"}}', "", " ", "\ufeff{}", "nul", "1e999", '"\\ud800"'],
    ),
  },
);
const body = fc.oneof(
  { weight: 60, arbitrary: bodyText.map((text) => Buffer.from(text)) },
  { ...RARE, arbitrary: bodyText.map((text) => Buffer.from(`\ufeff${text}`)) },
  { ...RARE, arbitrary: bodyText.map((text) => Buffer.from(text, "utf16le")) },
  {
    ...RARE,
    arbitrary: fc
      .tuple(bodyText, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 }))
      .map(([text, at, bytes]) => {
        const whole = Buffer.from(text);
        const cut = at % (whole.length + 1);
        return Buffer.concat([whole.subarray(0, cut), bytes, whole.subarray(cut)]);
      }),
  },
);

const VALID_HEADERS: readonly ((length: number) => string)[] = [
  (length) => `content-length:${length}\r\n\r\n`,
  (length) => `CONTENT-LENGTH: \t${length} \t\r\n\r\n`,
  (length) => `Content-Length: 000${length}\r\n\r\n`,
  (length) => `\ufeffContent-Length: ${length}\r\n\r\n`,
  (length) =>
    `Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: ${length}\r\n\r\n`,
  (length) => `Content-Length: ${length}\r\nX: ${"y".repeat(8_000)}\r\n\r\n`,
  (length) => `${"X-Y:\r\n".repeat(500)}Content-Length: ${length}\r\n\r\n`,
];
const INVALID_HEADERS: readonly ((length: number) => string)[] = [
  (length) => `Content-Length: -${length}\r\n\r\n`,
  () => `Content-Length: 67108865\r\n\r\n`,
  () => `Content-Length: ${"9".repeat(400)}\r\n\r\n`,
  (length) => `Content-Length: 0x${length}\r\n\r\n`,
  (length) => `Content-Length: ${length}e0\r\n\r\n`,
  (length) => `Content-Length: +${length}\r\n\r\n`,
  (length) => `Content-Length: ${length}, ${length}\r\n\r\n`,
  () => `Content-Length:\r\n\r\n`,
  () => `\r\n`,
  () => `X: y\r\n\r\n`,
  (length) => `Content-Length: ${length}\r\nContent-Length: ${length}\r\n\r\n`,
  (length) => `Content-Length: ${length}\n\n`,
  (length) => `Content-Length: ${length}\r\r`,
  (length) => `Content-Length: ${length}\r\n \r\n\r\n`,
  (length) => `Content-Length: ${length}\r\nX: ${"y".repeat(9_000)}\r\n\r\n`,
  (length) => `Content-Type: x; charset=utf-16\r\nContent-Length: ${length}\r\n\r\n`,
  (length) => `\ufeff\ufeff\ufeffContent Length: ${length}\r\n\r\n`,
  (length) => `GET / HTTP/1.1\r\nContent-Length: ${length}\r\n\r\n`,
];
/** The rest of the stream is read as something else. */
const WRONG_HEADERS: readonly ((length: number) => string)[] = [
  (length) => `Content-Length: ${Math.max(0, length - 1)}\r\n\r\n`,
  (length) => `Content-Length: ${length + 1}\r\n\r\n`,
  (length) => `Content-Length: ${length + 100_000}\r\n\r\n`,
  () => `Content-Length: 67108864\r\n\r\n`,
  () => `Content-Length: 0\r\n\r\n`,
];
const header = fc.oneof(
  { weight: 60, arbitrary: fc.constant((length: number) => `Content-Length: ${length}\r\n\r\n`) },
  { weight: 12, arbitrary: fc.constantFrom(...VALID_HEADERS) },
  { weight: 2, arbitrary: fc.constantFrom(...INVALID_HEADERS) },
  { weight: 1, arbitrary: fc.constantFrom(...WRONG_HEADERS) },
);
const frame = fc
  .tuple(header, body)
  .map(([toHeader, bytes]) => Buffer.concat([Buffer.from(toHeader(bytes.length)), bytes]));

/** Changes a stream somewhere in the middle of its bytes. */
type Mutation = (bytes: Buffer) => Buffer;

const mutation: fc.Arbitrary<Mutation> = fc
  .record({
    kind: fc.constantFrom("flip", "delete", "repeat", "insert", "cut", "copy", "lineEnd"),
    from: fc.nat(),
    to: fc.nat(),
    length: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 500 })),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    bit: fc.nat(7),
  })
  .map(({ kind, from, to, length, bytes, bit }) => (stream: Buffer) => {
    if (stream.length === 0) return stream;
    const [at, other] = [from % stream.length, to % stream.length];
    const [front, rest] = [stream.subarray(0, at), stream.subarray(at)];
    switch (kind) {
      case "flip": {
        const flipped = Buffer.from(stream);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        return flipped;
      }
      case "delete":
        return Buffer.concat([front, rest.subarray(length)]);
      case "repeat":
        return Buffer.concat([front, rest.subarray(0, length), rest]);
      case "insert":
        return Buffer.concat([front, bytes, rest]);
      case "cut":
        return front;
      case "copy":
        return Buffer.concat([front, stream.subarray(other, other + length), rest]);
      default:
        return Buffer.from(stream.toString("latin1").replace("\r\n", "\n"), "latin1");
    }
  });

const cuts = fc.oneof(
  { weight: 40, arbitrary: fc.array(fc.nat(), { maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constant("eachByte" as const) },
);
/** One byte at a time takes long. */
const MAX_SINGLE_BYTES = 400;

function split(bytes: Buffer, at: readonly number[] | "eachByte"): Buffer[] {
  if (at === "eachByte" && bytes.length > MAX_SINGLE_BYTES) return [bytes];
  const ends =
    at === "eachByte"
      ? Array.from({ length: bytes.length }, (_, index) => index + 1)
      : [...at.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return [...new Set(ends)].map((end, index, all) => bytes.subarray(all[index - 1] ?? 0, end));
}

export const streams: fc.Arbitrary<Stream> = fc
  .record({
    frames: fc.array(frame, { minLength: 1, maxLength: 6 }),
    mutations: fc.oneof(
      { weight: 4, arbitrary: fc.constant<Mutation[]>([]) },
      { weight: 1, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 3 }) },
    ),
    at: cuts,
    isClosed: fc.nat(39).map((number) => number === 0),
    dice: fc.nat(11),
  })
  .map(({ frames, mutations, at, isClosed, dice }) => {
    const bytes = mutations.reduce<Buffer>(
      (stream, mutate) => mutate(stream),
      Buffer.concat(frames),
    );
    return { chunks: split(bytes, at), isClosed, dice };
  });

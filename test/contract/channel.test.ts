import { JsonRpcChannel } from "../../src/platform/json-rpc/channel.js";
import { ByteHost, frame, request } from "../support/byte-host-fake.js";
import { FakeChannel } from "../support/channel-fake.js";
import { channelContract } from "../support/channel-contract.js";

channelContract("fake", () => {
  const channel = new FakeChannel();
  const received: [string | number, unknown][] = [];
  return {
    channel,
    request: (id, method, params) =>
      void channel.request(method, params, id).then((outcome) => {
        received.push([id, outcome.error === undefined ? outcome.result : outcome.error.code]);
      }),
    notify: (method, params) => channel.notifyWorker(method, params),
    cancel: (id) => channel.cancel(id),
    endInput: () => channel.end("inputEnded"),
    stopReading: () => channel.stopReading(),
    resumeReading: () => channel.resumeReading(),
    received: async () => [
      ...received,
      ...channel.notifications.map(({ method, params }): [string, unknown] => [method, params]),
    ],
  };
});

channelContract("JSON-RPC over streams", () => {
  const host = new ByteHost();
  return {
    channel: new JsonRpcChannel(host.input, host.output),
    request: (id, method, params) => host.send(request(id, method, params)),
    notify: (method, params) => host.send(frame({ jsonrpc: "2.0", method, params })),
    cancel: (id) => host.send(frame({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id } })),
    endInput: () => host.input.end(),
    stopReading: () => host.stopReading(),
    resumeReading: () => host.resumeReading(),
    received: async () =>
      host.received.map((m): [string | number, unknown] =>
        m.method === undefined
          ? [m.id!, m.error === undefined ? m.result : m.error.code]
          : [m.method, m.params],
      ),
  };
});

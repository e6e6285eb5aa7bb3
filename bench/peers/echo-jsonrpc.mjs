// vscode-jsonrpc as it comes, with its own reader and writer: answers every presence/get with a record of the usual size, and knows nobody.
import {
  createMessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-jsonrpc/node";
import { recordOf } from "./record.mjs";

const connection = createMessageConnection(
  new StreamMessageReader(process.stdin),
  new StreamMessageWriter(process.stdout),
);
connection.onRequest("presence/get", ({ uri }) => recordOf(uri));
connection.onRequest("presence/getMany", ({ uris }) => ({ records: uris.map(recordOf) }));
connection.listen();
process.stdin.on("end", () => process.exit(0));

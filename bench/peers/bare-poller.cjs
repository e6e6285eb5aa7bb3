// The minimal poller: Node's own request and JSON.parse every five seconds. Takes the API URL and a
// token.
const { Agent, get } = require("node:http");
const { setInterval } = require("node:timers");

const [apiUrl, token] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const poll = () =>
  get(
    `${apiUrl}/people?max=1000`,
    { agent, headers: { authorization: `Bearer ${token}` } },
    (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => JSON.parse(Buffer.concat(chunks).toString("utf8")));
    },
  );
poll();
setInterval(poll, 5_000).unref();
process.stdin.resume();
process.stdout.write(".");

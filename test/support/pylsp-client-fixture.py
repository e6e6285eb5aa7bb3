"""A client of the worker with python-lsp-jsonrpc, an independent implementation of JSON-RPC. Prints one JSON object."""

import itertools
import json
import subprocess
import sys
import threading

from pylsp_jsonrpc.endpoint import Endpoint
from pylsp_jsonrpc.exceptions import JsonRpcException
from pylsp_jsonrpc.streams import JsonRpcStreamReader, JsonRpcStreamWriter

worker = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
notifications = []
notified = threading.Event()


def changed(params):
    notifications.append({"sequence": params["sequence"], "changes": len(params["changes"])})
    notified.set()


reader = JsonRpcStreamReader(worker.stdout)
writer = JsonRpcStreamWriter(worker.stdin)
ids = itertools.count()
last_id = None


def next_id():
    global last_id
    last_id = next(ids)
    return last_id


endpoint = Endpoint({"presence/changed": changed}, writer.write, id_generator=next_id)
threading.Thread(target=reader.listen, args=(endpoint.consume,), daemon=True).start()


def call(method, params=None):
    try:
        return {"result": endpoint.request(method, params).result(timeout=10)}
    except JsonRpcException as error:
        return {"code": error.code, "data": error.data}


results = {
    "get": call("presence/get", {"uri": "ü@x.example"}),
    "many": len(call("presence/getMany", {"uris": ["p%d@x.example" % n for n in range(10000)]})["result"]["records"]),
    "invalid": call("presence/get", {"uri": 1}),
    "unknown": call("nothing"),
    "initialize": call("initialize", {"protocolVersion": "1.1", "host": {"name": "pylsp", "version": "2021.Summer.3"}}),
    "subscribe": call("presence/subscribe", {"uris": ["a@x.example"]}),
    "poll": call("worker/poll"),
}
waiting = endpoint.request("presence/get", {"uri": "a@x.example", "maxWaitMs": 30000})
# Not waiting.cancel(): the library then fails on the response to the cancelled request.
endpoint.notify("$/cancelRequest", {"id": last_id})
try:
    waiting.result(timeout=10)
except JsonRpcException as error:
    results["cancelled"] = {"code": error.code}
notified.wait(10)
results["shutdown"] = call("shutdown")
results["afterShutdown"] = call("worker/status")
endpoint.notify("exit")
results["exitCode"] = worker.wait(timeout=10)
results["firstNotification"] = notifications[0]
print(json.dumps(results))

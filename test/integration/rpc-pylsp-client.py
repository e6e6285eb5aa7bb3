"""Talks to the worker by python-lsp-jsonrpc, which shares no line with the worker's own library. Prints one JSON object."""

import itertools
import json
import subprocess
import sys
import threading

from pylsp_jsonrpc.endpoint import Endpoint
from pylsp_jsonrpc.exceptions import JsonRpcException
from pylsp_jsonrpc.streams import JsonRpcStreamReader, JsonRpcStreamWriter

worker = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
told = []
told_once = threading.Event()


def changed(params):
    told.append({"sequence": params["sequence"], "changes": len(params["changes"])})
    told_once.set()


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


def ask(method, params=None):
    try:
        return {"result": endpoint.request(method, params).result(timeout=10)}
    except JsonRpcException as error:
        return {"code": error.code, "data": error.data}


seen = {
    "get": ask("presence/get", {"uri": "ü@x.example"}),
    "many": len(ask("presence/getMany", {"uris": ["p%d@x.example" % n for n in range(10000)]})["result"]["records"]),
    "wrong": ask("presence/get", {"uri": 1}),
    "unknown": ask("nothing"),
    "initialize": ask("initialize", {"protocolVersion": "1.0", "host": {"name": "pylsp", "version": "2021.Summer.3"}}),
    "subscribe": ask("presence/subscribe", {"uris": ["a@x.example"]}),
    "poll": ask("worker/poll"),
}
waiting = endpoint.request("presence/get", {"uri": "a@x.example", "maxWaitMs": 30000})
# Not waiting.cancel(): the library then fails on the very answer that the cancelling asks for.
endpoint.notify("$/cancelRequest", {"id": last_id})
try:
    waiting.result(timeout=10)
except JsonRpcException as error:
    seen["cancelled"] = {"code": error.code}
told_once.wait(10)
seen["shutdown"] = ask("shutdown")
seen["afterShutdown"] = ask("worker/status")
endpoint.notify("exit")
seen["exitCode"] = worker.wait(timeout=10)
seen["firstTold"] = told[0]
print(json.dumps(seen))

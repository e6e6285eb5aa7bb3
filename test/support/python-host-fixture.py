"""A host that launches the worker with python3-pylsp-jsonrpc and prints the results as JSON."""

import json
import subprocess
import sys
import threading

from pylsp_jsonrpc.endpoint import Endpoint
from pylsp_jsonrpc.streams import JsonRpcStreamReader, JsonRpcStreamWriter


def main():
    settings, address, credentials = sys.argv[1], sys.argv[2], json.loads(sys.stdin.readline())
    worker = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    available = threading.Event()
    notifications = []

    def changed(params):
        notifications.append(params)
        if any(change["state"] == "available" for change in params["changes"]):
            available.set()

    endpoint = Endpoint({"presence/changed": changed}, JsonRpcStreamWriter(worker.stdin).write)
    listen = JsonRpcStreamReader(worker.stdout).listen
    threading.Thread(target=listen, args=(endpoint.consume,), daemon=True).start()

    def call(method, params=None):
        return endpoint.request(method, params).result(timeout=20)

    host = {"name": "UCX", "version": "2024.Winter.1"}
    out = {"initialize": call("initialize", {"protocolVersion": "1.1", "host": host})}
    call("authorization/setClient", credentials["client"])
    out["authorization"] = call("authorization/import", credentials["grant"])
    out["subscription"] = call("presence/subscribe", {"uris": [address]})
    with open(settings, encoding="utf-8") as file:
        text = file.read()
    with open(settings, "w", encoding="utf-8") as file:
        file.write(text.replace("WebexPresence.Enable=0", "WebexPresence.Enable=1"))
    out["receivedInTime"] = available.wait(20)
    out["changed"] = notifications
    out["status"] = call("worker/status")
    try:
        call("presence/get", {})
    except Exception as error:  # the library's exception, with code and data
        out["error"] = {"code": error.code, "data": error.data}
    call("shutdown")
    endpoint.notify("exit")
    out["exitCode"] = worker.wait(timeout=5)
    print(json.dumps(out))


main()

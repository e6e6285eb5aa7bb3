"""A host of the worker with jsonrpc-glib. Prints one JSON object."""

import json
import re
import subprocess
import sys

import gi

gi.require_version("Jsonrpc", "1.0")
from gi.repository import Gio, GLib, Jsonrpc  # noqa: E402

TIMEOUT_SECONDS = 20

with open(sys.argv[1], encoding="utf-8") as file:
    scenario = json.load(file)
address = scenario["address"]
process = subprocess.Popen(scenario["worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
worker = Jsonrpc.Client.new(
    Gio.SimpleIOStream.new(
        Gio.UnixInputStream.new(process.stdout.fileno(), False),
        Gio.UnixOutputStream.new(process.stdin.fileno(), False),
    )
)
available = []


def on_notification(_worker, method, params):
    if method == "presence/changed":
        changes = params.unpack()["changes"]
        available.extend(change for change in changes if change["state"] == "available")


worker.connect("notification", on_notification)
worker.connect("failed", lambda _worker: print("The client has disconnected.", file=sys.stderr))
worker.start_listening()


def variant(value):
    """Converts a JSON value; None stays None, which the library sends as null."""
    if value is None:
        return None
    if isinstance(value, dict):
        return GLib.Variant("a{sv}", {key: variant(each) for key, each in value.items()})
    if isinstance(value, list):
        return GLib.Variant("av", [variant(each) for each in value])
    return GLib.Variant({str: "s", bool: "b", int: "x"}[type(value)], value)


def call(method, params=None):
    _, result = worker.call(method, variant(params), None)
    return result.unpack() if result is not None else None


def parse_error(error):
    """The library does not read a code that came as JSON; it prints the whole error instead."""
    code = re.search(r"'code': <int64 (-?\d+)>", error.message)
    return {"code": int(code[1]) if code else error.code, "message": error.message}


def error_of(method):
    try:
        call(method)
    except GLib.Error as error:
        return parse_error(error)


def wait_for(condition):
    context = GLib.MainContext.default()
    expired = []
    timer = GLib.timeout_add_seconds(TIMEOUT_SECONDS, lambda: expired.append(True))
    while not condition() and not expired:
        context.iteration(True)
    if expired:
        sys.exit("Timed out")
    GLib.source_remove(timer)


report = {
    "phases": [call("worker/status", none)["phase"] for none in (None, {}, [])],
    "openrpc": call("rpc.discover")["openrpc"],
    "unknown": error_of("presence/Get"),
    "invalid": error_of("presence/get"),
}
worker.send_notification("initialized", None, None)
worker.send_notification("no/such/method", None, None)
call("authorization/setClient", scenario["client"])
report["authorization"] = call("authorization/import", scenario["grant"])
report["subscription"] = call("presence/subscribe", {"uris": [address]})

cancelled = []


def on_cancelled(_worker, result):
    try:
        cancelled.append({"record": worker.call_finish(result)[1].unpack()})
    except GLib.Error as error:
        cancelled.append(parse_error(error))


query = variant({"uri": address, "maxWaitMs": 30000})
waiting = worker.call_with_id_async("presence/get", query, None, on_cancelled)
worker.send_notification("$/cancelRequest", GLib.Variant("a{sv}", {"id": waiting}), None)
wait_for(lambda: cancelled)
report["cancelled"] = cancelled[0]
wait_for(lambda: available)
report["changed"] = available[0]
report["record"] = call("presence/get", {"uri": address})
report["shutdown"] = call("shutdown")
worker.send_notification("exit", None, None)
report["exitCode"] = process.wait(timeout=TIMEOUT_SECONDS)
print(json.dumps(report))

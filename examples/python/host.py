#!/usr/bin/env python3
"""A complete host for the Webex presence worker, with python-lsp-jsonrpc (Debian:
python3-pylsp-jsonrpc). ../README.md says how to run it.

  host.py --manifest <plugin.manifest.json> --settings <Presence.ini>
          [--worker-argument <argument>]... [--] <address>...

stdout: a line for each change of what an operator sees, "address<Tab>state<Tab>reason or -".
stdin: an address asks for presence as Webex has it now, as before a transfer; its line has a fourth
column, "fresh" or "not fresh". The end of stdin, Ctrl+C and SIGTERM end the host.
"""

import functools
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from datetime import datetime, timezone
from pathlib import Path

from pylsp_jsonrpc.endpoint import Endpoint
from pylsp_jsonrpc.exceptions import JsonRpcException
from pylsp_jsonrpc.streams import JsonRpcStreamReader, JsonRpcStreamWriter

MAX_WAIT_MS = 3000
TIMER_TOLERANCE_MS = 10
SUBSCRIBE_AGAIN_AFTER = 5
KILL_AFTER = 5
STABLE_AFTER = 60


class WorkerEnded(Exception):
    """The worker has ended without an answer."""


class Worker:
    """A worker's process, and JSON-RPC with it. Use it on the main thread."""

    def __init__(self, host, command):
        self.host = host
        self.started_at = time.monotonic()
        self.pending = set()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=host.folder, stdin=pipe, stdout=pipe, stderr=pipe
        )
        handlers = {"presence/changed": lambda params: host.post(host.on_changed, params)}
        self.endpoint = Endpoint(handlers, JsonRpcStreamWriter(self.process.stdin).write)
        threading.Thread(target=self.read_messages, daemon=True).start()
        self.log = threading.Thread(target=self.copy_log, daemon=True)
        self.log.start()

    def request(self, method, params, on_answer):
        """Calls on_answer on the main thread, with a future."""
        future = self.endpoint.request(method, params)
        self.pending.add(future)
        # The library completes futures as it reads, so that answers and changes keep their order.
        future.add_done_callback(lambda done: self.host.post(self.answer, done, on_answer))

    def answer(self, future, on_answer):
        self.pending.discard(future)
        on_answer(future)

    def read_messages(self):
        JsonRpcStreamReader(self.process.stdout).listen(self.consume)
        exit_code = self.process.wait()
        self.log.join(timeout=1)
        self.host.post(self.host.on_exit, self, exit_code)

    def consume(self, message):
        """Waits until the message is handled, so that a host that falls behind reads less. The
        worker then keeps everybody's latest state instead of every change."""
        self.endpoint.consume(message)
        is_handled = threading.Event()
        self.host.post(is_handled.set)
        is_handled.wait()

    def copy_log(self):
        for line in self.process.stderr:
            sys.stderr.buffer.write(line)
            sys.stderr.flush()

    def fail_pending(self):
        for future in list(self.pending):
            future.set_exception(WorkerEnded("The worker has ended."))


class Options:
    """Not argparse, which takes the value of `--worker-argument --log-dir` for an option."""

    def __init__(self, arguments):
        self.manifest = self.settings = None
        self.worker_arguments, self.addresses = [], list(arguments)
        while len(self.addresses) > 1 and self.addresses[0].startswith("--"):
            option = self.addresses.pop(0)
            if option == "--":
                break
            value = self.addresses.pop(0)
            if option == "--manifest":
                self.manifest = value
            elif option == "--settings":
                self.settings = value
            elif option == "--worker-argument":
                self.worker_arguments.append(value)
            else:
                raise ValueError(f"There is no option {option}.")
        if self.manifest is None or self.settings is None or not self.addresses:
            raise ValueError("--manifest, --settings and an address are required.")


class Host:
    """Launches the worker, shows presence, and launches it again after a failure."""

    def __init__(self, options):
        # The main thread handles everything in the order in which it came, so that nothing needs a
        # lock and no change is overtaken by an older one.
        self.events = queue.SimpleQueue()
        self.folder = Path(options.manifest).resolve().parent
        self.manifest = json.loads(Path(options.manifest).read_text(encoding="utf-8"))["worker"]
        self.options = options
        self.shown = {}
        self.refreshing = set()
        self.worker = None
        self.subscription_id = None
        self.failures = 0
        self.is_stopping = False
        self.has_ended = False

    def post(self, handler, *args):
        self.events.put((handler, args))

    def run(self):
        for number in [signal.SIGTERM, signal.SIGINT]:
            signal.signal(number, lambda _number, _frame: self.post(self.stop))
        self.show_not_ready()
        self.launch()
        threading.Thread(target=self.read_operator, daemon=True).start()
        while not self.has_ended:
            try:
                # On Windows, only a wait that ends lets Ctrl+C through.
                handler, args = self.events.get(timeout=1)
            except queue.Empty:
                continue
            handler(*args)

    def launch(self):
        if self.is_stopping:
            return
        command = self.manifest["command"]
        # With a slash, it is a path relative to the manifest; else a program on the PATH.
        if "/" in command:
            command = str(self.folder / command)
        settings = [self.manifest["settingsArgument"], os.path.abspath(self.options.settings)]
        host_pid = [self.manifest["hostPidArgument"], str(os.getpid())]
        arguments = [*self.manifest["args"], *settings, *host_pid, *self.options.worker_arguments]
        try:
            self.worker = Worker(self, [command, *arguments])
        except OSError as error:
            remark(error)
            self.launch_later()
            return
        # Optional: presence comes without it.
        introduction = {"name": "Example host", "version": "2024.Winter.1"}
        params = {"protocolVersion": "1.1", "host": introduction}
        self.worker.request("initialize", params, self.on_introduced)
        self.subscribe(self.worker)

    def launch_later(self):
        delays = self.manifest["restart"]["delaysSeconds"]
        delay = delays[min(self.failures, len(delays) - 1)]
        self.failures += 1
        self.post_later(delay, self.launch)

    def post_later(self, seconds, handler, *args):
        timer = threading.Timer(seconds, self.post, [handler, *args])
        timer.daemon = True
        timer.start()

    def on_introduced(self, future):
        result = result_of(future)
        if result is not None:
            remark(f"This is {result['worker']['name']} {result['worker']['version']}.")

    def subscribe(self, worker):
        """A subscription ends with its process, so each worker gets a new one."""
        if worker is self.worker:
            on_answer = functools.partial(self.on_subscribed, worker)
            worker.request("presence/subscribe", {"uris": self.options.addresses}, on_answer)

    def on_subscribed(self, worker, future):
        result = result_of(future)
        if result is None:
            self.post_later(SUBSCRIBE_AGAIN_AFTER, self.subscribe, worker)
            return
        self.subscription_id = result["subscriptionId"]
        for record in result["records"]:
            self.show_record(record)

    def on_changed(self, params):
        if self.subscription_id in params["subscriptionIds"]:
            for record in params["changes"]:
                self.show_record(record)

    def on_exit(self, worker, exit_code):
        self.worker = None
        self.subscription_id = None
        if self.is_stopping:
            self.has_ended = True
            return
        remark(f"The worker has ended with exit code {exit_code}.")
        self.show_not_ready()  # Nobody confirms any longer what was shown.
        worker.fail_pending()
        if time.monotonic() - worker.started_at >= STABLE_AFTER:
            self.failures = 0
        if exit_code != 0 and self.manifest["restart"]["policy"] == "on-failure":
            self.launch_later()

    def read_operator(self):
        for line in sys.stdin:
            if line.strip():
                self.post(self.refresh, line.strip())
        self.post(self.stop)

    def refresh(self, address):
        if address in self.refreshing:  # An unanswered request is not repeated.
            return
        self.refreshing.add(address)
        asked_at, started_at = datetime.now(timezone.utc), time.monotonic()

        def on_answer(future):
            self.refreshing.discard(address)
            record = result_of(future)
            if record is None:
                line = self.shown.get(address, not_ready(address))
                print(line, "not fresh", sep="\t", flush=True)
                return
            waited_ms = (time.monotonic() - started_at) * 1000
            is_in_time = waited_ms < MAX_WAIT_MS - TIMER_TOLERANCE_MS
            is_fresh = is_in_time and is_observed_since(record, asked_at)
            self.show_record(record, "fresh" if is_fresh else "not fresh")

        if self.worker is None:
            future = Future()
            future.set_exception(WorkerEnded("There is no worker at the moment."))
            on_answer(future)
        else:
            params = {"uri": address, "maxAgeSeconds": 0, "maxWaitMs": MAX_WAIT_MS}
            self.worker.request("presence/get", params, on_answer)

    def show_not_ready(self):
        for address in self.options.addresses:
            self.show(address, not_ready(address))

    def show_record(self, record, freshness=None):
        address = record["uri"]
        line = "\t".join([address, record["state"], record["reason"] or "-"])
        self.show(address, line, freshness)

    def show(self, address, line, freshness=None):
        is_change = self.shown.get(address) != line
        if address in self.options.addresses:
            self.shown[address] = line
        if freshness is not None:
            print(line, freshness, sep="\t", flush=True)
        elif is_change:
            print(line, flush=True)

    def stop(self):
        if self.is_stopping:
            return
        self.is_stopping = True
        worker = self.worker
        if worker is None:
            self.has_ended = True
            return
        # Not by an event: this thread may be writing to a worker that does not read.
        killer = threading.Timer(KILL_AFTER, worker.process.kill)
        killer.daemon = True
        killer.start()
        worker.request("shutdown", None, lambda _done: worker.endpoint.notify("exit"))


def result_of(future):
    """None if the request failed, which is then on stderr."""
    try:
        return future.result()
    except (JsonRpcException, WorkerEnded) as error:
        remark(error)
        return None


def is_observed_since(record, asked_at):
    observed_at = record["observedAt"]
    if observed_at is None:
        return False
    # Before Python 3.11, fromisoformat does not know Z.
    return datetime.fromisoformat(observed_at.replace("Z", "+00:00")) >= asked_at


def not_ready(address):
    return f"{address}\tunknown\tnotReady"


def remark(text):
    print(f"host: {text}", file=sys.stderr, flush=True)


def main():
    # What this process writes and reads is UTF-8, whatever the console's code page.
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    sys.stdin.reconfigure(encoding="utf-8")
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    # The library would remark on each notification that this host has no use for.
    logging.getLogger("pylsp_jsonrpc").setLevel(logging.ERROR)
    try:
        options = Options(sys.argv[1:])
    except ValueError as error:
        remark(error)
        return 2
    Host(options).run()
    return 0


sys.exit(main())

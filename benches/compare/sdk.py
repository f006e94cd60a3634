"""Twilio's Python SDK as a contender: takes one measurement and prints it, as worker.rs does."""

import json
import resource
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

job = json.loads(sys.argv[1])
work, server = job["work"], job["server"]
action, size = work["action"], max(work["size"], 1)
TEXT = "an item of usual length"
local = threading.local()


def service():
    """The Service, by a client of the thread's own: a session is for one thread."""
    if not hasattr(local, "service"):
        client = Client(server["api_key"], server["api_secret"], server["account_sid"], http_client=TwilioHttpClient())
        client.sync.base_url = server["url"]
        local.service = client.sync.v1.services(server["service_sid"])
    return local.service


def data(n):
    return {"n": n, "text": TEXT}


def upsert(n):
    try:
        return service().documents(f"doc-{n}").update(data=data(n)).data
    except TwilioRestException as error:
        if error.status != 404:
            raise
        return service().documents.create(unique_name=f"doc-{n}", data=data(n)).data


CALLS = {
    "get": lambda n: service().documents(f"doc-{n}").fetch().data,
    "update": lambda n: service().documents(f"doc-{n}").update(data=data(n)).data,
    "set": lambda n: service().sync_maps("map").sync_map_items(f"key-{n}").update(data=data(n)).data,
    "add": lambda n: service().sync_lists("log").sync_list_items.create(data=data(n)).data,
    "upsert": upsert,
}


def remove(name):
    removed = 0
    for item in service().sync_lists(name).sync_list_items.list():
        if list(item.data) == ["call"]:
            item.delete(if_match=item.revision)
            removed += 1
    return removed


def stream(most):
    count = 0
    for item in service().sync_lists("long").sync_list_items.stream(limit=most, page_size=50):
        assert item.data["text"] == TEXT
        count += 1
    return count


def task(number, end, lists):
    """What one thread does: how many calls, and how long each took."""
    if action == "stream":
        return stream(min(work["size"], 10_000) if lists == "warm" else work["size"]), []
    if action == "remove":
        return remove(f"{lists}-{number}"), []
    call, times = CALLS[action], []
    now = time.perf_counter()
    while now < end or not times:
        assert call((number * 77 + len(times)) % size)["text"] == TEXT
        done = time.perf_counter()
        times.append(done - now)
        now = done
    return len(times), times


def phase(pool, seconds, lists):
    end = time.perf_counter() + seconds
    done = list(pool.map(lambda number: task(number, end, lists), range(job["at"])))
    return sum(count for count, _ in done), sorted(time for _, times in done for time in times)


def main():
    with ThreadPoolExecutor(job["at"]) as pool:
        warm, _ = phase(pool, max(job["seconds"] * 0.4, 0.2), "warm")
        before, begun = time.process_time(), time.perf_counter()
        calls, times = phase(pool, job["seconds"], "log")
        elapsed, cpu = time.perf_counter() - begun, time.process_time() - before

    def part(share):
        return times[int(len(times) * share)] * 1e6 if times else None

    sample = {
        "calls": calls,
        "seconds": elapsed,
        "all_calls": warm + calls,
        "cpu_seconds": cpu,
        "p50": part(0.5),
        "p99": part(0.99),
        "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    print(json.dumps(sample))


main()

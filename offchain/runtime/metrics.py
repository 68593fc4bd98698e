"""Prometheus metrics of one worker, in a registry of its own."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """What a worker counts and measures; names start with `zg_`, and those of the process with `process_`."""

    def __init__(self, worker: str, version: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds; the uptime counts from here. Memory and CPU of the process are added on Linux."""
        self.registry = CollectorRegistry()
        Info("zg_worker", "The worker and its release.", registry=self.registry).info(
            {"worker": worker, "version": version}
        )
        started = clock()
        uptime = Gauge("zg_worker_uptime_seconds", "Seconds since the worker started.", registry=self.registry)
        uptime.set_function(lambda: clock() - started)
        ProcessCollector(registry=self.registry)
        self.failures = self.counter("service_failures", "Failures that were retried.", "service")

    def counter(self, name: str, description: str, *labels: str) -> Counter:
        """A number that only grows; exposed as `zg_<name>_total`."""
        return Counter(f"zg_{name}", description, labels, registry=self.registry)

    def gauge(self, name: str, description: str, *labels: str) -> Gauge:
        """A number that comes and goes; exposed as `zg_<name>`, which should end in its unit."""
        return Gauge(f"zg_{name}", description, labels, registry=self.registry)

    def histogram(self, name: str, description: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        """How values are distributed over `buckets`, given as upper bounds; exposed as `zg_<name>`."""
        return Histogram(f"zg_{name}", description, labels, buckets=buckets, registry=self.registry)

    def values(self) -> dict[str, float]:
        """All values by name, labels in braces."""
        return {
            sample.name + "".join(f"{{{key}={value}}}" for key, value in sample.labels.items()): sample.value
            for family in self.registry.collect()
            for sample in family.samples
        }

    def exposition(self) -> bytes:
        """All values in Prometheus' text format, to be served as `CONTENT_TYPE`."""
        return generate_latest(self.registry)

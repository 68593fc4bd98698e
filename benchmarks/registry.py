"""What a benchmark is, and how the runner finds it.

A benchmark is a function in any module below this package, marked with `@benchmark`. It measures its value and those
of its rivals, all in the same unit, and returns them; the runner compares, prints and records.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import benchmarks


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value and those of its rivals by name, each the median of several runs; `notes` say what was measured how."""

    value: float
    rivals: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What `docs` promise: a value that is at least reached, and how many times better than each rival."""

    value: float | None = None
    ratios: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A measuring function with the `id` under which its result is recorded. In seconds less is better, else more."""

    id: str
    unit: str
    target: Target
    measure: Callable[[], Measurement]

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (self.measure.__doc__ or "").partition("\n")[0]

    def ratio(self, value: float, other: float) -> float:
        """How many times better `value` is than `other`."""
        return other / value if self.unit == "s" else value / other


_registered: dict[str, Benchmark] = {}


def benchmark(
    identifier: str, unit: str, target: Target = Target()
) -> Callable[[Callable[[], Measurement]], Callable[[], Measurement]]:
    """Register a function under `identifier`, `<domain>.<name>`; `unit` is `B/s`, `1/s` or `s`."""

    def register(measure: Callable[[], Measurement]) -> Callable[[], Measurement]:
        if identifier in _registered:
            raise ValueError(f"two benchmarks are called {identifier}")
        _registered[identifier] = Benchmark(identifier, unit, target, measure)
        return measure

    return register


def find(prefixes: list[str]) -> list[Benchmark]:
    """Benchmarks with these identifiers or of these domains, all if none are given; LookupError for an unknown one."""
    for module in pkgutil.walk_packages(benchmarks.__path__, "benchmarks."):
        if module.name != "benchmarks.__main__":
            importlib.import_module(module.name)
    for prefix in prefixes:
        if not any(_matches(identifier, prefix) for identifier in _registered):
            raise LookupError(f"no benchmark {prefix}; python -m benchmarks --list shows them")
    chosen = [item for item in _registered.values() if not prefixes or any(_matches(item.id, p) for p in prefixes)]
    return sorted(chosen, key=lambda item: item.id)


def _matches(identifier: str, prefix: str) -> bool:
    return identifier == prefix or identifier.startswith(prefix + ".")

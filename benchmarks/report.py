"""Results as text for people: values, ratios, targets and whether they are met."""

from collections.abc import Iterator

from benchmarks.registry import Benchmark, Measurement

PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


def lines(benchmark: Benchmark, measurement: Measurement) -> Iterator[str]:
    """The rows of a table for one benchmark: its value, its rivals, its notes."""
    target = benchmark.target
    sign = "≤" if benchmark.unit == "s" else "≥"
    promise, verdict = "", ""
    if target.value is not None:
        promise = f"{sign} {quantity(target.value, benchmark.unit)}"
        verdict = _verdict(benchmark.ratio(measurement.value, target.value), 1)
    yield _row(benchmark.id, quantity(measurement.value, benchmark.unit), "", promise, verdict)
    for name, value in measurement.rivals.items():
        ratio, least = benchmark.ratio(measurement.value, value), target.ratios.get(name)
        promise, verdict = (f"≥ {least:g} ×", _verdict(ratio, least)) if least is not None else ("", "")
        yield _row(f"  {name}", quantity(value, benchmark.unit), f"{ratio:,.1f} ×", promise, verdict)
    yield from (f"    {note}" for note in measurement.notes)


def header() -> str:
    """The names of the columns."""
    return _row("id and rivals", "value", "ratio", "target", "")


def quantity(value: float, unit: str) -> str:
    """`value` with a prefix to its unit, three digits."""
    factor, prefix = next((pair for pair in PREFIXES if abs(value) >= pair[0]), PREFIXES[-1])
    if unit == "1/s":
        return f"{value / factor:.3g} {prefix}/s"
    return f"{value / factor:.3g} {prefix}{unit}"


def _verdict(reached: float, least: float) -> str:
    return "met" if reached >= least else "MISSED"


def _row(*cells: str) -> str:
    return "{:<28}{:>12}{:>12}   {:<14}{}".format(*cells).rstrip()

"""`python -m benchmarks [--list] [id or domain …]`: measure, print, and write `benchmarks/results.json`."""

import argparse
import sys

from benchmarks import machine, registry, report, results


def main() -> int:
    """Run what was asked for; a missed target is printed, never an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, beside rivals in the same run.")
    parser.add_argument("--list", action="store_true", help="only show what there is")
    parser.add_argument("ids", nargs="*", metavar="id", help="an identifier or a domain; all if none is given")
    options = parser.parse_args()
    try:
        chosen = registry.find(options.ids)
    except LookupError as error:
        parser.error(str(error.args[0]))
    if options.list:
        for item in chosen:
            print(f"{item.id:<28}{item.unit:<6}{item.summary}")
        return 0
    described = machine.describe()
    print(f"{described['cpu']}, {described['cores']} cores, AVX-512 {described['features']['avx512']}")
    print(report.header())
    for item in chosen:
        measurement = item.measure()
        print("\n".join(report.lines(item, measurement)), flush=True)
        results.record(item, measurement, described)
    return 0


if __name__ == "__main__":
    sys.exit(main())

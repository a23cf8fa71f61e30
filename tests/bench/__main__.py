"""`python -m tests.bench [NAME …] [--scale 0.1] [--json]`: every benchmark, or those named, in one run."""

import argparse
import dataclasses
import json
import resource

import uvloop

from tests.bench import hanging, inserting, latency, rates, recovery, throughput, whale
from tests.support.postgres import prepare, started

BENCHMARKS = {
    "throughput": throughput.measure,
    "latency": latency.measure,
    "inserting": inserting.measure,
    "hanging": hanging.measure,
    "whale": whale.measure,
    "recovery": recovery.measure,
    "rates": rates.measure,
}


async def play(names: list[str], scale: float, *, as_json: bool) -> None:
    with started(fast=False) as cluster:
        await prepare(cluster)
        for name in names:
            for figure in await BENCHMARKS[name](cluster, scale):
                print(json.dumps({"benchmark": name, **dataclasses.asdict(figure)}) if as_json else figure, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--scale", type=float, default=1.0, help="how much work, 1 being the published figures")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each figure")
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(play(given.names or list(BENCHMARKS), given.scale, as_json=given.json))


if __name__ == "__main__":
    main()

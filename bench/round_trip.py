"""Round trips with real processes: strategy -> engine -> TLS venue -> engine -> strategy.

    python -m bench.round_trip [--orders N] [--rounds N] [--json]

The measurement is that of `fixengine bench`; see fixengine.demo.round_trip for what is measured.
"""

from __future__ import annotations

import argparse
import sys

from fixengine.demo import bench


def main() -> int:
    """Entry."""
    parser = argparse.ArgumentParser(prog="python -m bench.round_trip")
    bench.add_arguments(parser)
    return bench.run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())

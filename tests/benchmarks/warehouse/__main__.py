"""``python -m tests.benchmarks.warehouse``."""

import sys

from tests.benchmarks.warehouse.command import run

sys.exit(0 if all(run(int(sys.argv[1]) if sys.argv[1:] else 1_000_000)) else 1)

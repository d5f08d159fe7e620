"""``python -m benchmarks.splits``."""

import sys

from benchmarks.splits.cli import main

if __name__ == "__main__":
    sys.exit(main())

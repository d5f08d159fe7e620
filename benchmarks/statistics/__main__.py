"""``python -m benchmarks.statistics``."""

import sys

from benchmarks.statistics.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m benchmarks.inference``."""

import sys

from benchmarks.inference.cli import main

if __name__ == "__main__":
    sys.exit(main())

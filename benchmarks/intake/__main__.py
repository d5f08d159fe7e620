"""``python -m benchmarks.intake``."""

import sys

from benchmarks.intake.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m opskit`."""

import sys

from opskit.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m baton` is the command `baton`."""

import sys

from baton.cli import main

sys.exit(main())

"""`python -m fixengine` is the command `fixengine`."""

import sys

from fixengine.cli import main

sys.exit(main())

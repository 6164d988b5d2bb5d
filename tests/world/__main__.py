"""See the folder's top."""

import sys

from world.run import main

if __name__ == "__main__":
    sys.exit(main())

"""Found only where the compiled `fixengine.link` is not: Python takes the compiled one first.

Says how to build it, instead of the bare "No module named 'fixengine.link'".
"""

import sys

raise ImportError(
    "fixengine.link, the compiled end of the bus, is missing for this Python"
    f" ({sys.implementation.cache_tag}). Build it: pip install . (needs a C compiler), or"
    " `make build` in a checkout.",
    name=__name__,
)

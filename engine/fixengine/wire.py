"""Found only where the compiled `fixengine.wire` is not: Python takes the compiled one first.

Says how to build it, instead of the bare "No module named 'fixengine.wire'".
"""

import sys

raise ImportError(
    "fixengine.wire, the compiled codec, is missing for this Python"
    f" ({sys.implementation.cache_tag}). Build it: pip install . (needs a C compiler), or"
    " `make build` in a checkout.",
    name=__name__,
)

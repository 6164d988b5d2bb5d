"""The compiled modules: each has one compilation root in csrc and the parts it is made of."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

HERE = Path(__file__).parent
CSRC = "csrc"
# All parts, the root among them: with a build_dir, a source distribution would lack it otherwise.
KINDS = (".pyx", ".pxi", ".pxd", ".h")
PARTS = sorted(f"{CSRC}/{part.name}" for part in (HERE / CSRC).iterdir() if part.suffix in KINDS)

FLAGS = [
    "-O3",
    "-fno-semantic-interposition",
    "-fno-plt",
    "-Wall",
    "-Wextra",
    "-Wno-unused-function",
]


def extension(name: str) -> Extension:
    """The compiled module fixengine.NAME, whose root is NAME.pyx."""
    return Extension(
        f"fixengine.{name}",
        [f"{CSRC}/{name}.pyx"],
        depends=PARTS,
        include_dirs=[CSRC],
        extra_compile_args=FLAGS,
    )


setup(
    ext_modules=cythonize(
        [extension("wire"), extension("link")],
        build_dir="build/cython",
        compiler_directives={
            "language_level": 3,
            "embedsignature": True,
            "auto_pickle": False,
            "autotestdict": False,
            "wraparound": False,
            "boundscheck": True,
            # Plain method descriptors: a call costs less than of a Python-like function object.
            "binding": False,
        },
    )
)

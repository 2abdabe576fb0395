"""One way to compile for the whole session, runtime shape checks, and imports from `oracle/`, `probe/` and the like.

Programs are compiled with few optimisations, and kept in a folder that all workers and all processes they start share:
a program that two tests run is compiled once. So what a test sees does not depend on which tests ran before it. Set
JAX_COMPILATION_CACHE_DIR to keep them from one session to the next.
"""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

# Before anybody imports JAX; workers and their processes inherit it.
PROGRAMS = {
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "true",
    # XLA's older emitters compile in half the time; one piece of code takes less of it than many.
    "XLA_FLAGS": " ".join(
        [
            os.environ.get("XLA_FLAGS", ""),
            "--xla_cpu_use_fusion_emitters=false",
            "--xla_cpu_parallel_codegen_split_count=1",
        ]
    ).strip(),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "ACCUMBENS_COMPILATION_CACHE": "off",  # where a test does without the above: nothing into the user's own folder
}
os.environ |= PROGRAMS
OWN_FOLDER = "JAX_COMPILATION_CACHE_DIR" not in os.environ
if OWN_FOLDER:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="accumbens-programs-")

# Where Python is told to keep no bytecode, each of the many processes would compile all that it imports, for 9 seconds.
OWN_BYTECODE = sys.dont_write_bytecode
if OWN_BYTECODE:
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp(prefix="accumbens-bytecode-")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False

import jaxtyping  # noqa: E402
import pytest  # noqa: E402

# Must come before the first import of accumbens.
jaxtyping.install_import_hook("accumbens", "beartype.beartype")

# Some tests press Ctrl-C, which a shell that starts them in the background has told them to ignore.
signal.signal(signal.SIGINT, signal.default_int_handler)

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("oracle", "probe", "docs")]


def pytest_unconfigure(config):
    """Remove the programs and the bytecode, if this process made the folders for them; workers inherit them."""
    if hasattr(config, "workerinput"):
        return
    if OWN_FOLDER:
        shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
    if OWN_BYTECODE:
        shutil.rmtree(os.environ["PYTHONPYCACHEPREFIX"], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Hand out files whole, as `--dist=loadfile` does, but the pages of the documentation one by one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class FilesAndPages(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return nodeid if "docs/test_commands.py" in nodeid else super()._split_scope(nodeid)

    return FilesAndPages(config, log)


def blank(figure, picture, **choices):
    """In place of `Figure.savefig`, which takes a second or more: a picture with nothing in it."""
    from PIL import Image

    picture = Path(picture)
    if picture.suffix == ".svg":
        picture.write_text('<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    else:
        Image.new("RGB", (8, 8)).save(picture)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Commands draw, but do not render, where a test is of something else; whatever draws has tests that render."""
    with pytest.MonkeyPatch.context() as patch:
        whose = item.path.relative_to(Path(__file__).parent).parts[0]
        if whose in ("cli", "docs", "share", "examples") and not item.get_closest_marker("pictures"):
            patch.setattr("matplotlib.figure.Figure.savefig", blank)
            patch.setattr("matplotlib.figure.Figure.draw_without_rendering", lambda figure: None)
        return (yield)


@pytest.fixture(scope="session")
def quick_jit():
    """`jax.jit`, as it compiles in these tests."""
    import jax

    return jax.jit

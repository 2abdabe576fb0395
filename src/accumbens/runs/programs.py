"""Compiled programs, kept in the user's cache folder from one start to the next.

JAX's own persistent cache writes an entry in place: another process may read half of it, and so may all that come after
one that was killed. Here an entry is written beside its place and renamed, and is believed if its digest agrees.
"""

import difflib
import hashlib
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import platformdirs
from jax._src import compilation_cache  # JAX has no public way to say how entries are kept

from accumbens.errors import AccumbensError

VARIABLE = "ACCUMBENS_COMPILATION_CACHE"
MOST_BYTES = 2**30
"""What all programs, of all versions, take up at most."""
MOST_DAYS = 30
"""A program that nobody has used for so long is removed."""

_FOLDERS = "accumbens-*"
_SUFFIX = ".program"
_DIGEST = hashlib.sha256().digest_size
_OPTIONS = {
    # The many small programs of a start cost more to compile together than they take up.
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
    # XLA's own caches would be written in place, and never removed; what they tune is part of the program.
    "jax_persistent_cache_enable_xla_caches": "none",
}


@contextmanager
def kept_programs(tell: Callable[[str], None]) -> Iterator[None]:
    """Take compiled programs from the user's cache folder within `with`, and keep there what is compiled.

    JAX is afterwards configured as it was before. Nothing is done where the user has configured JAX's own cache, or
    switched it off.

    Args:
        tell: is told, once, if programs cannot be kept.

    Raises:
        AccumbensError: the environment variable ACCUMBENS_COMPILATION_CACHE cannot be used.
    """
    root = programs_folder()
    folder, enabled = _configured("jax_compilation_cache_dir", "jax_enable_compilation_cache")
    if root is None or folder or not enabled:
        yield
        return
    cache = ProgramCache(root, tell)
    if not cache.make_folder():
        yield
        return
    options = _OPTIONS | {"jax_compilation_cache_dir": str(cache.folder)}
    before = dict(zip(options, _configured(*options), strict=True))
    make_cache = compilation_cache.get_file_cache
    _configure(options, lambda path: (cache, path))
    try:
        yield
    finally:
        _configure(before, make_cache)


def _configured(*names: str) -> list[Any]:
    return [getattr(jax.config, name) for name in names]


def _configure(options: dict[str, Any], make_cache: Callable[[str], Any]) -> None:
    for name, value in options.items():
        jax.config.update(name, value)
    compilation_cache.get_file_cache = make_cache
    compilation_cache.reset_cache()


def programs_folder() -> Path | None:
    """Return the folder of the programs of all versions, or None if they are not to be kept.

    Raises:
        AccumbensError: the environment variable ACCUMBENS_COMPILATION_CACHE cannot be used.
    """
    asked = os.environ.get(VARIABLE, "")
    if asked == "off":
        return None
    if asked in ("", "on"):
        return platformdirs.user_cache_path("accumbens", appauthor=False) / "programs"
    folder = Path(asked).expanduser()
    if not asked.startswith(("~", ".")) and len(folder.parts) == 1:  # rather a mistyped word than a folder
        nearest = difflib.get_close_matches(asked.casefold(), ("on", "off"), n=1)
        meant = f"; did you mean {nearest[0]}?" if nearest else ""
        raise AccumbensError(
            f"{VARIABLE}={asked} cannot be used: it must be on, off or the path of a folder, such as ./{asked}{meant}"
        )
    if folder.exists() and not folder.is_dir():
        raise AccumbensError(f"{VARIABLE}={asked} cannot be used: it must be on, off or a folder, and this is a file")
    return folder.absolute()


class ProgramCache:
    """The programs of this version on this kind of machine, whatever other processes do there: JAX's `CacheInterface`.

    Attributes:
        folder: in which each program is a file.
    """

    def __init__(self, root: Path, tell: Callable[[str], None]):
        """Choose the folder; `tell` is told, once, if programs cannot be kept."""
        versions = "-".join(f"{package}-{version(package)}" for package in ("accumbens", "jax", "jaxlib"))
        self.folder = self._path = root / f"{versions}-{_machine()}"
        self._root, self._tell = root, tell
        self._told = self._pruned = False

    def make_folder(self) -> bool:
        """Make the folder; return whether there is one."""
        try:
            self._make_folder()
        except OSError as error:
            self._tell_once(error)
        return self.folder.is_dir()

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # who can write here can make a run do anything

    def get(self, key: str) -> bytes | None:
        """Return a program, or None if there is none that is whole."""
        file = self._file(key)
        try:
            entry = file.read_bytes()
        except OSError:
            return None
        digest, value = entry[:_DIGEST], entry[_DIGEST:]
        if hashlib.sha256(value).digest() != digest:
            with suppress(OSError):
                file.unlink()
            return None
        with suppress(OSError):  # a folder that is only read
            os.utime(file)
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep a program, if that can be done."""
        try:
            self._make_folder()  # another process may have removed it, empty as it was
            handle, name = tempfile.mkstemp(prefix="new-", suffix=_SUFFIX, dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(value).digest() + value)
                os.replace(name, self._file(key))
            except OSError:
                os.unlink(name)
                raise
            if not self._pruned:
                self._pruned = True
                prune(self._root)
        except OSError as error:
            self._tell_once(error)

    def _file(self, key: str) -> Path:
        # A name may be longer than a file's may be: users name the functions of their programs.
        return self.folder / (hashlib.sha256(key.encode()).hexdigest() + _SUFFIX)

    def _tell_once(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            self._tell(
                f"compiled programs cannot be kept in {self.folder}: {error.strerror}; {VARIABLE}=FOLDER names another "
                f"folder, {VARIABLE}=off keeps none"
            )


def prune(root: Path, most_bytes: int = MOST_BYTES) -> None:
    """Remove the programs that nobody has used for long, of whatever version, and then the least recently used.

    Args:
        root: folder of the folders of all versions; what else is in it stays.
        most_bytes: that all programs may take up.
    """
    programs = []
    for file in root.glob(f"{_FOLDERS}/*{_SUFFIX}"):
        with suppress(OSError):  # another process may have removed it
            status = file.stat()
            programs.append((status.st_mtime, status.st_size, file))
    oldest, total = time.time() - MOST_DAYS * 24 * 3600, 0
    for used, size, file in sorted(programs, reverse=True):
        total += size
        if used < oldest or total > most_bytes:
            with suppress(OSError):
                file.unlink()
    for folder in root.glob(_FOLDERS):
        with suppress(OSError):  # it is not empty
            folder.rmdir()


def _machine() -> str:
    """What programs are compiled for, in short: home folders may be shared by machines of several kinds."""
    abilities = ""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:  # elsewhere one architecture is one kind
        abilities = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()}-{hashlib.sha256(abilities.encode()).hexdigest()[:8]}"

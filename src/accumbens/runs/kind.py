"""A kind of run: what a wing tells the spine, and every room above it, about its runs.

`training/` implements it for agents and `credit/` for fits; `kinds.py` lists them. Whoever wants to know something of a
run asks its kind, and nobody asks which kind it is.
"""

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.audit import Audit
from accumbens.runs.directory import RunDirectory, existing_run, make_directory
from accumbens.runs.job import Job
from accumbens.runs.result import Result
from accumbens.runs.settings import every_setting, plain, read_document, write_document
from accumbens.runs.words import Names, Plan, Words

if TYPE_CHECKING:
    from accumbens.runs.analysis import Analysis
    from accumbens.runs.chapter import Chapter
    from accumbens.runs.comparing import Comparing
    from accumbens.runs.evaluating import Evaluating
    from accumbens.runs.experimenting import Experimenting
    from accumbens.runs.sharing import Sharing

C = TypeVar("C", bound=Any)


class Kind(ABC, Generic[C]):
    """What is true of the runs of one kind.

    Attributes:
        words: what they are called.
        result: the class of their results.
        curve_column: the column of `metrics.csv` that a run's curve is of, if nothing else is asked for.
        not_compared: fields of the configuration that two runs of one experiment may differ in.
        options: what `resolve` takes as `numbers`, beside `seed` and `seeds`.
        usual_method: the one that is taken if none is named.
        usual_place: the one whose settings are shown if none is named.
        says: `module:name` of what it says to rooms, by the names of the properties below.
    """

    words: ClassVar[Words]
    result: ClassVar[type[Result]]
    curve_column: ClassVar[str]
    not_compared: ClassVar[tuple[str, ...]] = ("seed", "seeds")
    options: ClassVar[tuple[str, ...]] = ()
    usual_method: ClassVar[str] = ""
    usual_place: ClassVar[str] = ""
    says: ClassVar[Mapping[str, str]] = {}

    # Configurations

    def place_for(self, method: str) -> str:
        """Return the place whose settings are shown with a method if none is named."""
        return self.usual_place

    @abstractmethod
    def resolve(self, place: str, method: str, numbers: Mapping[str, Any], changes: Mapping[str, str]) -> C:
        """Return the configuration that names, numbers of the run and changed settings (texts) stand for.

        Raises:
            UnknownNameError: no such place, method, setting or value.
            AccumbensError: a value that cannot be used.
        """

    @abstractmethod
    def knows(self, place: str) -> bool:
        """Return whether it has an environment or a task of that name.

        Raises:
            AccumbensError: the module in `module:id` cannot be imported.
        """

    def places(self) -> Names:
        """Return its environments or tasks."""
        return Names()

    def methods(self) -> Names:
        """Return its agents or rules."""
        return Names()

    def to_document(self, config: C) -> dict[str, Any]:
        """Return the tables of `config.toml`."""
        return {self.words.table: plain(config)}

    @abstractmethod
    def from_document(self, document: Mapping[str, Any], known: bool = True) -> C:
        """Return the configuration that `to_document` made these tables of.

        Args:
            document: the tables.
            known: its place must be known here; otherwise its name is taken as it is, and nothing is imported.

        Raises:
            AccumbensError: they hold what no run could use.
        """

    def read(self, path: Path, known: bool = True) -> C:
        """Read a `config.toml`; see `from_document`.

        Raises:
            AccumbensError: the file is missing or of another kind of run, holds what no run could use, or its place is
                not known here.
        """
        document = read_document(path)
        if self.words.table not in document:
            made = f"this is for {self.words.name}s, which 'accumbens {self.words.verb}' makes"
            raise AccumbensError(f"{path} is of another kind of run: {made}")
        try:
            return self.from_document(document, known)
        except (KeyError, TypeError, ValueError, AccumbensError) as error:
            if isinstance(error, UnknownNameError) and error.value == document[self.words.table][self.words.place_key]:
                raise self._unregistered(path, error) from error
            raise AccumbensError(f"{path} cannot be read as a run's configuration: {error}") from error

    def _unregistered(self, path: Path, error: UnknownNameError) -> AccumbensError:
        """The error of a run whose place was registered by a process that is over."""
        place, name = self.words.place, error.value
        if ":" in name:  # its module does not register it any more
            return AccumbensError(f"{path} needs its {place}: {error}")
        return AccumbensError(
            f"the {place} {name!r} of {path} is not registered in this process, as it was by the script that made it: "
            f"import or register it in Python before accumbens.open_run. Commands find what a module registers, if "
            f"the run is of 'module:{name}'"
        )

    def open(self, path: Path) -> tuple[RunDirectory, C]:
        """Return an existing run and its configuration.

        Raises:
            AccumbensError: there is no run of this kind at `path`.
        """
        run = existing_run(path)
        return run, self.read(run.config)

    def write(self, config: C, path: Path) -> None:
        """Write a `config.toml`, whole or not at all."""
        write_document(self.to_document(config), path)

    def create(self, config: C, out: Path, name: str | None, meta: Mapping[str, Any] | None = None) -> RunDirectory:
        """Make the directory of a new run; see `make_directory`.

        Raises:
            AccumbensError: a run of that name exists already.
        """
        return make_directory(self.folder(config, out), name, self.to_document(config), meta or {})

    def place(self, config: C) -> str:
        """Return what is learned, as folders are called."""
        return getattr(config, self.words.place_key)

    def method(self, config: C) -> str:
        """Return who learns, or how."""
        return getattr(config, self.words.method_key)

    def folder(self, config: C, out: Path) -> Path:
        """Return where runs of the method in that place are kept."""
        return out / self.place(config) / self.method(config)

    def size(self, config: C) -> int:
        """Return how long a run is for each seed, in its unit."""
        return getattr(config, self.words.length)

    def lengthened(self, config: C, length: int, step: int) -> tuple[C, list[str]]:
        """Return the configuration of a longer run, and what the user should know of it, of schedules above all.

        Args:
            config: of the run.
            length: more than before.
            step: where it stands.

        Raises:
            AccumbensError: the run could not be so long.
        """
        return replace(config, **{self.words.length: length}), []

    def compared_settings(self, config: C) -> dict[str, Any]:
        """Return all settings but for those that a run of another seed differs in."""
        return {name: value for name, value in every_setting(config).items() if name not in self.not_compared}

    def differences(self, one: C, other: C) -> list[str]:
        """Return the settings in which two runs differ, of those that both have; seeds and evaluations do not count."""
        mine, others = self.compared_settings(one), self.compared_settings(other)
        return [name for name, value in mine.items() if name in others and value != others[name]]

    def usual(self, config: C) -> dict[str, Any]:
        """Return the settings that a run of this method in this place has if nothing is asked for; not all are there.

        Raises:
            AccumbensError: the place or the method is not known here.
        """
        return {}

    def sources(self, config: C) -> dict[str, str]:
        """Return where the values of `usual` come from, such as a paper; `default` if nothing is said.

        Raises:
            AccumbensError: the place or the method is not known here.
        """
        return {}

    # Work

    @abstractmethod
    def make_job(self, config: C) -> Job[Any]:
        """Return what does the work of a run; nothing is compiled yet.

        Raises:
            AccumbensError: something that it needs cannot be made, or a setting does not fit it.
        """

    def programs(self, configs: Sequence[C]) -> list[list[int]]:
        """Return which of these runs learn side by side, each group in one compiled program.

        Args:
            configs: of one place and one method.

        Returns:
            the indices of each group's configurations: by default, every run alone.

        Raises:
            AccumbensError: as for `make_job`.
        """
        return [[index] for index in range(len(configs))]

    def make_jobs(self, configs: Sequence[C]) -> Job[Any]:
        """Return what does the work of one of the groups of `programs`.

        Raises:
            AccumbensError: as for `make_job`.
        """
        (config,) = configs
        return self.make_job(config)

    @abstractmethod
    def plan(self, config: C) -> Plan:
        """Return what a run would cost.

        Raises:
            AccumbensError: as for `make_job`.
        """

    def require_usable(self, configs: Sequence[C]) -> None:
        """Refuse what cannot be made, before hours of others.

        Raises:
            AccumbensError: says which.
        """

    @abstractmethod
    def come_to(self, job: Any, files: RunDirectory, step: int, per_second: float, **common: Any) -> Result:
        """Return what a run came to.

        Args:
            job: its work.
            files: of the run.
            step: where it stands.
            per_second: steps of all seeds in a second of this session's learning.
            common: the fields of `Result`.
        """

    def recorded(self, run: RunDirectory) -> Any:
        """Return what a run that reached its end came to, a `Result`; None for one that did not."""
        found = run.read_meta().get("result")
        return None if found is None or found["interrupted"] else self._result(found, run)

    def paused(self, run: RunDirectory, until: float) -> Any:
        """Return what a run came to that reached this part of its length; None for one that did not, or not yet."""
        meta = run.read_meta()
        found = meta.get("result")
        if found is None or found[f"{self.words.step}s"] < math.ceil(until * meta.get("total", math.inf)):
            return None
        return self._result(found, run)

    def _result(self, found: Mapping[str, Any], run: RunDirectory) -> Any:
        def number(value: Any) -> Any:  # JSON has no NaN
            return [float("nan") if item is None else item for item in value] if isinstance(value, list) else value

        fields: dict[str, Any] = {name: number(value) for name, value in found.items()} | {"run": str(run.path)}
        return self.result(**fields)

    def draw(self, config: C, metrics: Path, evaluations: Path, picture: Path) -> None:
        """Draw a run's learning curve.

        Args:
            config: what it was asked to do.
            metrics: its `metrics.csv`, or an export's `curve.csv`.
            evaluations: its `evaluations.csv`, or an export's.
            picture: to write.
        """

    def is_score(self, column: str) -> bool:
        """Return whether a column of `metrics.csv` says how good the run is."""
        return column == self.curve_column

    def tracked(self, row: Mapping[str, Any]) -> dict[str, float]:
        """Return the numbers of a row that trackers are told, by name."""
        left_out = ("step", "seed")
        return {f"seed{row['seed']}/{name}": float(value) for name, value in row.items() if name not in left_out}

    # What is shown while it works

    def heading(self, config: C) -> list[str]:
        """Return what a run is about: the place first."""
        return [self.place(config), self.method(config)]

    def position(self, config: C, step: int, total: int) -> str:
        """Return where a run stands."""
        return f"{step:,}/{total:,} {self.words.step}s"

    def evaluated(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Return what an evaluation came to, in a line."""
        scores = [name for name in rows[0] if name not in ("step", "seed", "wall_seconds")]
        means = {name: sum(float(row[name]) for row in rows) / len(rows) for name in scores}
        return "  ".join(f"{name} {value:.4g}" for name, value in means.items())

    def faster(self, config: C) -> str:
        """Return how a run could be faster."""
        return f"--{self.words.length.replace('_', '-')} N makes it shorter"

    @abstractmethod
    def summary(self, result: Any) -> dict[str, str]:
        """Return what a run came to, by name: its scores, and how long it was."""

    @abstractmethod
    def line(self, result: Any) -> str:
        """Return what a run came to, in a few words."""

    def look_again(self, run: str) -> str:
        """Return the command that shows a run, whose path can be typed as it is given."""
        return f"accumbens report {run}"

    # What is asked afterwards, each by the room of that name; what a kind does not say has a default

    @cached_property
    def comparing(self) -> "Comparing":
        """What `accumbens compare` asks: by default, about the curve's last number, of which more is better."""
        from accumbens.runs.comparing import Comparing, Metric

        metric = Metric(self.curve_column, f"the last {self.words.score} of each seed", self.words.score_form)
        return self._said("comparing") or Comparing((metric,), by=(self.words.method_key,))

    @cached_property
    def chapter(self) -> "Chapter":
        """What `accumbens report` asks: by default, the curve and where it ends."""
        from accumbens.runs.chapter import Chapter

        return self._said("chapter") or Chapter(self)

    @cached_property
    def sharing(self) -> "Sharing":
        """What `accumbens export` and `accumbens.load` ask: by default, the plain network."""
        from accumbens.runs.sharing import Sharing

        return self._said("sharing") or Sharing(self)

    @cached_property
    def experimenting(self) -> "Experimenting":
        """What `accumbens experiment` asks: by default, about words and curve."""
        from accumbens.runs.experimenting import Experimenting

        return self._said("experimenting") or Experimenting(self)

    def audit(self, config: C, measured: bool) -> Audit:
        """Derive from the computation itself what every part learns from.

        Args:
            config: of a run.
            measured: compute derivatives, and disturb what is learned, too.

        Raises:
            AccumbensError: there is nothing that could be audited.
        """
        audit = self._said("audit")
        if audit is None:
            raise AccumbensError(f"there is no audit for a {self.words.name}")
        return audit(config, measured)

    def analysis(self, run: Path, step: int | None, seed: int | None, options: Mapping[str, Any]) -> "Analysis":
        """Return how `accumbens analyze` looks into a run.

        Args:
            run: its directory.
            step: of the snapshot; None takes the newest.
            seed: to picture; None takes the first.
            options: those that were given beside these, by name.

        Raises:
            AccumbensError: it cannot be analysed, or an option is not for such runs.
        """
        return self._asked("analysis", "analysed")(run, step, seed, options)

    @property
    def evaluating(self) -> "Evaluating":
        """What `accumbens evaluate` asks.

        Raises:
            AccumbensError: runs of this kind cannot be evaluated by themselves.
        """
        return self._asked("evaluating", "evaluated")

    def watch(self, request: Any, terminal: bool) -> dict[str, Any]:
        """Show what a run learned, in a video or the terminal; return what `accumbens watch --json` prints.

        Args:
            request: the command's options.
            terminal: live, instead of a video.

        Raises:
            AccumbensError: it cannot be watched, or an option is not for such runs.
        """
        return self._asked("watching", "watched")(request, terminal)

    def _asked(self, room: str, done: str) -> Any:
        """What the kind says to a room that it need not have.

        Raises:
            AccumbensError: it says nothing.
        """
        said = self._said(room)
        if said is None:
            raise AccumbensError(f"a {self.words.name} cannot be {done}")
        return said

    def _said(self, room: str) -> Any:
        """What the kind itself says to a room, imported when it is first asked; None if it says nothing."""
        if room not in self.says:
            return None
        module, _, name = self.says[room].partition(":")
        return getattr(importlib.import_module(module), name)

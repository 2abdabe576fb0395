"""`accumbens export`: hand on what was trained."""

from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, RunPath, default, parsed

OUTPUT = tyro.conf.arg(aliases=["-o"], metavar="FOLDER")


def export(
    run: RunPath,
    /,
    *,
    output: Annotated[Path | None, OUTPUT, default("a folder in the run's export/")] = None,
    seed: Annotated[int | None, parsed("seed", int, "SEED"), default("the run's first")] = None,
    step: Annotated[int | None, parsed("step", int, "STEP"), default("the newest")] = None,
    force: Flag = False,
    without_video: Flag = False,
    licence: Annotated[str, parsed("licence", str, "ID")] = "apache-2.0",
    push: Annotated[str | None, parsed("push", str, "USER/REPO"), default("nowhere")] = None,
    private: Flag = False,
    update: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Write a folder that accumbens.load opens anywhere: weights, configuration, curves, model card, video.

    It is for acting and predicting; to continue a run, use its own directory. The folder contains no code.

    Args:
        run: directory.
        output: The folder.
        force: Replace an earlier export; without it, existing results are never overwritten.
        seed: Seed whose network is exported; by default the first, so that it is not chosen by its results.
        step: Snapshot of the network.
        without_video: Leave out the GIF of an episode.
        licence: Licence of the weights, for the model card.
        push: Also upload the folder to the Hugging Face Hub; needs the extra hub and a token with write access.
        private: Make the repository on the Hub private.
        update: Replace what the repository on the Hub already contains.
        json: Print the result as one line of JSON on standard output; everything else goes to standard error.
        quiet: Print only warnings, on standard error.
    """
    from rich.console import Console
    from rich.markup import escape

    from accumbens import kinds
    from accumbens.cli.terminal import print_json
    from accumbens.errors import AccumbensError
    from accumbens.share import hub
    from accumbens.share.export import export as export_run

    console = Console(stderr=json or quiet, highlight=False)
    if push is None and (private or update):
        raise AccumbensError("--private and --update are for --push USER/REPO")
    if push is not None:
        hub.require_pushable(push)
    kind = kinds.open_run(run)[0]
    sharing = kind.sharing

    def make_video(path: Path) -> None:
        module, _, function = sharing.video.partition(":")
        try:
            getattr(import_module(module), function)(run, path, seed, step)
        except AccumbensError as error:
            console.print(f"[yellow]note:[/] no video: {escape(str(error))}", soft_wrap=True)

    with console.status("exporting …") if not quiet else nullcontext():
        options = {"seed": seed, "step": step, "repo": push, "licence": licence}
        video = make_video if sharing.video and not without_video else None
        folder, files, learned = export_run(run, output, make_video=video, force=force, **options)
    size = sum((folder / name).stat().st_size for name in files)
    if not quiet:
        what = f"seed {learned.seed} at {kind.words.step} {learned.step:,}"
        console.print(f"exported: {what}, {len(files)} files, {size / 1e6:.2f} MB")
        console.print(str(folder), soft_wrap=True, markup=False)
        used = sharing.used(learned)
        use = f'accumbens.load("{escape(str(folder))}").{used}'
        console.print(f"[dim]{used.partition('(')[0]}:[/] {use}", soft_wrap=True)
    url = None
    if push is not None:
        with console.status(f"pushing to {push} …") if not quiet else nullcontext():
            url = hub.push(folder, push, private=private, update=update)
        if not quiet:
            console.print(f"pushed: {url}", soft_wrap=True)
    if json:
        document = {"run": str(run), "folder": str(folder), "files": files, "bytes": size}
        print_json(document | {"seed": learned.seed, "step": learned.step, "pushed": url})
    return 0

"""`accumbens export`: hand on what was trained."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import tyro

from accumbens.cli.arguments import Flag, RunPath, default, parsed

OUT = tyro.conf.arg(name="out", aliases=["-o"], metavar="DIR")


def export(
    run: RunPath,
    /,
    *,
    out: Annotated[Path | None, OUT, default("a folder in the run's export/")] = None,
    seed: Annotated[int | None, parsed("seed", int, "SEED"), default("the run's first")] = None,
    step: Annotated[int | None, parsed("step", int, "STEP"), default("the newest")] = None,
    without_video: Flag = False,
    licence: Annotated[str, parsed("licence", str, "ID")] = "apache-2.0",
    push: Annotated[str | None, parsed("push", str, "USER/REPO"), default("nowhere")] = None,
    private: Flag = False,
    update: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Write a folder that accumbens.load opens anywhere: weights, configuration, curves, card, an agent's video.

    It is for acting or predicting; a run is continued from its own directory. Nothing in the folder is code.

    Args:
        run: directory.
        out: The folder; it must be new.
        seed: Whose network; the first one, so that it is not chosen by its results.
        step: Which snapshot of the network.
        without_video: Leave out the GIF of an episode.
        licence: Of the weights, as the card says it.
        push: Upload the folder to the Hugging Face Hub too; needs the extra hub and a token that may write.
        private: Make the repository on the Hub private.
        update: Replace what the repository on the Hub holds already.
        json: Print one line of JSON on standard output, last; everything else goes to standard error.
        quiet: Print nothing but warnings, and those on standard error.
    """
    from rich.console import Console
    from rich.markup import escape

    from accumbens.cli.terminal import print_json
    from accumbens.credit.config import is_fit
    from accumbens.errors import AccumbensError
    from accumbens.share import hub

    console = Console(stderr=json or quiet, highlight=False)
    if push is None and (private or update):
        raise AccumbensError("--private and --update are for --push USER/REPO")
    if push is not None:
        hub.require_pushable(push)
    of_fit = is_fit(run / "config.toml")

    def make_video(path: Path) -> None:
        from accumbens.cli.watch_view import Request, write

        try:
            write(Request(run, path, seed, step, 0, 0.0, 500, None, False, json=True, quiet=True))
        except AccumbensError as error:
            console.print(f"[yellow]note:[/] no video: {escape(str(error))}", soft_wrap=True)

    with console.status("exporting …") if not quiet else nullcontext():
        options = {"seed": seed, "step": step, "repo": push, "licence": licence}
        if of_fit:
            from accumbens.share.network_export import export_network

            exported = export_network(run, out, **options)
        else:
            from accumbens.share.export import export as export_agent

            exported = export_agent(run, out, make_video=None if without_video else make_video, **options)
    size = sum((exported.folder / name).stat().st_size for name in exported.files)
    if not quiet:
        what = f"seed {exported.seed} at {'update' if of_fit else 'step'} {exported.trained.step:,}"
        console.print(f"exported: {what}, {len(exported.files)} files, {size / 1e6:.2f} MB")
        console.print(str(exported.folder), soft_wrap=True, markup=False)
        use, call = ("predict", "predict(x)") if of_fit else ("act", "act(observation)")
        console.print(f'[dim]{use}:[/] accumbens.load("{escape(str(exported.folder))}").{call}', soft_wrap=True)
    url = None
    if push is not None:
        with console.status(f"pushing to {push} …") if not quiet else nullcontext():
            url = hub.push(exported.folder, push, private=private, update=update)
        if not quiet:
            console.print(f"pushed: {url}", soft_wrap=True)
    if json:
        document = {"run": str(run), "folder": str(exported.folder), "files": exported.files, "bytes": size}
        print_json(document | {"seed": exported.seed, "step": exported.trained.step, "pushed": url})
    return 0

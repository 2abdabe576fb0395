"""The Hugging Face Hub: exported folders there and back. Needs the extra `hub`."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accumbens import kinds
from accumbens.errors import AccumbensError
from accumbens.share.load import HUB_NAME
from accumbens.share.weights import CONFIG, WEIGHTS


def require_pushable(repo: str) -> None:
    """Refuse a repository that could not be pushed to, before anything is made for it.

    Raises:
        AccumbensError: the name is not `user/repo`, huggingface_hub is not installed, or there is no token.
    """
    hub = _hub()
    if not re.fullmatch(HUB_NAME, repo, re.ASCII):
        raise AccumbensError(f"push={repo!r} cannot be used: expected USER/REPO of the Hugging Face Hub")
    if not hub.get_token():
        raise AccumbensError(
            "there is no token for the Hugging Face Hub: log in with 'hf auth login', or put a token that may write "
            "(https://huggingface.co/settings/tokens) into the environment variable HF_TOKEN"
        )


def push(folder: Path, repo: str, *, private: bool = False, update: bool = False) -> str:
    """Upload an exported folder as one commit.

    Args:
        folder: of `export`.
        repo: `user/repo`, made if it is not there.
        private: make it private.
        update: it may hold something already, which becomes its history.

    Returns:
        the address of the commit.

    Raises:
        AccumbensError: the repository holds files already, or the Hub refuses or cannot be reached.
    """
    require_pushable(repo)
    api = _hub().HfApi(endpoint=_endpoint(), library_name="accumbens")
    with _clear_errors(f"cannot push to {repo}"):
        api.create_repo(repo, private=private, exist_ok=True)
        there = set(api.list_repo_files(repo)) - {".gitattributes"}
        if there and not update:
            raise AccumbensError(
                f"{repo} holds {len(there)} file(s) already, such as {min(there)}: choose another name, or replace "
                "them with --update"
            )
        nouns = {kind.sharing.file: kind.sharing.noun for kind in kinds.all_kinds()}
        noun = next(noun for file, noun in nouns.items() if (folder / file).exists())
        message = f"{'An' if noun[0] in 'aeiou' else 'A'} {noun} trained with accumbens"
        commit = api.upload_folder(repo_id=repo, folder_path=folder, commit_message=message)
    return str(commit.commit_url)


def download(address: str) -> Path:
    """Fetch what `load` needs of an exported folder, or take it from the cache.

    Args:
        address: `user/repo`, or `user/repo@revision`.

    Returns:
        the folder in the Hub's cache.

    Raises:
        AccumbensError: huggingface_hub is not installed, or there is no such repository, or the Hub cannot be reached.
    """
    hub = _hub()
    repo, _, revision = address.partition("@")
    if not re.fullmatch(HUB_NAME, repo, re.ASCII):
        raise AccumbensError(f"'hf://{address}' cannot be used: expected hf://USER/REPO or hf://USER/REPO@REVISION")
    with _clear_errors(f"cannot fetch hf://{address}"):
        files = [*(kind.sharing.file for kind in kinds.all_kinds()), CONFIG, WEIGHTS]
        options: dict[str, Any] = {"revision": revision or None, "allow_patterns": files, "endpoint": _endpoint()}
        return Path(hub.snapshot_download(repo, **options))


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise AccumbensError(
            "the Hugging Face Hub needs huggingface_hub, which is not installed. In a checkout run "
            """'uv sync --extra hub', elsewhere 'pip install "accumbens[hub]"'."""
        ) from error
    return huggingface_hub


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT")  # asked for now; huggingface_hub asks when it is imported


@contextmanager
def _clear_errors(what: str) -> Iterator[None]:
    """Say in one line what the Hub or the way there refuses, and show no bars, which are not ours to show."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    client_error: Any = HfHubHTTPError.__mro__[1]  # of its HTTP client, which differs from version to version
    disabled = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    except HfHubHTTPError as error:
        reason = error.server_message or str(error).strip().splitlines()[0]
        raise AccumbensError(f"{what}: {reason}") from error
    except (client_error, HFValidationError, OSError, RuntimeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise AccumbensError(f"{what}: {lines[0]}") from error
    finally:
        if not disabled:
            enable_progress_bars()

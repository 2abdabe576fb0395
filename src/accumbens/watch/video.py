"""Writing frames as a GIF, through Pillow, or as an MP4, through ffmpeg."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from accumbens.errors import AccumbensError, UnknownNameError
from accumbens.runs.outputs import require_free
from accumbens.writing import complete

FORMATS = (".gif", ".mp4")
_EXACT, _MEDIAN, _CLOSE = 96, 96, 7


@runtime_checkable
class Strip(Protocol):
    """All frames of a video, drawn one at a time."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every frame, both even."""
        ...

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    def __iter__(self) -> Iterator[Image.Image]:
        """Draw one frame after another."""
        ...

    def draw(self, time: int) -> Image.Image:
        """Return one frame."""
        ...


def require_writable(path: Path, force: bool = False) -> None:
    """Refuse a file that cannot become a video, before minutes are spent on it.

    Args:
        path: the file.
        force: whether an existing file may be replaced.

    Raises:
        UnknownNameError: its ending is neither `.gif` nor `.mp4`.
        AccumbensError: it exists, or an MP4 is wanted and there is no ffmpeg.
    """
    if path.suffix.lower() not in FORMATS:
        raise UnknownNameError("video format", path.suffix or path.name, list(FORMATS))
    require_free(path, force)
    if path.suffix.lower() == ".mp4":
        find_ffmpeg()


def find_ffmpeg() -> str:
    """Return the program that encodes MP4: that of the PATH, or that of the extra `video`.

    Raises:
        AccumbensError: there is none.
    """
    program = shutil.which("ffmpeg")
    if program:
        return program
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise AccumbensError(
            "an MP4 needs ffmpeg, which is not in the PATH. Install it (on Debian: apt install ffmpeg), or the extra "
            """'video': in a checkout 'uv sync --extra video', elsewhere 'pip install "accumbens[video]"'. """
            "A GIF needs nothing: -o FILE.gif"
        ) from error


def write_video(strip: Strip, path: Path, fps: int, frames: Iterable[Image.Image] | None = None) -> None:
    """Write all frames of a strip; the file appears when it is complete.

    Args:
        strip: the frames.
        path: of the video; its ending says the format.
        fps: frames per second. A GIF counts in hundredths of a second, so it may come out a little faster or slower.
        frames: the strip's frames as something else gives them, such as a progress bar; None takes them from the strip.

    Raises:
        AccumbensError: ffmpeg is missing, or fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = strip if frames is None else frames
    with complete(path) as unfinished:
        if path.suffix.lower() == ".gif":
            _write_gif(strip, unfinished, fps, frames)
        else:
            _write_mp4(strip.size, unfinished, fps, frames)


def _write_gif(strip: Strip, path: Path, fps: int, frames: Iterable[Image.Image]) -> None:
    """One palette for all frames, and no dithering, so that what did not change is the same and costs nothing."""
    last = len(strip) - 1
    samples = [strip.draw(round(last * part / 7)) for part in range(8)]
    sheet = Image.new("RGB", (strip.size[0], strip.size[1] * len(samples)))
    for index, sample in enumerate(samples):
        sheet.paste(sample, (0, index * strip.size[1]))
    palette = _palette(sheet)
    reduced = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    first = next(reduced)
    duration = max(round(100 / fps), 2) * 10  # browsers show shorter ones slowly
    # The last frame stays for two seconds before it begins again.
    durations = [duration] * last + [2000]
    with path.open("wb") as file:  # which Pillow would not close when it is interrupted
        first.save(file, "GIF", save_all=True, append_images=reduced, duration=durations, loop=0, optimize=True)


def _palette(sheet: Image.Image) -> Image.Image:
    """The most frequent colours as they are, so that paper stays white and cells keep theirs; medians for the others.

    None is very close to another: Pillow would take the one for the other, for it looks colours up a little coarsely.
    """
    pixels = np.asarray(sheet).reshape(-1, 3).astype(np.int32)
    numbers, counts = np.unique(pixels @ [1 << 16, 1 << 8, 1], return_counts=True)
    often = numbers[np.argsort(-counts, kind="stable")[:_EXACT]]
    exact = np.stack([often >> 16, often >> 8 & 255, often & 255], axis=1)
    medians = np.array(sheet.quantize(_MEDIAN, Image.Quantize.MEDIANCUT).getpalette()).reshape(-1, 3)[:_MEDIAN]
    kept: list[np.ndarray] = []
    for colour in [*exact, *medians]:
        if all(np.abs(colour - other).max() >= _CLOSE for other in kept):
            kept.append(colour)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate(kept).tolist())
    return palette


def _write_mp4(size: tuple[int, int], path: Path, fps: int, frames: Iterable[Image.Image]) -> None:
    pipe = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", str(fps), "-i", "-"]
    codec = ["-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18", "-movflags", "+faststart", "-f", "mp4"]
    command = [find_ffmpeg(), "-y", "-loglevel", "error", *pipe, *codec, str(path)]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints)
        try:
            assert process.stdin is not None
            _feed(process.stdin, frames)
        except BaseException:
            process.kill()
            raise
        finally:
            failed = process.wait()
        if failed:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip() or f"exit code {failed}"
            raise AccumbensError(f"ffmpeg could not write {path.name}: {said}")


def _feed(pipe: IO[bytes], frames: Iterable[Image.Image]) -> None:
    try:
        with pipe:
            for frame in frames:
                pipe.write(frame.tobytes())
    except BrokenPipeError:  # ffmpeg has given up, and says why
        return

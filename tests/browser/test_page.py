"""The page of the architecture in a real browser: nothing is missed in its console, and its diagrams are drawn."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture"
pytestmark = pytest.mark.timeout(300)


def browse(page: Path, picture: Path, size: str) -> str:
    """Opens a page, keeps what it looks like, and returns what the browser said."""
    program = shutil.which("chromium")
    assert program, "make test-browser installs the browser"
    command = [
        program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
        f"--user-data-dir={picture.parent / 'profile'}", "--enable-logging=stderr", "--force-device-scale-factor=1",
        f"--window-size={size}", f"--screenshot={picture}", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert picture.is_file(), done.stderr
    return done.stderr


def colours(picture: Path) -> Counter[str]:
    """How many pixels of a PNG have each colour."""
    data = picture.read_bytes()
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert depth == 8
    found: Counter[str] = Counter()
    size = {2: 3, 6: 4}[kind]
    for line in _lines(zlib.decompress(b"".join(_chunks(data))), width * size, height, size):
        found.update(line[n : n + 3].hex() for n in range(0, len(line), size))
    return found


def _chunks(data: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        if name == b"IDAT":
            yield data[at + 8 : at + 8 + length]
        at += length + 12


def _lines(raw: bytes, stride: int, height: int, size: int) -> Iterator[bytes]:
    """The lines of an image, each made of its differences from its neighbours, as PNG has them."""
    before = bytearray(stride)
    for n in range(height):
        method, line = raw[n * (stride + 1)], bytearray(raw[n * (stride + 1) + 1 : (n + 1) * (stride + 1)])
        for x in range(stride):
            left = line[x - size] if x >= size else 0
            above, corner = before[x], before[x - size] if x >= size else 0
            line[x] = (line[x] + _guess(method, left, above, corner)) & 255
        yield bytes(line)
        before = line


def _guess(method: int, left: int, above: int, corner: int) -> int:
    if method == 4:
        distances = (abs(above - corner), abs(left - corner), abs(left + above - 2 * corner))
        return (left, above, corner)[distances.index(min(distances))]
    return (0, left, above, (left + above) // 2)[method]


def drawn(svg: str) -> set[str]:
    """The colours that are filled or drawn in a picture."""
    return {one[1:].lower() for one in re.findall(r'(?:fill|stroke)="(#[0-9a-fA-F]{6})"', svg)}


def test_the_day_is_drawn_in_all_its_colours(tmp_path: Path) -> None:
    said = browse(ARCHITECTURE / "day.svg", tmp_path / "day.png", "1660,300")
    assert "CONSOLE" not in said
    found = colours(tmp_path / "day.png")
    assert {one for one in drawn((ARCHITECTURE / "day.svg").read_text()) if found[one] < 10} == set()


def test_the_page_opens_without_a_word_in_the_console_and_shows_its_diagrams(tmp_path: Path) -> None:
    said = browse(ARCHITECTURE / "index.html", tmp_path / "page.png", "1800,1400")
    assert [line for line in said.splitlines() if "CONSOLE" in line] == []
    found = colours(tmp_path / "page.png")
    # The first of its diagrams is the day.
    assert {one for one in drawn((ARCHITECTURE / "day.svg").read_text()) if found[one] < 10} == set()
    assert found["ffffff"] > 100_000

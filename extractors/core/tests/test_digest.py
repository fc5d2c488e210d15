"""A SHA-256 that is put down and taken up equals one that is not, wherever the cut is."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transload import digest
from transload.digest import ResumableSha256, resumable


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_it_equals_hashlibs_also_when_put_down_after_every_piece(pieces: list[bytes]) -> None:
    one, expected = ResumableSha256(), hashlib.sha256()
    for piece in pieces:
        if resumable():
            one = ResumableSha256(one.state())
        one.update(piece)
        expected.update(piece)
        assert one.hexdigest() == expected.hexdigest()


def test_another_process_goes_on_with_it() -> None:
    if sys.platform == "linux":
        assert resumable()
    first = ResumableSha256()
    first.update(b"a" * 1000)
    script = (
        "import sys; from transload.digest import ResumableSha256; one = ResumableSha256(sys.argv[1]); "
        "one.update(b'b' * 77); print(one.hexdigest())"
    )
    state = first.state() or ""
    done = subprocess.run([sys.executable, "-c", script, state], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(b"a" * 1000 + b"b" * 77).hexdigest()


@pytest.mark.parametrize("state", ["", "00", "no hex", "00" * 113])
def test_what_is_no_state_is_refused(state: str) -> None:
    with pytest.raises(ValueError, match=r"taken up|hexadecimal"):
        ResumableSha256(state)


def test_without_openssl_it_still_counts_but_cannot_be_put_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "_library", lambda: None)
    one = ResumableSha256()
    one.update(b"abc")
    assert one.hexdigest() == hashlib.sha256(b"abc").hexdigest()
    assert one.state() is None
    with pytest.raises(ValueError, match="cannot be taken up"):
        ResumableSha256("00" * 112)

"""Damaged and nonsensical models are refused with our error or read, in bounded time and memory."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microinterp.errors import ModelFormatError
from microinterp.model.reader import read_model
from microinterp.model.writer import write_model
from tests.fuzz import mutations, nonsense, read_all
from tests.raw_file import RawFile
from tests.sample_models import add_model, everything_model
from tests.shared import SHARED, model_paths, requires_shared

# Twenty times what reading takes per byte of a file of nothing but minimal tables, the worst case that is honest.
MOST_SECONDS_PER_BYTE = 25e-6
# The file's own tables may be shared up to four times, constants unpacked to 256 bytes per byte.
MOST_BYTES_PER_BYTE = 400
MOST_BYTES_FOR_FREE = 2**22
MOST_SECONDS_FOR_FREE = 2.0


def check(file: bytes) -> bool:
    """Read the file and all its constants; whether it is sound."""
    tracemalloc.start()
    started = time.perf_counter()
    try:
        read_all(file)
        return True
    except ModelFormatError:
        return False
    finally:
        seconds = time.perf_counter() - started
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert seconds < MOST_SECONDS_PER_BYTE * len(file) + MOST_SECONDS_FOR_FREE
        assert peak < MOST_BYTES_PER_BYTE * len(file) + MOST_BYTES_FOR_FREE


ADD, EVERYTHING = write_model(add_model()), write_model(everything_model())


@given(mutations(ADD))
def test_small_model_damaged(file: bytes) -> None:
    check(file)


@given(mutations(EVERYTHING))
def test_model_with_everything_damaged(file: bytes) -> None:
    check(file)


@given(nonsense(everything_model()))
def test_model_with_everything_talks_nonsense(file: bytes) -> None:
    check(file)


SMALL = [p for p in model_paths() if p.stat().st_size < 100_000]
SMALL += sorted(SHARED.glob("arena/synth/*.tflite")) if SHARED else []


@requires_shared
@given(st.data())
def test_real_models_damaged(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(SMALL))
    check(data.draw(mutations(path.read_bytes())))


@requires_shared
@given(st.data())
def test_real_models_talk_nonsense(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(SMALL))
    check(data.draw(nonsense(read_model(path.read_bytes()))))


@requires_shared
@pytest.mark.parametrize("path", SMALL[:3], ids=lambda path: path.stem)
def test_real_models_cut_short(path: Path) -> None:
    file = path.read_bytes()
    for length in range(0, len(file), 61):
        check(file[:length])


@pytest.mark.parametrize(("tensors", "operators"), [(5000, 0), (0, 5000)])
def test_files_of_minimal_tables(tensors: int, operators: int) -> None:
    raw = RawFile(2**16)
    lists = {0: raw.vector([raw.table() for _ in range(tensors)])}
    lists[3] = raw.vector([raw.table() for _ in range(operators)])
    subgraphs = raw.vector([raw.table(lists)])
    assert check(raw.finish([raw.table()], subgraphs, [raw.table()]))

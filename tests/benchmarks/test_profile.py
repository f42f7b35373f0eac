from __future__ import annotations

import faulthandler
import json
import signal
from pathlib import Path

import pytest

from benchmarks import profile as profiling
from benchmarks.profile import PHASES, Frame, classify, profile
from microinterp.errors import MicrointerpError
from microinterp_tools.models import NamedModel, open_model

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="the system has no SIGALRM")


def test_the_figures_add_up() -> None:
    result = profile(open_model("digits"), "tflite", seconds=0.6)
    assert result.samples > 10
    assert [o.name for o in result.operators][:1] == ["CONV_2D"]
    for operator in result.operators:
        assert operator.us > 0
        assert list(operator.phases) == list(PHASES)
        assert sum(operator.phases.values()) == pytest.approx(operator.us)
    assert sum(result.phases.values()) == pytest.approx(result.invoke_us)
    assert sum(o.us for o in result.operators) + result.between_us == pytest.approx(result.invoke_us)
    assert sum(line.us for line in result.lines) <= result.invoke_us - result.between_us + 1e-6


def test_a_batch_has_as_many_times_the_work() -> None:
    one, four = (profile(open_model("sine"), "tflite", batch=n, seconds=0.1) for n in (1, 4))
    assert [4 * o.macs for o in one.operators] == [o.macs for o in four.operators]


def test_a_model_that_cannot_run_is_refused() -> None:
    with pytest.raises(MicrointerpError):
        profile(NamedModel("junk", b"no model at all"), "tflite", seconds=0.1)


def test_the_command_prints_tables_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    profiling.main("digits", runtime="tflm", batch=1, fast=False, seconds=0.1, json_file=path)
    printed = capsys.readouterr().out
    assert "CONV_2D" in printed
    assert "invoke without instruments" in printed
    figures = json.loads(path.read_text("utf-8"))
    assert sum(figures["phases"].values()) == pytest.approx(figures["invoke_us"])


def test_stacks_are_read_as_faulthandler_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as log:
        for _ in range(2):
            faulthandler.dump_traceback(log, all_threads=False)
    first, second = profiling._parse(path)
    here = test_stacks_are_read_as_faulthandler_writes_them.__code__
    assert first[0] == second[0]
    assert (first[0].path, first[0].function) == (here.co_filename, here.co_name)
    assert classify(first[:1]) == "overhead"


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ([("requantize", "__call__", "scaled += offset")], "requantize"),
        ([("conv", "__call__", "self._requantize(acc, output)")], "overhead"),
        ([("convolution", "multiply", "np.matmul(a, b, out=acc)")], "product"),
        ([("fully_connected", "__call__", "acc = rows @ self._columns")], "product"),
        ([("ordered_product", "anything", "x = 1"), ("conv", "__call__", "")], "product"),
        ([("convolution", "fill", "target[...] = image")], "gather/pad"),
        ([("clamp", "clamp", "np.minimum(x, high, out=x)"), ("conv", "__call__", "")], "bias/activation"),
        ([("softmax", "__call__", "y = x + 1")], "other"),
        # the innermost frame that a rule knows decides
        ([("fixed_point", "f", "x"), ("softmax", "__call__", "")], "requantize"),
        ([("hybrid", "_quantize", "x * y"), ("conv", "__call__", "self.quantize(x)")], "requantize"),
        # glue is overhead, but not what it calls
        ([("new_module", "f", "x"), ("conv", "__call__", "self.go(x)")], "other"),
        ([], "overhead"),
    ],
)
def test_stacks_are_classified(tmp_path: Path, stack: list[tuple[str, str, str]], expected: str) -> None:
    folder = tmp_path / "microinterp_kernels"
    folder.mkdir()
    frames = []
    for module, function, line in stack:
        path = folder / f"{module}.py"
        path.write_text(f"\n    {line}\n")
        frames.append(Frame(str(path), 2, function))
    assert classify([*frames, Frame(__file__, 1, "step")]) == expected

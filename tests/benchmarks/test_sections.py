"""The measurements run and their figures fit together; how large they are is not tested."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import chain, cold, invoke, throughput
from benchmarks.common import Array, Verdict, geometric_mean, has_float_products, mean_verdict, open_models
from microinterp import load
from microinterp_tools.models import NamedModel, open_model
from tests.oracles import RUNTIME_NAMES, available

requires_litert = pytest.mark.skipif(available("tflite") is not None, reason=str(available("tflite")))
requires_both = pytest.mark.skipif(
    any(available(name) for name in RUNTIME_NAMES), reason="needs both native runtimes to compare with"
)


@requires_litert
def test_invokes_have_the_native_bytes() -> None:
    timing = invoke.measure(open_model("sine-float"), "tflite", rounds=1)
    assert timing.refusal == ""
    assert timing.equal
    assert timing.ratio is not None
    assert timing.fast_ratio is not None
    assert timing.deviation < 1e-5


@requires_litert
def test_a_model_that_is_refused_says_so() -> None:
    timing = invoke.measure(NamedModel("junk", b"no model at all"), "tflite", rounds=1)
    assert timing.ratio is None
    assert timing.refusal


@requires_both
def test_the_chain_has_the_native_bytes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    command.main([command.Section.CHAIN], rounds=1, json_file=path)
    figures = json.loads(path.read_text("utf-8"))["chain"]
    assert all(f["same_bytes"] for f in figures["per_operator"].values())
    assert list(figures["per_operator"]) == list(RUNTIME_NAMES)
    assert "µs per operator, tflm" in capsys.readouterr().out


def test_a_chain_is_as_long_as_asked_for() -> None:
    (subgraph,) = load(chain.chain_model(7).content).subgraphs
    assert len(subgraph.operators) == 7


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads its memory from /proc")
def test_cold_processes_are_measured() -> None:
    results = cold.measure(open_model("sine"), runs=1)
    assert {"NumPy alone", "microinterp"} <= set(results)
    for runs in results.values():
        assert len(runs.work) == len(runs.process) == len(runs.peak) == 1
        assert 0 < runs.work[0] < runs.process[0]
        assert runs.peak[0] > 2**20


@requires_litert
def test_throughput_compares_the_batch_with_single_invokes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "_MOST", 50)
    result = throughput.measure(open_model("digits"), rounds=1)
    assert result.refusal == ""
    assert result.equal
    assert 0 < result.samples <= 50
    assert len(result.native) == len(result.ours) == 1
    assert result.ratio(result.ours) == pytest.approx(result.native[0] / result.ours[0])


@requires_litert
def test_throughput_notices_other_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    run_batch = throughput.run_batch

    def wrong(*arguments: Any) -> list[Array]:
        (outputs,) = run_batch(*arguments)
        outputs[-1] ^= 1
        return [outputs]

    monkeypatch.setattr(throughput, "_MOST", 50)
    monkeypatch.setattr(throughput, "run_batch", wrong)
    assert not throughput.measure(open_model("sine"), rounds=1).equal


@requires_litert
def test_a_native_loop_that_fails_says_so() -> None:
    with (
        throughput.NativeLoop(NamedModel("junk", b"no model at all")) as loop,
        pytest.raises(throughput.NativeLoopError, match="odel"),
    ):
        loop.run([])


def test_verdicts() -> None:
    assert geometric_mean([2, 8]) == pytest.approx(4)
    (verdict,) = mean_verdict("this", [2.0, None, 8.0], 5)
    assert str(verdict) == "this, geometric mean of 2 models: 4.00 (target ≥ 5): NOT MET"
    assert mean_verdict("nothing", [None], 5) == []
    assert Verdict("time", 1.5, 1.5, at_most=True).is_met
    assert not Verdict("time", 1.6, 1.5, at_most=True).is_met


def test_targets_are_those_of_the_sets() -> None:
    slow, quick = (invoke.Timing(native=[1.0], ours=[ours]) for ours in (2.0, 0.5))
    verdicts = invoke._verdicts(
        {
            "person_detect.tflite": {"tflite": invoke.Timing(refusal="no"), "tflm": slow},
            "kws_ref_model.tflite": {"tflite": quick, "tflm": quick},
            "unknown.tflite": {"tflite": slow, "tflm": slow},
        }
    )
    assert [(v.value, v.bound) for v in verdicts] == [
        (pytest.approx(1), 3),
        (pytest.approx(1), 6),
        (0.5, 1),
    ]


def test_float_products_are_found() -> None:
    assert has_float_products(open_model("sine-float"))
    assert not has_float_products(open_model("sine"))
    assert [m.name for m in open_models(["sine"], ["int8"])] == ["sine"]

"""`microinterp arena`, as a user calls it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from microinterp import load
from microinterp.memory.arena import estimate_arena
from microinterp.model.ir import TensorType
from microinterp.model.writer import write_model
from microinterp_tools.models import open_model
from tests.random_graphs import ModelBuilder
from tests.shared import SHARED, model_paths, requires_shared
from tests.single_op import TensorSpec, single_op_model
from tests.tools.command import Command

KEYS = {
    *("model", "target", "kernels", "tflm_commit", "total", "head", "tail", "min_arena"),
    *("min_arena_lower_bound", "sections", "operators", "plan"),
}
BUFFER_KEYS = ["kind", "subgraph", "index", "name", "size", "first_use", "last_use", "offset"]
SVG = "{http://www.w3.org/2000/svg}"


def real(name: str) -> str:
    assert SHARED is not None
    return str(next(SHARED.glob(f"models/*/{name}.tflite")))


def own_operator(tmp_path: Path) -> str:
    tensor = TensorSpec([1, 4], TensorType.FLOAT32)
    path = tmp_path / "own.tflite"
    path.write_bytes(single_op_model("MyOwnOp", [tensor], [tensor], custom_options=b""))
    return str(path)


@requires_shared
def test_the_answer_comes_first_and_is_what_tflm_needs(command: Command) -> None:
    """82320 bytes: measured on a Cortex-M4 with CMSIS-NN (golden_cortex_m_cmsis_nn.json)."""
    lines = command("arena", real("person_detect")).out.splitlines()
    assert lines[0] == "tensor_arena: 82320 bytes (cortex-m4, cmsis-nn)"
    first = command("arena", real("person_detect"), "--target", "x86-64").out.splitlines()[0]
    assert first == "tensor_arena: 85024 bytes (x86-64, reference)"


@requires_shared
def test_the_breakdown_and_the_map_follow(command: Command) -> None:
    out = command("arena", real("person_detect")).out
    assert re.search(r"^ *55296 +head", out, re.MULTILINE)
    assert re.search(r"^ *27012 +tail", out, re.MULTILINE)
    assert re.search(r"^ *82308 +total", out, re.MULTILINE)
    assert re.search(r"^PersistentBufferData +23856 +23692 +88", out, re.MULTILINE)
    assert "fullest at operator 2 (CONV_2D): 55296 bytes alive" in out
    assert "tensor 54: 36864 bytes at 0" in out
    assert len(re.findall(r"^ *\d+ [·\w]{32}$", out, re.MULTILINE)) == 20  # a column for each time
    assert "\x1b" not in out


def test_several_models_and_targets_make_a_table(command: Command) -> None:
    arguments = ["digits", "sine", "--target", "cortex-m0", "--target", "x86-64", "--target", "generic-32"]
    lines = command("arena", *arguments).out.splitlines()
    rows = [line.split() for line in lines]
    assert rows[0] == ["model", "target", "kernels", "tensor_arena", "total", "head", "tail"]
    assert [row[:3] for row in rows[1:]] == [
        [model, target, kernels]
        for model in ("digits", "sine")
        for target, kernels in (
            ("cortex-m0", "cmsis-nn"),
            ("x86-64", "reference"),
            ("generic-32", "reference"),
        )
    ]
    report = estimate_arena(load(open_model("sine").content), "generic-32")
    assert rows[-1][3:] == [str(n) for n in (report.min_arena, report.total, report.head, report.tail)]


@pytest.mark.parametrize("model", ["digits", "sine", "sine-float"])
def test_json_has_the_promised_keys(command: Command, model: str) -> None:
    result = json.loads(command("arena", model, "--json").out)
    assert set(result) >= KEYS
    assert result["total"] == result["head"] + result["tail"]
    assert result["plan"]
    for b in result["plan"]:
        assert list(b) == BUFFER_KEYS
        assert b["kind"] in ("tensor", "scratch")
    assert set(result["sections"]["PersistentBufferData"]) == {"requested", "used", "count"}
    assert {"operator", "index", "subgraph", "persistent", "scratch", "known"} == set(result["operators"][0])


def test_json_of_several_is_a_list(command: Command) -> None:
    results = json.loads(command("arena", "digits", "sine", "--json").out)
    assert [r["model"] for r in results] == ["digits", "sine"]


def test_arena_size_says_whether_it_fits(command: Command) -> None:
    size = json.loads(command("arena", "digits", "--json").out)["min_arena"]
    enough = command("arena", "digits", "--arena-size", str(size + 5))
    assert enough.code == 0
    assert enough.out.splitlines()[-1] == f"fits: digits on cortex-m4 leaves 5 of {size + 5} bytes free"
    short = command("arena", "digits", "--arena-size", str(size - 16))
    assert short.code == 1
    assert (
        short.out.splitlines()[-1]
        == f"does not fit: digits on cortex-m4 needs 16 bytes more than {size - 16}"
    )
    result = command("arena", "digits", "--arena-size", str(size - 16), "--json")
    assert result.code == 1
    assert json.loads(result.out)["fits"] is False
    assert json.loads(result.out)["headroom"] == -16


def test_arena_size_of_several_must_fit_all(command: Command) -> None:
    sizes = {r["model"]: r["min_arena"] for r in json.loads(command("arena", "digits", "sine", "--json").out)}
    assert sizes["sine"] < sizes["digits"]
    result = command("arena", "digits", "sine", "--arena-size", str(sizes["sine"]))
    assert result.code == 1
    assert [line.split(":")[0] for line in result.out.splitlines()[-2:]] == ["does not fit", "fits"]


def test_an_operator_of_ones_own_is_named_and_never_guessed(command: Command, tmp_path: Path) -> None:
    path = own_operator(tmp_path)
    result = command("arena", path, "--arena-size", "1000000")
    assert result.code == 1
    lines = result.out.splitlines()
    assert re.match(r"tensor_arena: at least \d+ bytes \(cortex-m4, cmsis-nn\)", lines[0])
    assert lines[1] == (
        "unknown: MyOwnOp (subgraph 0, operator 0): cmsis-nn has no figures for it; its bytes are not counted"
    )
    assert lines[-1] == "cannot tell: own.tflite on cortex-m4 needs more than could be counted"
    described = json.loads(command("arena", path, "--json", "--arena-size", "1000000").out)
    assert described["exact"] is False
    assert described["fits"] is None
    assert described["operators"][0]["known"] is False
    assert "≥ " in command("arena", path, "digits").out


@requires_shared
def test_a_model_that_tflm_cannot_run_is_explained(command: Command) -> None:
    result = command("arena", real("kws_ref_model_float32"), "--arena-size", "1000000")
    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[0] == (
        "tensor_arena: none will do, TFLite Micro cannot run this model (cortex-m4, cmsis-nn)"
    )
    assert "operator 0 (CONV_2D" in lines[1]
    assert "INT8" in lines[1]
    assert lines[-1] == "does not run: kws_ref_model_float32.tflite on cortex-m4"
    table = command("arena", real("kws_ref_model_float32"), "digits").out
    assert "kws_ref_model_float32.tflite: TFLite Micro cannot run it: operator 0 (CONV_2D" in table


def test_an_operator_that_tflm_lacks_is_named(command: Command, tmp_path: Path) -> None:
    tensor = TensorSpec([1, 4], TensorType.FLOAT32)
    path = tmp_path / "pow.tflite"
    path.write_bytes(single_op_model("POW", [tensor, tensor], [tensor]))
    lines = command("arena", str(path)).out.splitlines()
    assert lines[:2] == [
        "tensor_arena: none will do, TFLite Micro cannot run this model (cortex-m4, cmsis-nn)",
        "it has no operator POW",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "cortex-m99"], "x86-64, cortex-m0, cortex-m3"),
        (["--kernels", "fast"], "reference, cmsis-nn"),
        (["--target", "x86-64", "--kernels", "cmsis-nn"], "Arm Cortex-M"),
        (["--plan", "perfect"], "neither greedy nor best"),
        (["--arena-size", "-1"], "--arena-size"),
        (["--target", "x86-64", "--target", "cortex-m4", "--svg", "x.svg"], "one model and one target"),
        (["sine", "--write-offline-plan", "x.tflite"], "one model and one target"),
    ],
)
def test_wrong_usage_exits_2(command: Command, arguments: list[str], message: str) -> None:
    result = command("arena", "digits", *arguments)
    assert result.code == 2
    assert message in " ".join(result.err.replace("│", " ").split())
    assert result.out == ""
    assert not Path("x.svg").exists()


def test_a_file_that_cannot_be_written_is_a_failed_job(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "x.svg"
    result = command("arena", "digits", "--svg", str(path))
    assert result.code == 1
    assert result.err == f"error: {path}: No such file or directory\n"


@pytest.mark.parametrize("model", ["digits", *(path.stem for path in model_paths())])
def test_the_picture_has_a_labelled_box_per_buffer(command: Command, tmp_path: Path, model: str) -> None:
    name = model if model == "digits" else real(model)
    path = tmp_path / "plan.svg"
    plan = json.loads(command("arena", name, "--svg", str(path), "--json").out)
    root = ElementTree.fromstring(path.read_text("utf-8"))
    boxes = root.findall(f"{SVG}g")
    labels = [str(box.findtext(f"{SVG}text")).split(":")[0].replace(" ", "") for box in boxes]
    expected = [f"{b['kind'][0]}{b['index']}" for b in plan["plan"]]
    short = [re.sub("tensor", "t", re.sub("scratch", "s", label)) for label in labels]
    assert sorted(short) == sorted(expected)
    left, top, width, height = 0.0, 0.0, float(root.attrib["width"]), float(root.attrib["height"])
    for box in boxes:
        rect = box.find(f"{SVG}rect")
        assert rect is not None
        x, y, w, h = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        assert left <= x <= x + w <= width
        assert top <= y <= y + h <= height
    text = "".join(root.itertext())
    peak = plan["peak"]
    assert f"operator {peak['operator_index']} {peak['operator']}, {peak['live_bytes']} bytes" in text
    framed = [box for box in boxes if box.find(f"{SVG}rect").attrib["stroke-width"] == "2"]  # type: ignore[union-attr]
    assert len(framed) == len(peak["buffers"])


def test_odd_names_stay_well_formed(command: Command, tmp_path: Path) -> None:
    builder = ModelBuilder()
    g = builder.subgraph()
    x = g.input((1, 4))
    g.outputs = [g.add("ADD", [x, x], (1, 4))]
    model = builder.build()
    content = write_model(model).replace(b"t1\0", b"<\x01\0")  # the name of tensor 1
    path = tmp_path / "a & b.tflite"
    path.write_bytes(content)
    result = command("arena", str(path), "--svg", str(tmp_path / "plan.svg"))
    assert result.code == 0
    root = ElementTree.fromstring((tmp_path / "plan.svg").read_text("utf-8"))
    assert "tensor 1 <?" in "".join(root.itertext())


@requires_shared
def test_the_best_plan_is_said_to_need_embedding(command: Command, tmp_path: Path) -> None:
    out = command("arena", real("vww_96_int8"), "--plan", "best").out
    assert out.splitlines()[0] == "tensor_arena: 82288 bytes (cortex-m4, cmsis-nn, best plan)"
    assert "head 55296 instead of 73728 bytes, 18432 bytes of arena saved" in out
    assert "--write-offline-plan" in out
    written = tmp_path / "out.tflite"
    last = command("arena", real("vww_96_int8"), "--write-offline-plan", str(written)).out.splitlines()[-1]
    assert last == f"wrote {written}"
    first = command("arena", str(written)).out.splitlines()[0]
    assert first == "tensor_arena: 82288 bytes (cortex-m4, cmsis-nn)"


def test_a_plan_that_cannot_be_better_is_said_so(command: Command) -> None:
    out = command("arena", "digits", "--plan", "best").out
    assert "best plan: none better than the greedy one" in out
    assert ", best plan)" not in out

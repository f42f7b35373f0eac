"""`microinterp cc` and `microinterp uncc`, as a user calls them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from microinterp_tools.c_array import CArrayError, identifier, read_c_array
from microinterp_tools.models import EXAMPLES, open_model
from tests.shared import model_paths
from tests.tools.command import Command

DATA = open_model("sine").content
HEX = ", ".join(f"0x{byte:02x}" for byte in DATA)

MODELS = [*(pytest.param(name, id=name) for name in EXAMPLES)]
MODELS += [pytest.param(str(path), id=path.stem) for path in model_paths() if path.stat().st_size < 400_000]


@pytest.mark.parametrize("model", MODELS)
def test_there_and_back(command: Command, tmp_path: Path, model: str) -> None:
    result = command("cc", model, "--out", str(tmp_path / "new" / "folder"))
    assert result.code == 0
    header, source = map(Path, result.out.split())
    symbol = f"g_{identifier(open_model(model).name)}_model_data"
    assert f"extern const unsigned char {symbol}[];" in header.read_text()
    assert f"alignas(16) const unsigned char {symbol}[] = {{" in source.read_text()
    assert f"const unsigned int {symbol}_size = {len(open_model(model).content)};" in source.read_text()
    back = tmp_path / "back.tflite"
    result = command("uncc", str(source), str(back))
    assert result.code == 0
    assert result.out == f"{back}: {len(open_model(model).content)} bytes\n"
    assert back.read_bytes() == open_model(model).content


MAIN = """
#include <cstdint>
#include <cstdio>
#include "digits_model_data.h"
int main() {
  std::fwrite(g_digits_model_data, 1, g_digits_model_data_size, stdout);
  return reinterpret_cast<std::uintptr_t>(g_digits_model_data) % 16 ? 1 : 0;
}
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_it_compiles_aligned_and_with_the_right_bytes(command: Command, tmp_path: Path) -> None:
    command("cc", "digits", "--out", str(tmp_path))
    (tmp_path / "main.cc").write_text(MAIN)
    flags = ["-std=c++11", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    sources = ["main.cc", "digits_model_data.cc"]
    subprocess.run(["g++", *flags, *sources, "-o", "main"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, check=False)
    assert done.stdout == open_model("digits").content
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a-b c.tflite", "a_b_c"),
        ("1.tflite", "_1"),
        ("ä.tflite", "_"),
        ("x/y.tflite", "y"),
        (".tflite", "_tflite"),
    ],
)
def test_identifiers(name: str, expected: str) -> None:
    assert identifier(name) == expected


FORMS = {
    "xxd -i": f"unsigned char sine_tflite[] = {{\n  {HEX}\n}};\nunsigned int sine_tflite_len = {len(DATA)};\n",
    "TFLM": f'#include "x.h"\nalignas(16) const unsigned char g_sine_model_data[] = {{{HEX},}};\n'
    f"const int g_sine_model_data_len = {len(DATA)};\n",
    "attribute after": f"const unsigned char g_x[] __attribute__((aligned(16))) = {{ {HEX} }};",
    "attribute before": f"__attribute__((aligned(4))) const uint8_t g_x[{len(DATA)}] = {{ {HEX} }};",
    "macro": f"#define DATA_ALIGN_ATTRIBUTE __attribute__((aligned(4)))\n"
    f"const unsigned char g_model[] DATA_ALIGN_ATTRIBUTE = {{\n{HEX}}};",
    "static, std, other order": f"namespace x {{ static std::uint8_t const g_x[] = {{{HEX}}}; }}",
    "decimal": f"const uint8_t x[] = {{{', '.join(map(str, DATA))}}};",
    "signed": f"const int8_t x[] = {{{', '.join(str(b - 256 if b > 127 else b) for b in DATA)}}};",
    "octal": f"char x[] = {{{', '.join(f'0{b:o}' for b in DATA)}}};",
    "binary, suffixes": f"char x[] = {{{', '.join(f'0b{b:b}u' for b in DATA)}}};",
    "comments": "/* char no[] = { 1 }; */ // char nor[] = {2};\n"
    f"const unsigned char x[] = {{ /* a }} */ {HEX} // the end }};\n}};",
    "strings": 'const char* s = "/* {"; const char t[] = "char u[] = { 7 };"; char c = \'"\';\n'
    f'const unsigned char x[] = {{{HEX}}}; // "',
    "other arrays": f"const unsigned char labels[] = {{1, 2, 3}};\nconst int n[] = {{ 70000 }};\n"
    f"const unsigned char x[] = {{{HEX}}};\nunsigned char empty[] = {{}};",
    "Windows": f"unsigned char x[] = {{\r\n  {HEX}\r\n}};\r\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_forms_of_arrays(text: str) -> None:
    assert read_c_array(text) == DATA


BAD = {
    "nothing": ("int main() { return 0; }", "no array of char or uint8_t"),
    "no model": (
        "char x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};",
        "no .tflite model .* in the arrays of the file: x",
    ),
    "two models": (
        f"char x[] = {{{HEX}}};\nchar y[] = {{{HEX}}};",
        "2 models in the arrays of the file: x, y",
    ),
    "cut": (f"char x[] = {{{HEX[:3000]}}};", "array x holds a damaged .tflite model"),
    "word": (f"char x[] = {{{HEX}, END}};", "array x: 'END' is not a number"),
    "too large": (f"char x[] = {{{HEX}, 256}};", "array x: 256 does not fit into a byte"),
    "no octal": (f"char x[] = {{{HEX}, 08}};", "array x: '08' is not a number"),
    "float": (f"char x[] = {{{HEX}, 1.5}};", "array x: '1.5' is not a number"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_what_is_no_model_is_explained(text: str, message: str) -> None:
    with pytest.raises(CArrayError, match=message):
        read_c_array(text)


def test_uncc_names_the_file_here_and_overwrites_nothing_else(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "sine.cc").write_text(FORMS["TFLM"])
    for _ in range(2):  # the second time it is there, with the same bytes
        assert command("uncc", "deep/sine.cc").code == 0
        assert (tmp_path / "sine.tflite").read_bytes() == DATA
    (tmp_path / "sine.tflite").write_bytes(b"precious")
    result = command("uncc", "deep/sine.cc")
    assert result.code == 1
    assert (
        result.err
        == "error: sine.tflite exists and holds something else: remove it, or choose another name\n"
    )
    assert (tmp_path / "sine.tflite").read_bytes() == b"precious"


def test_cc_replaces_only_what_it_wrote(command: Command, tmp_path: Path) -> None:
    other = tmp_path / "sine.tflite"
    other.write_bytes(open_model("sine-float").content)
    assert command("cc", "sine", "--out", str(tmp_path)).code == 0
    assert command("cc", str(other), "--out", str(tmp_path)).code == 0
    source = tmp_path / "sine_model_data.cc"
    assert read_c_array(source.read_text()) == open_model("sine-float").content
    source.write_text("precious")
    result = command("cc", "sine", "--out", str(tmp_path))
    assert result.code == 1
    assert "`microinterp cc` has not written it" in result.err
    assert source.read_text() == "precious"


def test_damaged_models_and_missing_files(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(DATA[:500])
    result = command("cc", str(path), "--out", str(tmp_path))
    assert result.code == 1
    assert not list(tmp_path.glob("*.cc"))
    assert command("uncc", str(tmp_path / "missing.cc")).code == 2
    assert command("uncc", str(path)).code == 1
    assert command("cc", "sine", "--out", str(path / "under a file")).code == 1

"""Exports, each loaded by the library that it is for, where that is installed."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from online_samples import DIM, harmful
from safetensors.numpy import load_file

from ruvllm.online import State
from ruvllm.online.exports.models import write_onnx, write_peft, write_sentence_transformers

STATES = [State(DIM), harmful()]
QUERIES = np.random.default_rng(0).standard_normal((1000, DIM)).astype(np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def adapted(state: State) -> np.ndarray:
    return unit(np.stack([state.adapt(query) for query in QUERIES]))


@pytest.mark.parametrize("state", STATES)
def test_onnx(state: State, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    write_onnx(state, tmp_path / "out/a.onnx")
    onnx.checker.check_model(str(tmp_path / "out/a.onnx"))
    session = runtime.InferenceSession(str(tmp_path / "out/a.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"query": QUERIES})[0], adapted(state), atol=1e-5)


@pytest.mark.parametrize("state", STATES)
def test_the_router_holds_the_matrix_on_the_way_of_queries_alone(state: State, tmp_path: Path) -> None:
    write_sentence_transformers(state, tmp_path / "m")
    (module,) = json.loads((tmp_path / "m/modules.json").read_text())
    router = json.loads((tmp_path / "m" / module["path"] / "router_config.json").read_text())
    assert router["structure"]["document"] == ["document_0_Normalize"]
    weight = load_file(tmp_path / "m" / module["path"] / "query_0_Dense/model.safetensors")["linear.weight"]
    np.testing.assert_allclose(unit(QUERIES @ weight.T), adapted(state), atol=1e-5)


@pytest.mark.parametrize("state", STATES)
def test_peft_holds_the_factors(state: State, tmp_path: Path) -> None:
    write_peft(state, tmp_path / "p")
    config = json.loads((tmp_path / "p/adapter_config.json").read_text())
    tensors = load_file(tmp_path / "p/adapter_model.safetensors")
    a, b = (tensors[f"base_model.model.proj.lora_{name}.weight"] for name in "AB")
    change = config["lora_alpha"] / config["r"] * (QUERIES @ a.T @ b.T)
    np.testing.assert_allclose(unit(QUERIES + change), adapted(state), atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_sentence_transformers_loads_the_router(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers", minversion="5")
    state = harmful()
    write_sentence_transformers(state, tmp_path / "m")
    (module,) = json.loads((tmp_path / "m/modules.json").read_text())
    router = importlib.import_module("sentence_transformers.models").Router.load(str(tmp_path / "m" / module["path"]))
    for task, expected in (("query", adapted(state)), ("document", unit(QUERIES))):
        with torch.no_grad():
            found = router({"sentence_embedding": torch.from_numpy(QUERIES)}, task=task)["sentence_embedding"]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_peft_loads_the_adapter(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    state = harmful()
    write_peft(state, tmp_path / "p")

    class Base(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.proj = torch.nn.Linear(DIM, DIM, bias=False)
            torch.nn.init.eye_(self.proj.weight)

        def forward(self, x: object) -> object:
            return self.proj(x)

    model = peft.PeftModel.from_pretrained(Base(), str(tmp_path / "p"))
    with torch.no_grad():
        found = model(torch.from_numpy(QUERIES)).numpy()
    np.testing.assert_allclose(unit(found), adapted(state), atol=1e-5)


def test_a_base_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no modules\.json"):
        write_sentence_transformers(State(DIM), tmp_path / "m", base=tmp_path)

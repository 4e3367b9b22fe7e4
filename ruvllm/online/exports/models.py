"""A state in the formats of other libraries: sentence-transformers, PEFT, ONNX. None of them is needed to write it.

Only the query is adapted. So sentence-transformers get a Router, whose document route leaves vectors as they are: a
plain Dense module would transform documents too, and no longer fit the index.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ruvllm.files.atomic import write_in_folder
from ruvllm.online.state import State

__all__ = ["write_onnx", "write_peft", "write_sentence_transformers"]

Rows = NDArray[np.float32]
MODULES = "sentence_transformers.models"


def write_sentence_transformers(
    state: State, folder: str | os.PathLike[str], *, base: str | os.PathLike[str] | None = None
) -> None:
    """Writes a Router: queries go through W and are scaled to length 1, documents are scaled to length 1.

    `base` is the folder of a saved SentenceTransformer; the Router is put behind its modules, in a copy. Without it
    only the Router is written, as a model of vectors. Raises OSError, and ValueError for a base that is no such folder.
    """
    target = Path(folder)
    modules: list[dict[str, object]] = []
    if base is not None:
        source = Path(base)
        if not (source / "modules.json").is_file():
            raise ValueError(f"{source} has no modules.json: it is no saved SentenceTransformer")
        shutil.copytree(source, target, dirs_exist_ok=True)
        modules = json.loads((source / "modules.json").read_text(encoding="utf-8"))
    place = f"{len(modules)}_Router"
    modules.append({"idx": len(modules), "name": str(len(modules)), "path": place, "type": f"{MODULES}.Router"})
    dense = {"in_features": state.dim, "out_features": state.dim, "bias": False,
             "activation_function": "torch.nn.modules.linear.Identity"}  # fmt: skip
    types = {"query_0_Dense": f"{MODULES}.Dense", "query_1_Normalize": f"{MODULES}.Normalize",
             "document_0_Normalize": f"{MODULES}.Normalize"}  # fmt: skip
    router = {
        "types": types,
        "structure": {"query": ["query_0_Dense", "query_1_Normalize"], "document": ["document_0_Normalize"]},
        "parameters": {"default_route": "document", "allow_empty_key": True},
    }
    _write_json(target / place / "router_config.json", router)
    _write_json(target / place / "query_0_Dense" / "config.json", dense)
    write_in_folder(target / place / "query_0_Dense" / "model.safetensors", _tensors({"linear.weight": state.matrix()}))
    for name in ("query_1_Normalize", "document_0_Normalize"):
        (target / place / name).mkdir(parents=True, exist_ok=True)
    _write_json(target / "modules.json", modules)


def write_peft(state: State, folder: str | os.PathLike[str]) -> None:
    """Writes a LoRA adapter of PEFT for a linear layer named `proj` without bias that starts as the identity.

    Identity itself becomes an adapter of rank 1 and zeros. Raises OSError.
    """
    rank = max(1, state.rank)
    a, b = (state.parameters if state.rank else np.zeros(2 * state.dim, np.float32)).reshape(2, rank, state.dim)
    config = {
        "peft_type": "LORA", "r": rank, "lora_alpha": state.scaling * rank, "target_modules": ["proj"],
        "bias": "none", "fan_in_fan_out": False, "inference_mode": True, "lora_dropout": 0.0, "use_rslora": False,
        "base_model_name_or_path": None, "task_type": None,
    }  # fmt: skip
    _write_json(Path(folder) / "adapter_config.json", config)
    names = "base_model.model.proj.lora_"
    tensors = {f"{names}A.weight": np.ascontiguousarray(a), f"{names}B.weight": np.ascontiguousarray(b.T)}
    write_in_folder(Path(folder) / "adapter_model.safetensors", _tensors(tensors))


def write_onnx(state: State, path: str | os.PathLike[str]) -> None:
    """Writes a model from `query` (n, dim) to `adapted` (n, dim), float32, of length 1: opset 17. Needs `onnx`.

    Raises ImportError without it, and OSError.
    """
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        error.add_note("The ONNX export needs the extra: pip install 'ruvllm[onnx]'")
        raise
    a, b = state.parameters.reshape(2, state.rank, state.dim) if state.rank else (None, None)
    nodes, tensors, last = [], [], "query"
    if a is not None and b is not None:
        factors = {"down": a.T, "up": (state.scaling * b.astype(np.float64)).astype(np.float32)}
        tensors = [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in factors.items()]
        nodes = [
            helper.make_node("MatMul", ["query", "down"], ["low"]),
            helper.make_node("MatMul", ["low", "up"], ["change"]),
            helper.make_node("Add", ["query", "change"], ["mapped"]),
        ]  # fmt: skip
        last = "mapped"
    nodes.append(helper.make_node("LpNormalization", [last], ["adapted"], axis=-1, p=2))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", state.dim]) for name in ("query", "adapted")]
    graph = helper.make_graph(nodes, "query adapter", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="ruvllm")
    write_in_folder(Path(path), model.SerializeToString())


def _tensors(arrays: dict[str, Rows]) -> bytes:
    from safetensors.numpy import save

    return save(arrays, metadata={"format": "pt"})


def _write_json(path: Path, content: object) -> None:
    write_in_folder(path, (json.dumps(content, indent=2) + "\n").encode())

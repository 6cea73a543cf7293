"""Networks to give away: the weights alone, or a policy as an ONNX graph to play with.

The graph makes one step a frame over a cache that the caller keeps; `gapt.live` runs it.
"""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import onnx
import torch
from torch import Tensor, nn

from gapt.errors import UserError
from gapt.files import replacing
from gapt.models.checkpoint import OPTIMIZER, checkpoint_path, load, load_policy, save
from gapt.models.policy import Policy
from gapt.models.transformer import Cache
from gapt.music.chords import VOCABULARY_ID

_BLOCK = 32
"""Weights that share a scale in 8 bits."""
OUTPUTS = ("chord_logits", "melody_logits", "new_keys", "new_values")


class _Step(nn.Module):
    """`Policy.step` with tensors in and tensors out.

    The cache comes as an input for each layer: one array of all would be split, which is a copy.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    def forward(
        self,
        melody: Tensor,
        chords: Tensor,
        position: Tensor,
        keys: list[Tensor],
        values: list[Tensor],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        # `step` asks a cache only for its layers, one by one.
        cache = Cache(cast(Tensor, keys), cast(Tensor, values))
        output, new = self.policy.step(melody, chords, position, cache)
        return output.chords, output.melody, new.keys, new.values


def export(source: Path, path: Path, *, half: bool = False, int8: bool = False) -> None:
    """Write a trained network as what `path`'s ending says.

    Args:
        source: a run folder or a checkpoint, of a policy if `path` ends in ".onnx".
        path: ends in ".onnx", for `gapt.live` to play, or in ".safetensors", for torch.
        half: round the weights to 16 bits, half the size; the arithmetic stays in 32.
        int8: multiply with 8 bits, for large policies on CPUs; see `export_onnx`.

    Raises:
        UserError: the source cannot be used, the ending is another, or `path` cannot be written.
    """
    if int8 and path.suffix != ".onnx":
        raise UserError("--int8 is for playing: give the output a name that ends in .onnx")
    if path.suffix not in (".onnx", ".safetensors"):
        raise UserError(f"{path} ends in neither .onnx nor .safetensors; say which it should be")
    header, tensors = load(checkpoint_path(source))
    weights = {
        name: tensor.half() if half else tensor
        for name, tensor in tensors.items()
        if not name.startswith(OPTIMIZER)
    }
    if path.suffix == ".safetensors":
        save(path, header, weights)
    else:
        policy = load_policy(source)
        policy.load_state_dict(weights)
        export_onnx(policy, path, int8=int8)


def export_onnx(policy: Policy, path: Path, *, int8: bool = False) -> None:
    """Write a policy, float32, in evaluation mode and on the CPU, as ONNX.

    With `int8` the Transformer's matrices are stored and multiplied in 8 bits, each 32 weights with
    their scale. One step of a large policy reads every weight once, so a quarter of the bytes is
    the better part of a quarter of the time.
    """
    batch = 2  # any number but 0 and 1, which the exporter would take for constants
    config = policy.config
    # A tensor for each input, not one for several: the exporter takes those that are the same for
    # one input.
    integers = [torch.zeros(batch, dtype=torch.int64) for _ in range(3)]
    caches = [list(Cache.empty(config, batch, torch.zeros(())).keys) for _ in ("keys", "values")]
    axis = {0: torch.export.Dim("batch", min=1, max=65536)}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Step(policy),
            (*integers, *caches),
            dynamo=True,
            input_names=(
                *("melody", "chords", "position"),
                *(
                    f"{name}.{layer}"
                    for name in ("keys", "values")
                    for layer in range(config.layers)
                ),
            ),
            output_names=OUTPUTS,
            dynamic_shapes=(axis, axis, axis, [axis] * config.layers, [axis] * config.layers),
            opset_version=18,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # the exporter's stack traces, with this machine's paths
    if int8:
        _multiply_in_8_bits(model)
    _store_in_half_what_fits(model)
    about = {
        "model": "policy",
        "config": msgspec.to_builtins(config),
        "vocabulary": VOCABULARY_ID,
    }
    onnx.helper.set_model_props(model, {"gapt": json.dumps(about)})
    with replacing(path) as temporary:
        onnx.save(model, temporary)


def _multiply_in_8_bits(model: onnx.ModelProto) -> None:
    """Put ONNX Runtime's `MatMulNBits` in place of each product with a matrix of weights."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        tensor = weights.get(node.input[1]) if node.op_type == "Gemm" else None
        if tensor is None:  # the heads, whose weights are put together, stay
            continue
        matrix = onnx.numpy_helper.to_array(tensor)  # [outputs, inputs]
        outputs, inputs = matrix.shape
        blocks = matrix.reshape(outputs, inputs // _BLOCK, _BLOCK)
        scales = np.abs(blocks).max(axis=-1) / 127 + 1e-30
        bytes_ = (np.rint(blocks / scales[..., None]) + 128).astype(np.uint8)
        scale_name = f"{tensor.name}.scales"
        graph.initializer.append(onnx.numpy_helper.from_array(scales, scale_name))
        tensor.CopyFrom(onnx.numpy_helper.from_array(bytes_, tensor.name))
        product = onnx.helper.make_node(
            "MatMulNBits",
            [*node.input, scale_name],
            node.output,
            domain="com.microsoft",
            N=outputs,
            K=inputs,
            bits=8,
            block_size=_BLOCK,
            accuracy_level=4,  # multiply 8-bit integers, not floats
        )
        node.CopyFrom(product)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))


def _store_in_half_what_fits(model: onnx.ModelProto) -> None:
    """Replace each initializer that 16 bits hold without loss by those and a Cast back to 32.

    ONNX Runtime folds the casts when it loads the graph.
    """
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = array.astype("float16")
        if array.dtype != "float32" or (half != array).any():
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)

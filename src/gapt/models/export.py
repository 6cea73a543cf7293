"""Networks to give away: the weights alone, or a policy as an ONNX graph to play with.

The graph makes one step a frame over caches that the caller keeps; `gapt.live` runs it.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnx
import torch
from rich.progress import track
from torch import Tensor, nn

from gapt.errors import UserError
from gapt.files import replacing
from gapt.models.checkpoint import OPTIMIZER, Header, checkpoint_path, load, load_policy, save
from gapt.models.policy import Policy
from gapt.models.transformer import Attend, Cache, slot_of
from gapt.models.voices import MASKED
from gapt.music.chords import VOCABULARY_ID
from gapt.music.frames import FRAMES_PER_BEAT, SILENCE
from gapt.weights import GRAPH_FORMAT

SLOTS = 8
"""Sessions of a step of several, which takes as long as four steps of one (the shipped size)."""
_BLOCK = 32
"""Weights that share a scale in 8 bits."""
_MOST_CALM = 100
"""Never moves; well below what masks (`MASKED`)."""
INPUTS = ("melody", "chords", "position", "struck", "temperatures", "chances")
OUTPUTS = ("chord_actions", "melody_actions", "chord_logits", "melody_logits", "new")


def draw(logits: Tensor, temperature: Tensor, chance: Tensor) -> Tensor:
    """Draw actions int64 [B] from logits [B, actions], each with one uniform number in [0, 1).

    At temperature [B] 0 the likeliest. One number a draw, whatever the logits: two sessions with
    the same seed stay in step, which is what makes causality testable. In 64 bits, so that a
    number just below 1 is not the end of the line.

    Args:
        logits: float32, masked.
        temperature, chance: float64 [B].
    """
    scaled = (logits - logits.max(-1, keepdim=True).values).double()
    cumulative = (scaled / temperature.clamp(min=1e-6)[:, None]).exp().cumsum(-1)
    wanted = chance[:, None] * cumulative[:, -1:]
    return (cumulative <= wanted).sum(-1)


class _Caches:
    """The `Memory` of sessions whose caches lie apart, and are the caller's to write.

    They are not copied: old and new scores are computed apart, the old ones a session at a time,
    and only the scores joined.
    """

    def __init__(self, reach: int, keys: list[list[Tensor]], values: list[list[Tensor]]) -> None:
        """By layer and session, float [1, heads, reach, D] each."""
        self._reach, self._keys, self._values = reach, keys, values
        self._new: list[tuple[Tensor, Tensor]] = []

    def at(self, position: Tensor) -> Attend:
        """See `Memory`."""
        slots = torch.arange(self._reach)
        seen = slots[None] < position[:, None]
        # The frame that is about to be overwritten is out of reach already.
        leaving = slots[None] == slot_of(position, self._reach)[:, None]
        visible = (seen & ~leaving)[:, None, None]

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            q = q * q.shape[-1] ** -0.5
            keys, values = self._keys[layer], self._values[layer]
            old = _each(q, [row.transpose(-1, -2) for row in keys]).masked_fill(~visible, -1e9)
            new = (q * k).sum(-1, keepdim=True)
            weights = torch.cat([old, new], dim=-1).softmax(-1)  # [B, heads, 1, reach + 1]
            self._new.append((k.squeeze(2), v.squeeze(2)))
            return _each(weights[..., :-1], values) + weights[..., -1:] * v

        return attend

    def new(self) -> Tensor:
        """The frame's keys and values [B, layers, 2, heads, D], as they are to be written."""
        return torch.stack([torch.stack(pair, dim=1) for pair in self._new], dim=1)


def _each(x: Tensor, rows: list[Tensor]) -> Tensor:
    """The product of each row of x [B, ...] with its own of `rows`."""
    return torch.cat([one @ row for one, row in zip(torch.split(x, 1), rows, strict=True)])


class _Step(nn.Module):
    """`Policy.step` and the draws from it, with tensors in and tensors out.

    The draws are made here and not in Python, of which a server has but one thread at a time.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    def forward(
        self,
        melody: Tensor,
        chords: Tensor,
        position: Tensor,
        struck: Tensor,
        temperatures: Tensor,
        chances: Tensor,
        keys: list[list[Tensor]],
        values: list[list[Tensor]],
    ) -> tuple[Tensor, ...]:
        memory = _Caches(self.policy.config.reach, keys, values)
        output = self.policy.step(melody, chords, position, memory)
        is_silence = torch.arange(output.chords.shape[-1]) == SILENCE
        chord_logits = output.chords.masked_fill(struck[:, None] & is_silence, MASKED)
        drawn = (
            draw(logits, temperatures[:, player], chances[:, player])
            for player, logits in enumerate((chord_logits, output.melody))
        )
        return *drawn, chord_logits, output.melody, memory.new()


def export(
    sources: Sequence[Path],
    path: Path,
    *,
    calm: Sequence[float] = (),
    settle: float | None = None,
    half: bool = False,
    float32: bool = False,
) -> None:
    """Write a trained network as what `path`'s ending says.

    Args:
        sources: run folders or checkpoints, of policies if `path` ends in ".onnx"; of several,
            which began with the same weights, the mean (Ramé et al., arXiv 2306.04488).
        path: ends in ".onnx", for `gapt.live` to play, or in ".safetensors", for torch.
        calm: what a policy's `calm` is to be: one number, or one for each frame of a beat; if
            none, it stays as it is.
        settle: likewise its `settle`.
        half: round the weights to 16 bits, half the size; the arithmetic stays as it is.
        float32: let a graph multiply as torch does, not in 8 bits; see `export_onnx`.

    Raises:
        UserError: a source cannot be used, the ending is another, or `path` cannot be written.
    """
    if float32 and path.suffix != ".onnx":
        raise UserError("--float32 is for playing: give the output a name that ends in .onnx")
    if path.suffix not in (".onnx", ".safetensors"):
        raise UserError(f"{path} ends in neither .onnx nor .safetensors; say which it should be")
    header, weights = _mean(sources)
    if header.model == "post-training":
        raise UserError(f"{sources[0]} is a run's last checkpoint; give the run's folder")
    if calm or settle is not None:
        if header.model != "policy":
            raise UserError(
                f"--calm and --settle are for policies, and {sources[0]} holds a {header.model}"
            )
        load_policy(sources[0])  # or an error now: earlier versions' policies had no such settings
    if settle is not None:
        if not abs(settle) <= _MOST_CALM:
            raise UserError(f"--settle takes a number of at most {_MOST_CALM}; this is {settle:g}")
        weights["settle"][()] = settle
    if calm:
        if len(calm) not in (1, FRAMES_PER_BEAT) or not all(abs(x) <= _MOST_CALM for x in calm):
            raise UserError(
                f"--calm takes one number, or one for each of a beat's {FRAMES_PER_BEAT} frames, "
                f"of at most {_MOST_CALM}; these are {', '.join(f'{x:g}' for x in calm)}"
            )
        weights["calm"][:] = torch.tensor(calm)
    if half:
        weights = {name: tensor.half() for name, tensor in weights.items()}
    if path.suffix == ".safetensors":
        save(path, header, weights)
    else:
        policy = load_policy(sources[0])
        policy.load_state_dict(weights)
        export_onnx(policy, path, float32=float32)


def _mean(sources: Sequence[Path]) -> tuple[Header, dict[str, Tensor]]:
    """What the first of some networks says of itself, and the mean of all their weights."""
    loaded = [load(checkpoint_path(source)) for source in sources]
    first = loaded[0][0]
    weights = {k: v for k, v in loaded[0][1].items() if not k.startswith(OPTIMIZER)}
    for source, (header, tensors) in zip(sources, loaded, strict=True):
        if (header.model, header.config) != (first.model, first.config):
            raise UserError(
                f"{source} holds a {header.model} of {header.config}, but {sources[0]} a "
                f"{first.model} of {first.config}; there is no mean of the two"
            )
        if absent := weights.keys() - tensors.keys():
            raise UserError(
                f"{source} is of another version of gapt than {sources[0]}: "
                f"it has no tensor '{min(absent)}'"
            )
    return first, {
        name: torch.stack([tensors[name].float() for _, tensors in loaded]).mean(0).to(weight.dtype)
        for name, weight in weights.items()
    }


def export_onnx(policy: Policy, path: Path, *, float32: bool = False) -> None:
    """Write a policy, float32, in evaluation mode and on the CPU, as ONNX.

    The graph makes a step of one session, or of `SLOTS`, each with a cache of its own, wherever it
    lies: putting caches together would take longer than the step.

    The Transformer's matrices are stored and multiplied in 8 bits, each 32 weights with their
    scale: a step reads every weight once, and a quarter of the bytes is read sooner. With `float32`
    they are left as they are, and the graph decides as torch does, to rounding.
    """
    graphs = [_trace(policy, size) for size in track((1, SLOTS), "tracing", transient=True)]
    model = _either(*graphs)
    if not float32:
        _multiply_in_8_bits(model)
    _store_in_half_what_fits(model)
    about = {
        "model": "policy",
        "config": msgspec.to_builtins(policy.config),
        "vocabulary": VOCABULARY_ID,
        "format": GRAPH_FORMAT,
        "slots": SLOTS,
    }
    onnx.helper.set_model_props(model, {"gapt": json.dumps(about)})
    with replacing(path) as temporary:
        onnx.save(model, temporary)


def _trace(policy: Policy, sessions: int) -> onnx.ModelProto:
    """The graph of a step of so many sessions."""
    config = policy.config
    integers = [torch.zeros(sessions, dtype=torch.int64) for _ in range(3)]
    struck = torch.zeros(sessions, dtype=torch.bool)
    pairs = [torch.ones(sessions, 2, dtype=torch.float64) for _ in range(2)]
    # A tensor for each input, not one for several: the exporter takes those that are the same for
    # one input.
    caches = [
        [
            [Cache.empty(config, 1, torch.zeros(())).keys[0] for _ in range(sessions)]
            for _ in range(config.layers)
        ]
        for _ in ("keys", "values")
    ]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Step(policy),
            (*integers, struck, *pairs, *caches),
            dynamo=True,
            input_names=(
                *INPUTS,
                *(
                    f"{name}.{layer}.{slot}"
                    for name in ("keys", "values")
                    for layer in range(config.layers)
                    for slot in range(sessions)
                ),
            ),
            output_names=OUTPUTS,
            opset_version=23,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _either(one: onnx.ModelProto, several: onnx.ModelProto) -> onnx.ModelProto:
    """A graph that is `one` if it is fed one session, else `several`; they share their weights.

    The caches of all slots but the first have defaults, so that one session need not feed them.
    """
    weights = {tensor.name: tensor for tensor in one.graph.initializer}
    branches = []
    for prefix, model in (("one.", one), ("several.", several)):
        names = {output: prefix + output for node in model.graph.node for output in node.output}
        for tensor in model.graph.initializer:
            known = weights.get(tensor.name)
            if known is None or known.SerializeToString() != tensor.SerializeToString():
                names[tensor.name] = prefix + tensor.name
                tensor.name = prefix + tensor.name
                weights[tensor.name] = tensor
        for node in model.graph.node:
            node.name = ""
            del node.metadata_props[:]  # the exporter's stack traces, with this machine's paths
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names[name] for name in node.output]
        outputs = [_shaped(output, None, names[output.name]) for output in model.graph.output]
        branches.append(onnx.helper.make_graph(model.graph.node, prefix, [], outputs))

    inputs = []
    for value in several.graph.input:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if value.name in INPUTS:
            shape[0] = "sessions"
        elif not value.name.endswith(".0"):
            shape[2] = "frames"
            default = np.zeros((1, shape[1], 1, shape[3]), dtype=np.float32)
            weights[value.name] = onnx.numpy_helper.from_array(default, value.name)
        inputs.append(_shaped(value, shape))
    weights["1"] = onnx.numpy_helper.from_array(np.array(1), "1")
    nodes = [
        onnx.helper.make_node("Size", ["melody"], ["sessions"]),
        onnx.helper.make_node("Equal", ["sessions", "1"], ["is_one"]),
        onnx.helper.make_node(
            "If", ["is_one"], OUTPUTS, then_branch=branches[0], else_branch=branches[1]
        ),
    ]
    outputs = [_shaped(output, None) for output in one.graph.output]
    graph = onnx.helper.make_graph(nodes, "step", inputs, outputs, list(weights.values()))
    return onnx.helper.make_model(
        graph, opset_imports=one.opset_import, ir_version=one.ir_version, producer_name="gapt"
    )


def _shaped(
    value: onnx.ValueInfoProto, shape: list[int | str] | None, name: str | None = None
) -> onnx.ValueInfoProto:
    """The same value of another shape, perhaps by another name."""
    kind = value.type.tensor_type.elem_type
    return onnx.helper.make_tensor_value_info(name or value.name, kind, shape)


def _multiply_in_8_bits(model: onnx.ModelProto) -> None:
    """Put ONNX Runtime's `MatMulNBits` in place of each product with a matrix of weights."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    sizes: dict[str, tuple[int, int]] = {}
    for node in _inner_nodes(model):
        # Without a bias, so not the heads: those stay as they are.
        name = node.input[1] if node.op_type == "Gemm" and len(node.input) == 2 else ""
        if name in weights and name not in sizes and weights[name].dims[1] % _BLOCK == 0:
            matrix = onnx.numpy_helper.to_array(weights[name])  # [outputs, inputs]
            outputs, inputs = sizes[name] = matrix.shape
            blocks = matrix.reshape(outputs, inputs // _BLOCK, _BLOCK)
            scales = np.abs(blocks).max(axis=-1) / 127 + 1e-30
            bytes_ = (np.rint(blocks / scales[..., None]) + 128).astype(np.uint8)
            model.graph.initializer.append(onnx.numpy_helper.from_array(scales, f"{name}.scales"))
            weights[name].CopyFrom(onnx.numpy_helper.from_array(bytes_, name))
        if name in sizes:
            outputs, inputs = sizes[name]
            product = onnx.helper.make_node(
                "MatMulNBits",
                [*node.input, f"{name}.scales"],
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


def _inner_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """The nodes of both branches."""
    for node in model.graph.node:
        for attribute in node.attribute:
            yield from attribute.g.node


def _store_in_half_what_fits(model: onnx.ModelProto) -> None:
    """Replace each initializer that 16 bits hold without loss by those and a Cast back to 32.

    ONNX Runtime folds the casts when it loads the graph.
    """
    graph = model.graph
    casts = []
    defaults = {value.name for value in graph.input}
    for tensor in graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = array.astype("float16")
        if array.dtype != "float32" or tensor.name in defaults or (half != array).any():
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)

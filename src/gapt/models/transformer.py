"""The one Transformer: pre-norm, rotary positions, bounded reach, and a cache for playing live.

A frame attends to the last frames and to the first: Transformers lean on the start of what they
read, and once it has slid out of reach they are lost (an attention sink; Xiao et al., arXiv
2309.17453). Ours, post-trained on pieces shorter than their reach, all but stopped changing chords.

Policy, critic, anchor, reward encoders and discriminator are all built from it. It turns vectors
into vectors, one a frame, and knows nothing of music but one thing: positions are frames, so its
rotary wavelengths are musical durations.

What a step needs of the frames before, its caller keeps: a rollout in a `Cache`, the ONNX graph in
one of its own. Live sessions, batched rollouts and the ONNX graph all run this same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, NamedTuple, Protocol

import msgspec
import torch
import torch.nn.functional as F
from msgspec import Meta
from torch import Tensor, nn

PERIOD = 768
"""Every wavelength divides this many frames, so positions wrap exactly: a session never ends."""

# Cycles per PERIOD: wavelengths of 768 down to 3 frames, among them the bar of 4/4 (16), the bar
# of 3/4 (12) and the beat (4).
_HARMONICS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)

Count = Annotated[int, Meta(ge=1)]
Reach = Annotated[int, Meta(ge=2)]


class TransformerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes of a Transformer.

    Attributes:
        dim: width; `heads` divides it.
        dropout: of the input, and of what each layer adds to the residual stream.
        reach: how many frames a frame attends to, itself and the first included (causal models
            only).
    """

    dim: Count
    layers: Count
    heads: Count
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    causal: bool = True
    reach: Reach = 192

    def __post_init__(self) -> None:
        if self.dim % (2 * self.heads):
            raise ValueError(f"dim {self.dim} does not split into {self.heads} even heads")


Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Of a layer and one frame's q, k and v [B, heads, 1, D]: what q finds in the frames before, and in
its own; the same shape."""


class Memory(Protocol):
    """The keys and values of the frames before."""

    def at(self, position: Tensor) -> Attend:
        """How to attend from the frame at `position`, int64 [B], which is then remembered too."""


def slot_of(position: Tensor, slots: int) -> Tensor:
    """Which of a cache's slots a frame's keys and values take: int64 [B] of positions [B].

    The first frame keeps its slot; the others take turns.
    """
    return torch.where(position < slots, position, (position - 1) % (slots - 1) + 1)


class Cache(NamedTuple):
    """The keys and values of the frames within reach: ring buffers, one slot a frame.

    Attributes:
        keys, values: float [layers, B, heads, reach, dim / heads]. Layers first, so that a layer's
            filled slots are multiplied where they lie, without a copy.
    """

    keys: Tensor
    values: Tensor

    @staticmethod
    def empty(config: TransformerConfig, batch: int, like: Tensor) -> Cache:
        """An empty cache on the device of `like`, in autocast's type if autocast is on."""
        size, kind = config.dim // config.heads, like.device.type
        shape = (config.layers, batch, config.heads, config.reach, size)
        # Otherwise autocast would convert the whole cache in every frame.
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype
        return Cache(like.new_zeros(shape, dtype=dtype), like.new_zeros(shape, dtype=dtype))

    def first(self, slots: int) -> Cache:
        """Its first slots alone, where they lie: all that is needed before they are full."""
        return Cache(self.keys[:, :, :, :slots], self.values[:, :, :, :slots])

    def at(self, position: Tensor) -> Attend:
        """See `Memory`. The frame takes the slot of the one that comes to be out of reach."""
        slots = self.keys.shape[3]
        slot = slot_of(position, slots)[:, None, None, None]
        filled = (torch.arange(slots, device=position.device) <= position[:, None])[:, None, None]

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            keys, values = self.keys[layer], self.values[layer]
            keys.scatter_(2, slot.expand_as(k), k.to(keys.dtype))
            values.scatter_(2, slot.expand_as(v), v.to(values.dtype))
            return F.scaled_dot_product_attention(q, keys, values, attn_mask=filled)

        return attend


class Rotary(nn.Module):
    """Rotary position embedding (Su et al., arXiv 2104.09864) with musical wavelengths."""

    table: Tensor

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        picks = torch.linspace(0, len(_HARMONICS) - 1, head_dim // 2).round().long()
        turns = torch.tensor(_HARMONICS, dtype=torch.float64)[picks] / PERIOD
        angles = 2 * math.pi * torch.arange(PERIOD, dtype=torch.float64)[:, None] * turns
        cos, sin = angles.cos(), angles.sin()
        # For both halves of a vector, which are its first and its second coordinates.
        table = torch.stack([torch.cat([cos, cos], 1), torch.cat([-sin, sin], 1)], dim=1)
        self.register_buffer("table", table.float(), persistent=False)

    def forward(self, positions: Tensor) -> Tensor:
        """The rotations [..., 2, head_dim] of int positions [...]: what `rotate` needs of each."""
        return self.table[positions % PERIOD]


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotate x [..., D] by rotations [..., 2, D] that broadcast against it; in float32."""
    cos, sin = rotation.unbind(-2)
    first, second = x.chunk(2, dim=-1)
    # In as few passes over memory as possible: they take longer than the arithmetic.
    return (x * cos + torch.cat([second, first], dim=-1) * sin).to(x.dtype)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.dim, 3 * config.dim, bias=False)
        self.out = nn.Linear(config.dim, config.dim, bias=False)

    def forward(self, x: Tensor, rotation: Tensor, mask: Tensor | None) -> Tensor:
        """All frames at once: x [B, T, dim], rotation [T, 2, D], mask bool (True = attend)."""
        batch, frames, dim = x.shape
        qkv = self.qkv(x).view(batch, frames, 3, self.heads, dim // self.heads)
        qkv = qkv.permute(2, 0, 3, 1, 4)  # [3, B, heads, T, D]
        (q, k), v = rotate(qkv[:2], rotation), qkv[2]
        # No dropout on the weights: with it, CPUs have no fused kernel. The residual has some.
        if x.device.type == "cpu":  # where half precision is several times slower, mostly backward
            with torch.autocast("cpu", enabled=False):
                y = F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=mask)
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(y.transpose(1, 2).reshape(batch, frames, dim))

    def step(self, x: Tensor, rotation: Tensor, layer: int, attend: Attend) -> Tensor:
        """One frame, x [B, dim], to the same shape."""
        batch, dim = x.shape
        qkv = self.qkv(x).view(batch, 3, self.heads, 1, dim // self.heads)
        q, k = rotate(qkv[:, :2], rotation).unbind(1)
        return self.out(attend(layer, q, k, qkv[:, 2]).reshape(batch, dim))


class FeedForward(nn.Module):
    """Two linear layers around a GELU, four times as wide inside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.up = nn.Linear(dim, 4 * dim, bias=False)
        self.down = nn.Linear(4 * dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Float [..., dim] to the same shape."""
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    """Attention and a feed-forward layer, each behind a norm and around a residual."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.dim, eps=1e-5)
        self.attention = Attention(config)
        self.feed_forward_norm = nn.RMSNorm(config.dim, eps=1e-5)
        self.feed_forward = FeedForward(config.dim)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, rotation: Tensor, mask: Tensor | None) -> Tensor:
        """All frames at once."""
        x = x + self.dropout(self.attention(self.attention_norm(x), rotation, mask))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))

    def step(self, x: Tensor, rotation: Tensor, layer: int, attend: Attend) -> Tensor:
        """One frame; see `Attention.step`."""
        x = x + self.attention.step(self.attention_norm(x), rotation, layer, attend)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Transformer(nn.Module):
    """Vectors in, vectors out, one a frame."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.rotary = Rotary(config.dim // config.heads)
        blocks = [Block(config) for _ in range(config.layers)]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.RMSNorm(config.dim, eps=1e-5)
        self.dropout = nn.Dropout(config.dropout)
        self.apply(_initialise)
        for block in blocks:  # keep the residual stream's variance independent of depth
            for last in (block.attention.out, block.feed_forward.down):
                nn.init.normal_(last.weight, std=0.02 / math.sqrt(2 * config.layers))

    def forward(self, x: Tensor, real: Tensor | None = None) -> Tensor:
        """All frames at once.

        Args:
            x: float [B, T, dim].
            real: bool [B, T], False in padding. Only bidirectional models need it: padding comes
                last, where a causal model's real frames cannot see it.

        Returns:
            float [B, T, dim].
        """
        frames = x.shape[1]
        positions = torch.arange(frames, device=x.device)
        mask = None
        if self.config.causal:
            distance = positions[:, None] - positions[None]
            near = (distance >= 0) & (distance < self.config.reach - 1)
            mask = near | (positions == 0)
        elif real is not None:
            mask = real[:, None, None]
        rotation = self.rotary(positions)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, rotation, mask)
        return self.norm(x)

    def step(self, x: Tensor, position: Tensor, memory: Memory) -> Tensor:
        """One frame of a causal model.

        Args:
            x: float [B, dim], the frame at `position`.
            position: int64 [B], how many frames came before; any size, each row its own.
            memory: of the frames before; remembers this one too.

        Returns:
            y float [B, dim].
        """
        attend = memory.at(position)
        rotation = self.rotary(position)[:, None, None, None]
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x = block.step(x, rotation, layer, attend)
        return self.norm(x)


def compile_blocks(network: nn.Module) -> None:
    """Have all blocks of a network compiled when they are first run, in place; steps stay as is.

    Blocks of one network have the same shapes, so compiling one serves all, in seconds; a whole
    Transformer takes minutes.
    """
    # One version for each kind of batch, mask and mode: more than torch keeps by default.
    torch._dynamo.config.cache_size_limit = 64
    for block in network.modules():
        if isinstance(block, Block):
            block.compile(dynamic=False)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)

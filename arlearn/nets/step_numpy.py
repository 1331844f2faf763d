"""`nets.step` for few samples on a CPU: the same sums as numpy calls on the same memory.

One position of one sample is so little arithmetic that a torch kernel spends most of its time on
being called. A numpy call on a small array costs a fraction of that, and its matrix products go
straight to BLAS. Weights and cache are not copied: `Tensor.numpy` shows torch's memory.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.nets.cache import Cache
from arlearn.nets.fused import Rotation

# Up to so many samples, and multiplications per square matrix, it was the faster way. With more of
# them BLAS shares a product among threads of its own, which fight torch's for the same cores: 16
# samples of width 128 then take ten times as long.
FEW, WORK = 32, 2**17

ONE = np.ones((), dtype=np.float32)
LEAST = np.array(1e-12, dtype=np.float32)  # what `F.normalize` divides by at least


class Room:
    """Where the numbers of a pass over `batch` samples stand, and the views that it reads.

    Attributes:
        x: the residual stream. It is all but the last column of `padded`, which holds
            sqrt(d · eps): so one product gives Σ x² + d · eps.
        qkv: queries, keys, values; `pairs`, `swapped` are its queries and keys as `b 2 h 2 w/2` and
            with the halves exchanged, to be multiplied by `cos` and `sin`, which is (-sin, sin);
            `heads` shows them as `b 2h w`. `query` is `b h w 1`, `new` keys and values, `2 b h w`.
        gate, up: the halves of `gate_up`.
    """

    def __init__(self, batch: int, width: int, heads: int, hidden: int, floor: float):
        def empty(*shape):
            return np.empty(shape, dtype=np.float32)

        self.batch, w = batch, width // heads
        self.padded = np.full((batch, width + 1), floor, dtype=np.float32)
        self.x, self.y = self.padded[:, :width], empty(batch, width)
        self.root, self.lengths = empty(batch, 1), empty(batch, 2 * heads, 1)
        self.squares, self.squares_of_heads = self.root[:, 0], self.lengths[..., 0]
        self.qkv = empty(batch, 3 * width)
        three = self.qkv.reshape(batch, 3, heads, w)
        self.query, self.new = three[:, 0, :, :, None], three[:, 1:].swapaxes(0, 1)
        self.heads = self.qkv.reshape(batch, 3 * heads, w)[:, : 2 * heads]
        if w % 2 == 0:  # else nothing is turned
            self.pairs = self.qkv.reshape(batch, 3, heads, 2, w // 2)[:, :2]
            self.swapped = self.pairs[..., ::-1, :]
            self.cos, self.sin, self.turned = empty(3, *self.pairs.shape)
        self.seen, self.total = empty(batch, heads, 1, w), empty(batch, heads, 1, 1)
        self.flat_seen = self.seen.reshape(batch, width)
        self.gate_up, self.falling = empty(batch, 2 * hidden), empty(batch, hidden)
        self.gate, self.up = self.gate_up[:, :hidden], self.gate_up[:, hidden:]


class Arrays:
    """The weights of a `step.Flat` as arrays, and room for a pass.

    Args:
        heads, floor, matrices, last: as in `step.Flat`.
    """

    def __init__(
        self,
        heads: int,
        floor: Tensor,
        matrices: list[tuple[Tensor | None, ...]],
        last: Tensor | None,
    ):
        self.heads, self.floor = heads, float(floor)
        self.matrices = [_shown(row) for row in matrices]
        self.last = _shown((last,))[0]
        self.changes: list[tuple[np.ndarray | None, ...]] = []
        self.told: list | None = None
        self.room: Room | None = None

    def look_up(self, changes: list[tuple[Tensor | None, ...]]) -> None:
        """Show what a condition changes, unless it is the list that was shown last."""
        if self.told is not changes:
            self.told, self.changes = changes, [_shown(row) for row in changes]

    def space(self, batch: int) -> Room:
        """Room for so many samples, kept from pass to pass."""
        if self.room is None or self.room.batch != batch:
            down = self.matrices[0][3]
            self.room = Room(batch, down.shape[1], self.heads, down.shape[0], self.floor)
        return self.room


def possible(x: Tensor) -> bool:
    """Whether numpy may make the pass: few samples, float32, memory of this machine, and no
    compiler or subclass of `Tensor` that has to see every operation."""
    few = len(x) == 1 or len(x) * x.shape[-1] ** 2 <= WORK
    few = few and len(x) <= FEW and x.is_cpu and x.dtype == torch.float32
    return few and type(x) in (Tensor, torch.nn.Parameter) and not torch.compiler.is_compiling()


def step(
    x: Float[Tensor, "b 1 d"],
    arrays: Arrays,
    changes: list[tuple[Tensor | None, ...]],
    turn: Rotation | None,
    cache: Cache,
) -> Float[Tensor, "b 1 d"]:
    """As `nets.step.step`, which is the one to read first."""
    end = cache.end(len(x), 1)
    room, both = arrays.space(len(x)), cache.both.numpy()
    arrays.look_up(changes)
    room.x[...] = x.detach().numpy()[:, 0]
    if turn is not None:
        _angles(room, turn)
    rows = zip(arrays.matrices, arrays.changes[:-1], both[..., end - 1, :], both[..., :end, :],
               strict=True)  # fmt: skip
    with np.errstate(over="ignore"):  # exp(-gate) may be infinite: then silu is 0, as it should be
        for (qkv, out, gate_up, down, scale), change, new, (keys, values) in rows:
            shift, gain, gate, shift_mlp, gain_mlp, gate_mlp = change
            np.dot(_norm(room, gain, shift), qkv, room.qkv)
            _turn_and_scale(room, turn is not None, scale)
            np.copyto(new, room.new)
            _attend(room, keys, values)
            _add(room, room.flat_seen, out, gate)
            np.dot(_norm(room, gain_mlp, shift_mlp), gate_up, room.gate_up)
            np.negative(room.gate, room.falling)
            np.exp(room.falling, room.falling)
            np.add(room.falling, ONE, room.falling)
            np.divide(room.gate, room.falling, room.falling)
            np.multiply(room.falling, room.up, room.falling)
            _add(room, room.falling, down, gate_mlp)
    shift, gain = arrays.changes[-1][:2]
    y = _norm(room, gain, shift)
    return torch.from_numpy(y.copy() if gain is not None else y * arrays.last)[:, None]


def _norm(room: Room, gain: np.ndarray | None, shift: np.ndarray | None) -> np.ndarray:
    """x / sqrt(Σ x² + d · eps), then gain and shift if there are any."""
    np.vecdot(room.padded, room.padded, room.squares)
    np.sqrt(room.root, room.root)
    np.divide(room.x, room.root, room.y)
    if gain is not None:
        np.multiply(room.y, gain, room.y)
        np.add(room.y, shift, room.y)
    return room.y


def _angles(room: Room, turn: Rotation) -> None:
    """cos and (-sin, sin) of one position, written out for all heads of queries and keys."""
    cos, sin = (part.numpy() for part in turn)
    each = (-1, 1, 1, cos.shape[-1])  # one angle for all samples, or one for each
    room.cos[...] = cos.reshape(-1, 1, *each[1:])
    sin = sin.reshape(each)
    np.negative(sin, room.sin[..., 0, :])
    room.sin[..., 1, :] = sin


def _turn_and_scale(room: Room, turned: bool, scale: np.ndarray | None) -> None:
    """Rotary positions and lengths of queries and keys, in place."""
    if turned:  # (first, second) · cos + (second, first) · (-sin, sin)
        np.multiply(room.swapped, room.sin, room.turned)
        np.multiply(room.pairs, room.cos, room.pairs)
        np.add(room.pairs, room.turned, room.pairs)
    if scale is not None:
        np.vecdot(room.heads, room.heads, room.squares_of_heads)
        np.sqrt(room.lengths, room.lengths)
        np.maximum(room.lengths, LEAST, out=room.lengths)
        np.divide(room.heads, room.lengths, room.heads)
        np.multiply(room.heads, scale, room.heads)


def _attend(room: Room, keys: np.ndarray, values: np.ndarray) -> None:
    """softmax(q kᵀ) v into `room.seen`; the queries are scaled already."""
    scores = np.matmul(keys, room.query).swapaxes(2, 3)
    np.maximum.reduce(scores, 3, None, room.total, True)
    np.subtract(scores, room.total, scores)
    np.exp(scores, scores)
    np.add.reduce(scores, 3, None, room.total, True)
    np.matmul(scores, values, room.seen)
    np.divide(room.seen, room.total, room.seen)


def _add(room: Room, y: np.ndarray, weight: np.ndarray, gate: np.ndarray | None) -> None:
    """x + gate · (y weight), in place."""
    np.dot(y, weight, room.y)
    if gate is not None:
        np.multiply(room.y, gate, room.y)
    np.add(room.x, room.y, room.x)


def _shown(row: tuple[Tensor | None, ...]) -> tuple[np.ndarray | None, ...]:
    """Tensors as arrays whose rows stand one behind the other."""
    return tuple(None if x is None else np.ascontiguousarray(x.detach().numpy()) for x in row)

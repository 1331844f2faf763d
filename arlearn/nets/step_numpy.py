"""`nets.step` for few samples on a CPU: the same sums as numpy calls on the same memory.

A few positions of one sample are so little arithmetic that a torch kernel spends most of its time
on being called. A numpy call on a small array costs a fraction of that, and its matrix products go
straight to BLAS. Weights and cache are not copied: `Tensor.numpy` shows torch's memory.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from arlearn.nets.cache import Cache
from arlearn.nets.fused import Rotation

# Up to so many rows (samples times positions), and multiplications per square matrix, it was the
# faster way. With more of them BLAS shares a product among threads of its own, which fight torch's
# for the same cores: 16 rows of width 128 then take ten times as long.
FEW, WORK = 32, 2**17

ONE = np.ones((), dtype=np.float32)
LEAST = np.array(1e-12, dtype=np.float32)  # what `F.normalize` divides by at least


class Room:
    """Where the numbers of a pass over n positions of b samples stand, and the views that it reads.

    Rows are samples times positions, r = b n.

    Attributes:
        x: the residual stream `r d`. It is all but the last column of `padded`, which holds
            sqrt(d · eps): so one product gives Σ x² + d · eps. `by_sample` is y as `b n d`.
        qkv: queries, keys, values; `pairs`, `swapped` are its queries and keys as `r 2 h 2 w/2` and
            with the halves exchanged, to be multiplied by `cos` and `sin`, which is (-sin, sin);
            `heads` shows them as `r 2h w`. `query` is `b h w n`, `new` keys and values,
            `2 b h n w`.
        seen: what attention gives, `b h n w`, its memory in the order `b n h w` of `flat_seen`.
        gate, up: the halves of `gate_up`.
    """

    def __init__(self, shape: tuple[int, int], width: int, heads: int, hidden: int, floor: float):
        def empty(*shape):
            return np.empty(shape, dtype=np.float32)

        self.shape, (batch, n), w = shape, shape, width // heads
        rows = batch * n
        self.padded = np.full((rows, width + 1), floor, dtype=np.float32)
        self.x, self.y = self.padded[:, :width], empty(rows, width)
        self.by_sample = self.y.reshape(batch, n, width)
        self.root, self.lengths = empty(rows, 1), empty(rows, 2 * heads, 1)
        self.squares, self.squares_of_heads = self.root[:, 0], self.lengths[..., 0]
        self.qkv = empty(rows, 3 * width)
        three = self.qkv.reshape(batch, n, 3, heads, w)
        self.query, self.new = three[:, :, 0].transpose(0, 2, 3, 1), three[:, :, 1:]
        self.new = self.new.transpose(2, 0, 3, 1, 4)
        self.heads = self.qkv.reshape(rows, 3 * heads, w)[:, : 2 * heads]
        if w % 2 == 0:  # else nothing is turned
            self.pairs = self.qkv.reshape(rows, 3, heads, 2, w // 2)[:, :2]
            self.swapped = self.pairs[..., ::-1, :]
            self.cos, self.sin, self.turned = empty(3, *self.pairs.shape)
        memory = empty(batch, n, heads, w)
        self.seen, self.flat_seen = memory.swapaxes(1, 2), memory.reshape(rows, width)
        self.total = empty(batch, heads, n, 1)
        self.gate_up, self.falling = empty(rows, 2 * hidden), empty(rows, hidden)
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
            rows = [tuple(None if x is None else x[:, None] for x in row) for row in changes]
            self.told, self.changes = changes, [_shown(row) for row in rows]

    def space(self, batch: int, n: int) -> Room:
        """Room for n positions of so many samples, kept from pass to pass."""
        if self.room is None or self.room.shape != (batch, n):
            down = self.matrices[0][3]
            self.room = Room((batch, n), down.shape[1], self.heads, down.shape[0], self.floor)
        return self.room


def possible(x: Tensor) -> bool:
    """Whether numpy may make the pass: few rows, float32, memory of this machine, and no compiler
    or subclass of `Tensor` that has to see every operation."""
    rows = x.shape[0] * x.shape[1]
    few = rows == 1 or rows * x.shape[-1] ** 2 <= WORK
    few = few and rows <= FEW and x.is_cpu and x.dtype == torch.float32
    return few and type(x) in (Tensor, torch.nn.Parameter) and not torch.compiler.is_compiling()


def step(
    x: Float[Tensor, "b n d"],
    arrays: Arrays,
    changes: list[tuple[Tensor | None, ...]],
    turn: Rotation | None,
    cache: Cache,
    seen: Bool[Tensor, "#b 1 n m"] | None = None,
) -> Float[Tensor, "b n d"]:
    """As `nets.step.step`, which is the one to read first."""
    batch, n, width = x.shape
    end, hidden = cache.end(batch, n), None if seen is None else ~seen.numpy()
    room, both = arrays.space(batch, n), cache.both.numpy()
    arrays.look_up(changes)
    room.x[...] = x.detach().numpy().reshape(batch * n, width)
    if turn is not None:
        _angles(room, turn)
    rows = zip(arrays.matrices, arrays.changes[:-1], both[..., end - n : end, :],
               both[..., :end, :], strict=True)  # fmt: skip
    with np.errstate(over="ignore"):  # exp(-gate) may be infinite: then silu is 0, as it should be
        for (qkv, out, gate_up, down, scale), change, new, (keys, values) in rows:
            shift, gain, gate, shift_mlp, gain_mlp, gate_mlp = change
            np.dot(_norm(room, gain, shift), qkv, room.qkv)
            _turn_and_scale(room, turn is not None, scale)
            np.copyto(new, room.new)
            _attend(room, keys, values, hidden)
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
    y = y.copy() if gain is not None else y * arrays.last
    return torch.from_numpy(y.reshape(batch, n, width))


def _norm(room: Room, gain: np.ndarray | None, shift: np.ndarray | None) -> np.ndarray:
    """x / sqrt(Σ x² + d · eps), then gain and shift if there are any."""
    np.vecdot(room.padded, room.padded, room.squares)
    np.sqrt(room.root, room.root)
    np.divide(room.x, room.root, room.y)
    if gain is not None:
        np.multiply(room.by_sample, gain, room.by_sample)
        np.add(room.by_sample, shift, room.by_sample)
    return room.y


def _angles(room: Room, turn: Rotation) -> None:
    """cos and (-sin, sin) of every position, written out for all heads of queries and keys."""
    cos, sin = (part.numpy() for part in turn)
    all_cos, all_sin = (part.reshape(*room.shape, *part.shape[1:]) for part in (room.cos, room.sin))
    # the same angles for all samples, or each its own
    each = (-1, room.shape[1], 1, 1, cos.shape[-1])
    all_cos[...] = cos.reshape(*each[:3], 1, each[-1])[..., None, :]
    sin = sin.reshape(each)
    np.negative(sin, all_sin[..., 0, :])
    all_sin[..., 1, :] = sin


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


def _attend(room: Room, keys: np.ndarray, values: np.ndarray, hidden: np.ndarray | None) -> None:
    """softmax(q kᵀ) v into `room.seen`; the queries are scaled already."""
    scores = np.matmul(keys, room.query).swapaxes(2, 3)
    if hidden is not None:
        np.copyto(scores, -np.inf, where=hidden)
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
        np.multiply(room.by_sample, gate, room.by_sample)
    np.add(room.x, room.y, room.x)


def _shown(row: tuple[Tensor | None, ...]) -> tuple[np.ndarray | None, ...]:
    """Tensors as arrays whose rows stand one behind the other."""
    return tuple(None if x is None else np.ascontiguousarray(x.detach().numpy()) for x in row)

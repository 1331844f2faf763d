"""Problems as rows of units: the prompt to the left, then as many places for the answer."""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn.data.tasks import END, Tasks, decode, encode


@dataclass(frozen=True, eq=False)
class Sheet:
    """Tasks for a model that fills in answers of fixed length: every prompt ends at one column.

    A row is `[blanks, prompt, answer, END, END, …]`, so that the answers of all rows stand in the
    same columns and a masked model can be asked for any of them.

    Attributes:
        tasks: the problems and what judges them.
        prompt: places for the prompt; shorter ones have blanks before them.
        answer: places for the answer with at least one `END` behind it.

    Raises:
        ValueError: a prompt or an answer does not fit.
    """

    tasks: Tasks
    prompt: int = 12
    answer: int = 16
    _marked: dict[tuple[int, str], float] = field(default_factory=dict, repr=False)

    def __post_init__(self):
        for name, texts, room in (
            ("prompt", self.tasks.prompts, self.prompt),
            ("answer", self.tasks.answers, self.answer - 1),
        ):
            longest = max(texts, key=len, default="")
            if len(longest) > room:
                raise ValueError(
                    f"the {name} {longest!r} has {len(longest)} characters, the rows have room for "
                    f"{room}; pass {name}={getattr(self, name) + len(longest) - room}"
                )

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def length(self) -> int:
        """Units of a row."""
        return self.prompt + self.answer

    @cached_property
    def rows(self) -> Int[Tensor, "n t"]:
        """Each prompt with its answer."""
        pairs = zip(self.tasks.prompts, self.tasks.answers, strict=True)
        return encode([p.rjust(self.prompt) + a for p, a in pairs], self.length)

    @property
    def given(self) -> Bool[Tensor, "t"]:
        """Which columns are the prompt's."""
        return torch.arange(self.length) < self.prompt

    def asked(self, mask: int) -> Int[Tensor, "n t"]:
        """Each prompt with `mask` at every place of its answer: where a sampler begins."""
        return self.rows.masked_fill(~self.given, mask)

    def read(self, units: Int[Tensor, "b t"]) -> list[str]:
        """The answers in some rows, each up to its first `END`.

        Raises:
            ValueError: a place of the answer holds no character (a mask): judge the whole guess.
        """
        return decode(units[:, self.prompt :].cpu())

    def marks(self, units: Int[Tensor, "b t"], which: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
        """1 where a row answers its problem, else 0, by the tasks' exact checker.

        Args:
            which: the number of each row's problem.
        """
        found = []
        for i, answer in zip(which.tolist(), self.read(units), strict=True):
            if (i, answer) not in self._marked:  # a sampler writes the same text often
                right = self.tasks.kind.check(self.tasks.prompts[i], answer)
                self._marked[i, answer] = float(right)
            found.append(self._marked[i, answer])
        return torch.tensor(found, device=units.device)

    def ends(self, units: Int[Tensor, "b t"]) -> Bool[Tensor, "b t"]:
        """The places of each answer up to its first `END`, that one included."""
        end = (units == encode([END], 2)[0, 0]) & ~self.given.to(units.device)
        return ((end.cumsum(1) - end.long()) == 0) & ~self.given.to(units.device)

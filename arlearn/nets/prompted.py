"""A masked language model that answers: the prompt's places are given, the answer's are filled."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from arlearn.nets.denoiser import MaskedDenoiser


class PromptedDenoiser(MaskedDenoiser):
    """p(answer_i | prompt, the part of the answer that is not masked), for all i at once.

    Args:
        vocab: number of units v; the mask is one more.
        prompt: places of the prompt, which come first and are never masked.
        answer: places of the answer.
        **options: as for `Denoiser`.

    Source: the fine-tuning of LLaDA (Nie et al. 2025, arXiv 2502.09992), equation 5.
    """

    def __init__(self, vocab: int, prompt: int, answer: int, **options):
        super().__init__(vocab, prompt + answer, **options)
        self.prompt, self.answer = prompt, answer

    @property
    def given(self) -> Bool[Tensor, "t"]:
        """Which places are the prompt's."""
        return torch.arange(self.length, device=self.place.device) < self.prompt

    def loss(
        self,
        units: Int[Tensor, "b t"],
        *,
        weight: Literal["likelihood", "uniform"] = "uniform",
        generator: Generator | None = None,
    ) -> Float[Tensor, ""]:
        """Nats of the masked units of the answers per place of an answer, one random time a row.

        Weighted for likelihood it is the bound on -log p(answer | prompt) over its length.
        """
        given = self.given.expand(len(units), -1)
        nats = self.process.loss(self, units, weight=weight, given=given, generator=generator)
        return nats.sum(1).mean() / self.answer

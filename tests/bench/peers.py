"""The rivals, each at the same shape: `loss(tokens)` for training, `write` for sampling.

A rival that is not installed is None; its arm is left out, which the row shows.
"""

import importlib

import torch
import torch.nn.functional as F
import yardstick
from torch import nn

from arlearn.nets.language import LanguageModel

VOCAB = 256
SHAPES = {"0.8M": (128, 4), "5M": (256, 6)}


def installed(name: str):
    """A module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"\n{name} is not installed; its arm is skipped (`make bench` installs it)")
        return None


class Peer(nn.Module):
    """A model of logits with the loss that all rivals share."""

    def __init__(self, model: nn.Module, logits):
        super().__init__()
        self.model, self.logits = model, logits

    def loss(self, tokens):
        """Mean cross-entropy of each token given those before it."""
        logits = self.logits(self.model(tokens[:, :-1]))
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def gpt2(context: int, width: int, depth: int) -> nn.Module | None:
    """GPT2LMHeadModel of transformers, without dropout."""
    library = installed("transformers")
    if library is None:
        return None
    library.logging.set_verbosity_error()
    config = library.GPT2Config(
        vocab_size=VOCAB, n_positions=context, n_embd=width, n_layer=depth, n_head=width // 32,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        bos_token_id=0, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    return library.GPT2LMHeadModel(config)


def x_transformer(context: int, width: int, depth: int) -> nn.Module | None:
    """TransformerWrapper of x-transformers with its fused attention."""
    library = installed("x_transformers")
    if library is None:
        return None
    layers = library.Decoder(
        dim=width, depth=depth, heads=width // 32, attn_dim_head=32, attn_flash=True
    )
    return library.TransformerWrapper(num_tokens=VOCAB, max_seq_len=context, attn_layers=layers)


def trained(context: int, width: int, depth: int) -> dict[str, nn.Module]:
    """Ours and every rival that is there, to be trained; each reads context + 1 tokens."""
    torch.manual_seed(0)
    arms = {
        "arlearn": LanguageModel(VOCAB, context + 1, width=width, depth=depth),
        "yardstick": yardstick.GPT(VOCAB, context, width, depth, width // 32),
    }
    if (model := gpt2(context, width, depth)) is not None:
        model.config.use_cache = False
        arms["GPT2LMHeadModel"] = Peer(model, lambda out: out.logits)
    if (model := x_transformer(context, width, depth)) is not None:
        arms["x-transformers"] = Peer(model, lambda out: out)
    return arms

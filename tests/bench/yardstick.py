"""A plain GPT in nanoGPT's style, written for the bench and for nothing else.

LayerNorm, GELU, learned positions, fused causal attention, tied embeddings: what a reader would
write in an hour, with a cached loop that concatenates keys and values.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Pre-norm attention and a feed-forward of four times the width."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.heads = heads

    def forward(self, x, past=None):
        """The block's output, and the keys and values of all positions so far."""
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm_1(x)).split(d, dim=2)
        q, k, v = (z.view(b, t, self.heads, d // self.heads).transpose(1, 2) for z in (q, k, v))
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=t > 1)
        x = x + self.project(y.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.norm_2(x)))), (k, v)


class GPT(nn.Module):
    """Logits of the next token at every position."""

    def __init__(self, vocab: int, context: int, width: int, depth: int, heads: int):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocab, bias=False)
        self.head.weight = self.tokens.weight
        nn.init.normal_(self.tokens.weight, std=0.02)

    def forward(self, tokens, pasts=None):
        """Logits, and the keys and values of every layer."""
        begin = 0 if pasts is None else pasts[0][0].shape[2]
        places = torch.arange(begin, begin + tokens.shape[1], device=tokens.device)
        x, held = self.tokens(tokens) + self.places(places), []
        for layer, block in enumerate(self.blocks):
            x, now = block(x, None if pasts is None else pasts[layer])
            held.append(now)
        return self.head(self.norm(x)), held

    def loss(self, tokens):
        """Mean cross-entropy of each token given those before it."""
        logits, _ = self(tokens[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    @torch.no_grad()
    def write(self, prompt, n: int):
        """n tokens behind the prompt, one a pass."""
        new, pasts, written = prompt, None, []
        for _ in range(n):
            logits, pasts = self(new, pasts)
            new = torch.multinomial(logits[:, -1].softmax(-1), 1)
            written.append(new)
        return torch.cat(written, dim=1)

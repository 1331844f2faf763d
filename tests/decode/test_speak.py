"""Speaking: both streams hear the same units, the stop is not guided, chunks are the whole."""

import pytest
import torch
from torch import nn

from arlearn.decode.speak import chunked, faded, moments, speak
from arlearn.heads.law import Law
from arlearn.nets.sound import decoder
from arlearn.papers import clear

PHONES = ("a", "b", "c")
SIZES = clear.Sizes(width=16, depth=2, hidden=16, latent=3, codes=2, size=5, bins=6, draws=2)


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def arm(kind="flow", stop=-100.0):
    torch.manual_seed(0)
    made = clear.arm(kind, PHONES, SIZES)
    for weights in made.parameters():
        weights.data += 0.1 * torch.randn_like(weights)
    made.stop.bias.data.fill_(stop)
    return made.eval()


@pytest.mark.parametrize("kind", clear.ARMS)
def test_speaking_is_what_teacher_forcing_says(kind):
    model = arm(kind)
    text = model.spelled([["a"], ["b", "c", "a"]])
    said = speak(model, text, most=5, generator=dice())
    assert not said.ended.any() and said.lengths.tolist() == [5, 5]
    with torch.no_grad():
        h, draws = model(text, said.units), dice()
        for k in range(5):
            for level in range(model.levels):
                more = {"level": level} if kind == "codes" else {}
                state = h[:, k * model.levels + level]
                unit, _ = model.head.sample(state, generator=draws, **more)
                stands = said.units[:, k, level] if kind == "codes" else said.units[:, k]
                assert torch.allclose(unit.float(), stands.float(), atol=1e-3)


def test_both_streams_hear_the_same_units():
    model, w = arm(), 2.5
    text = model.spelled([["a"], ["b", "c", "a"]])
    said = speak(model, text, most=4, law=Law(guidance=w - 1), generator=dice(), steps=3)
    both = [model(text, said.units, torch.tensor([silent] * 2)) for silent in (False, True)]
    draws = dice()
    with torch.no_grad():
        for k in range(4):
            unit, _ = model.head.sample(
                both[0][:, k], null=both[1][:, k], guidance=w - 1, generator=draws, steps=3
            )
            assert torch.allclose(unit, said.units[:, k], atol=1e-3)


def test_the_stop_is_the_conditional_stream_s():
    model = arm()
    text = model.spelled([["a"], ["b", "c", "a"]])

    def drawn():
        return list(moments(model, text, most=6, law=Law(guidance=1.5), generator=dice()))

    assert not torch.stack([ends for _, ends in drawn()]).any()
    units = torch.stack([units for units, _ in drawn()], 1)
    with torch.no_grad():  # what the stop says without its bias of -100
        said, silent = (
            model.stop(model(text, units, torch.tensor([quiet, quiet])))[:, 1:, 0] + 100.0
            for quiet in (False, True)
        )
    level = float(said.median())
    model.stop.bias.data.fill_(-level)
    found = torch.stack([ends for _, ends in drawn()], 1)
    assert torch.equal(found[:, 1:], (said > level)[:, 1:]) and not found[:, 0].any()
    assert not torch.equal(found[:, 1:], (silent > level)[:, 1:])


def test_rows_end_on_their_own_and_what_follows_does_not_count():
    model = arm(stop=100.0)
    text = model.spelled([["a"], ["b"]])
    said = speak(model, text, least=3, most=9, generator=dice())
    assert said.lengths.tolist() == [3, 3] and said.ended.all()
    assert said.row(0).shape == (1, 3, 3) and said.trace.n_steps == 3
    assert said.trace.evaluations == 3 + 1


def test_passes_are_counted():
    text = arm().spelled([["a"]])
    codes = speak(arm("codes"), text, most=4, law=Law(guidance=0.5), generator=dice())
    assert codes.trace.evaluations == 2 * (1 + 4 * 2) and codes.trace.n_steps == 4
    assert codes.units.shape == (1, 4, 2) and codes.trace.length == 4


def test_a_prompt_stands_in_front_and_is_heard():
    model = arm()
    text, prompt = model.spelled([["a"], ["b"]]), torch.randn(2, 3, 3)
    said = speak(model, text, prompt=prompt, most=6, generator=dice())
    assert torch.equal(said.units[:, :3], prompt) and said.lengths.tolist() == [6, 6]
    other = speak(model, text, prompt=prompt + 1, most=6, generator=dice())
    assert not torch.allclose(said.units[:, 3], other.units[:, 3])
    with torch.no_grad():
        unit, _ = model.head.sample(model(text, prompt)[:, -1], generator=dice())
    assert torch.allclose(unit, said.units[:, 3], atol=1e-4)
    with pytest.raises(ValueError, match="behind 3 moments"):
        speak(model, text, prompt=prompt, most=3)


@pytest.mark.parametrize("n", [1, 3, 4, 7, 8, 9, 17])
@pytest.mark.parametrize(("chunk", "overlap"), [(4, 0), (4, 1), (4, 3), (1, 0)])
def test_chunks_of_what_needs_no_context_are_the_whole(n, chunk, overlap):
    units = torch.randn(n, 2, generator=dice())
    parts = list(chunked(units, lambda u: u.repeat_interleave(5, 0), chunk=chunk, overlap=overlap))
    assert torch.allclose(torch.cat(parts), units.repeat_interleave(5, 0), atol=1e-6)
    assert len(parts[0]) == 5 * (n if n < chunk else chunk - overlap)


def test_chunked_causal_decoding_is_full_decoding_away_from_the_borders():
    torch.manual_seed(0)
    net = decoder(3, 6, (8, 8, 16, 16)).eval()
    units = torch.randn(48, 3)

    def decode(u):
        with torch.no_grad():
            return net(u.T[None])[0].T

    full, chunk, overlap, reach = decode(units), 16, 4, 10  # latents the decoder looks back
    made = torch.cat(list(chunked(units, decode, chunk=chunk, overlap=overlap)))
    assert made.shape == full.shape
    off = (made - full).abs().amax(1) > 1e-5
    borders = torch.zeros(48 * 8, dtype=torch.bool)
    for begin in (16, 32):
        borders[(begin - overlap) * 8 : (begin - overlap + reach) * 8] = True
    assert off.any() and not off[~borders].any()
    parts = chunked(units, decode, chunk=chunk, overlap=overlap, context=reach)
    assert torch.allclose(torch.cat(list(parts)), full, atol=1e-5)


def test_a_chunk_is_out_before_the_next_unit_is_drawn():
    drawn = []

    def units():
        for k in range(9):
            drawn.append(k)
            yield torch.zeros(1)

    first = next(chunked(units(), lambda u: u, chunk=4, overlap=1))
    assert len(first) == 3 and drawn == [0, 1, 2, 3]


def test_a_fade_goes_over_in_a_line():
    mixed = faded(torch.zeros(3, 1), torch.ones(5, 1))
    assert torch.allclose(mixed[:, 0], torch.tensor([0.25, 0.5, 0.75, 1, 1]))
    assert torch.equal(faded(None, torch.ones(2)), torch.ones(2))
    with pytest.raises(ValueError, match="less than chunk=2"):
        next(chunked([torch.zeros(1)], nn.Identity(), chunk=2, overlap=2))

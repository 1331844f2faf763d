"""Films of an unmasking: states and drafts are those the network read and wrote."""

import pytest
import torch

from arlearn.decode.film import film
from arlearn.decode.unmask import unmask
from arlearn.trace import Trace


def network(units):
    place = torch.arange(units.shape[1])
    seen = ((units + 1) * (place + 2)).sum(1, keepdim=True) % 17
    return 2 * torch.sin(seen[..., None] + place[:, None] * 1.7 + torch.arange(6) * 2.3)


def shot(**options):
    start, read = torch.full((5, 10), 6), []
    start[:, :3] = torch.tensor([1, 2, 3])

    def watched(units):
        read.append(units.clone())
        return network(units)

    dice = torch.Generator().manual_seed(0)
    _, trace = unmask(watched, start, mask=6, generator=dice, **options)
    return film(trace, start, 6), torch.stack(read), start


@pytest.mark.parametrize("remask", [None, "last", "max"])
@pytest.mark.parametrize("block", [None, 4])
def test_states_are_what_the_network_read(remask, block):
    seen, read, start = shot(n_steps=6, remask=remask, block=block)
    assert torch.equal(seen.states, read) and len(seen) == 6
    assert torch.equal(seen.hidden, read == 6)
    assert (seen.guesses < 6).all() and (seen.guesses[..., :3] == start[:, :3]).all()
    stood = ~seen.hidden
    assert (seen.guesses[stood] == seen.states[stood]).all()


@pytest.mark.parametrize("remask", ["last", "max"])
def test_confidence_is_that_of_the_guesses_in_their_own_state(remask):
    seen, _, _ = shot(n_steps=6, remask=remask)
    for state, guess, sure, hidden in zip(
        seen.states, seen.guesses, seen.confidence, seen.hidden, strict=True
    ):
        p = network(state).softmax(-1).gather(-1, guess[..., None])[..., 0]
        assert torch.allclose(sure[hidden], p[hidden])


def test_nothing_is_taken_back_without_remasking_and_something_with():
    assert not shot(n_steps=6)[0].taken_back.any()
    seen = shot(n_steps=6, remask="last")[0]
    assert seen.taken_back.any() and not seen.taken_back[-1].any()
    assert not seen.taken_back[..., :3].any(), "a prompt was taken back"
    for s in range(5):
        back = seen.taken_back[s]
        assert (seen.hidden[s + 1][back]).all() and (~seen.hidden[s][back]).all()


def test_a_film_needs_an_unmasking_of_this_start():
    start = torch.full((2, 4), 6)
    with pytest.raises(ValueError, match="this one has 0 steps that do not"):
        film(Trace(4), start, 6)
    _, trace = unmask(network, start, mask=6, n_steps=2)
    with pytest.raises(ValueError, match="give the start that was unmasked"):
        film(trace, start[:1], 6)

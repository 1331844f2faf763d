"""TiDAR: no answer leaks, the text's law is kept, and a pass is what its pieces are one by one."""

import itertools
import math

import pytest
import torch

from arlearn import decode
from arlearn.decode import Verdict
from arlearn.heads.law import Law
from arlearn.papers import tidar
from arlearn.papers.tidar import TiDAR
from arlearn.training import Recipe, fit

GREEDY = Law(temperature=0.0)
LENGTHS = [1, 2, 3, 4, 6]


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def build(vocab=5, context=40, **options):
    torch.manual_seed(0)
    model = TiDAR(vocab, context, width=16, depth=2, heads=2, **options).eval()
    for p in model.parameters():  # far from the flat laws a fresh model has
        p.data += 0.3 * torch.randn_like(p)
    return model


@pytest.fixture(scope="module")
def model():
    return build(block=4)


@pytest.fixture(scope="module")
def prompt(model):
    return torch.tensor([[model.start, 1, 2]])


@pytest.fixture
def text():
    return torch.randint(5, (3, 14), generator=dice(1))


def drafted(model, units):
    """Logits at the masks that stand for units 0 … t-2, one block at a time, behind a cache."""
    read, found = model.read_as(units), []
    with torch.no_grad():
        for begin in range(1, units.shape[1], model.block):
            cache = model.new_cache(len(units), units.shape[1])
            model.read(read[:, :begin], cache)
            n = min(model.block, units.shape[1] - begin)
            masks = units.new_full((len(units), n), model.mask_token)
            found.append(model.head(model.look(masks, cache, mask=None, commit=False)))
    return torch.cat(found, 1)


def test_the_text_is_read_as_by_the_language_model_whatever_is_masked(model, text):
    right = model.unit_loss(text)
    for full in (True, False):
        talk, _, _ = model.both(text, full=full)
        torch.testing.assert_close(talk, right, atol=1e-5, rtol=0)


def test_masks_in_training_are_masks_behind_a_cache(model, text):
    _, think, hidden = model.both(text)
    assert think.shape == hidden.shape == (3, 13) and hidden.all()
    log_p = drafted(model, text).log_softmax(-1).gather(-1, text[:, :-1, None])[..., 0]
    torch.testing.assert_close(think, -log_p, atol=1e-5, rtol=0)


def test_no_mask_sees_a_token_of_its_own_block_or_a_later_one(model, text):
    with torch.no_grad():
        _, before, _ = model.both(text)
        for place in range(14):
            changed = text.clone()
            changed[:, place] = (changed[:, place] + 1) % 5
            moved = (model.both(changed)[1] - before).abs().amax(0)
            moved[place : place + 1] = 0  # its own target is another one now
            begin = (place // 4 + 1) * 4  # the first block that stands behind it
            assert moved[:begin].max() < 1e-6
            assert begin >= 13 or moved[begin:].min() > 1e-6


def test_random_masks_hide_a_share_of_every_block(text):
    model = build(block=4, full=False)
    many = text.repeat(200, 1)
    torch.manual_seed(3)
    _, think, hidden = model.both(many)
    assert 0.45 < hidden.float().mean() < 0.55
    assert (think[~hidden] == 0).all() and (think[hidden] > 0).all()
    share = hidden[:, :12].reshape(-1, 4).float().mean(1)  # blocks have levels of their own
    assert (share == 0).float().mean() > 0.15 and (share == 1).float().mean() > 0.15


def test_the_loss_is_the_balance_of_both_halves(text):
    for alpha in (0.0, 0.5, 1.0, 3.0):
        model = build(block=4, alpha=alpha)
        talk, think, _ = model.both(text)
        right = (alpha * talk.mean() + think.mean()) / (1 + alpha)
        torch.testing.assert_close(model.loss(text), right)
    alone = build(block=4, alpha=math.inf)
    torch.testing.assert_close(alone.loss(text), alone.unit_loss(text).mean())
    torch.testing.assert_close(build(alpha=1e7, block=4).loss(text), alone.loss(text), rtol=1e-4,
                               atol=0)  # fmt: skip


def test_training_lowers_both_losses():
    model, units = build(block=3, alpha=1.0), torch.arange(5).repeat(8)[None, :24].repeat(4, 1)
    before = [nats.mean().item() for nats in model.both(units)[:2]]
    fit(model, lambda step: (units,), 30, recipe=Recipe(lr=1e-2, precision="fp32"), progress=False)
    after = [nats.mean().item() for nats in model.both(units)[:2]]
    assert after[0] < 0.5 * before[0] and after[1] < 0.5 * before[1]


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_decode_mask_says_who_sees_whom(k):
    seen, place = tidar.decode_mask(k)
    n = k + k * k
    assert seen.shape == (n, n) and place.shape == (n,)
    assert place[:k].tolist() == list(range(k))
    for i, j in itertools.product(range(n), range(n)):
        a, b = (i - k) // k + 1, (j - k) // k + 1  # the groups, 1 … k
        right = a == b if j >= k else j < a  # of a mask: its group, and the drafts before it
        assert bool(seen[i, j]) == (right if i >= k else j <= i)  # drafts are causal
    for a in range(1, k + 1):
        assert place[k + (a - 1) * k : k + a * k].tolist() == list(range(a, a + k))


@pytest.mark.parametrize("length", LENGTHS)
def test_greedy_text_is_that_of_plain_decoding(model, prompt, length):
    text, trace = tidar.generate(model, prompt, 25, length=length, law=GREEDY)
    plain, _ = decode.write(model, prompt, 25, law=GREEDY)
    assert torch.equal(text, plain)
    told = decode.tally(trace)
    assert told.tokens == 25 and told.target_evaluations == trace.evaluations
    assert (told.drafted == 0) == (length == 1)


def test_a_draft_of_one_is_plain_decoding(model, prompt):
    text, trace = tidar.generate(model, prompt, 25, length=1, generator=dice(3))
    plain, _ = decode.write(model, prompt, 25, generator=dice(3))
    assert torch.equal(text, plain) and trace.evaluations == 25


def test_a_pass_is_what_its_pieces_are_one_by_one(model, prompt):
    """p behind every draft, every group after every stop, and the laws the drafts came from."""
    law, text = Law(temperature=0.7, top_k=4), prompt
    before = None
    with torch.no_grad():
        for one in tidar.rounds(model, prompt, 30, length=4, law=law, generator=dice(5)):
            whole = torch.cat([text, one.draft[:, 1:]], 1)
            assert one.draft.shape[1] == 0 or one.draft[0, 0] == text[0, -1]
            cache = model.new_cache(1, 41)
            alone = law.filter(model.read(whole, cache)).softmax(-1)[:, text.shape[1] - 1 :]
            torch.testing.assert_close(one.p, alone, atol=1e-5, rtol=0)
            if before is not None:
                torch.testing.assert_close(one.q, before[:, 1 : one.draft.shape[1]])
            k = one.groups.shape[2]
            for stop in reversed(range(one.groups.shape[1])):
                cache.crop(text.shape[1] + stop)
                masks = prompt.new_full((1, k), model.mask_token)
                group = model.look(masks, cache, mask=None, commit=False)
                torch.testing.assert_close(one.groups[:, stop], group, atol=1e-5, rtol=0)
            stands = int(one.verdict.n_accepted)
            before = law.filter(model.head(one.groups[:, stands])).softmax(-1)
            new = torch.cat([one.draft[:, 1 : 1 + stands], one.verdict.next_token[:, None]], 1)
            assert one.tested == text.shape[1] and 1 <= new.shape[1] <= 4
            text = torch.cat([text, new], 1)
    assert text.shape[1] == prompt.shape[1] + 30


def test_the_cache_holds_the_text_alone(model, prompt, monkeypatch):
    """After every pass: the keys of the accepted text, none of a mask or of what fell."""
    caches, make = [], model.backbone.cache
    monkeypatch.setattr(model.backbone, "cache", lambda *a: caches.append(make(*a)) or caches[-1])
    text, stood = prompt, []
    with torch.no_grad():
        for one in tidar.rounds(model, prompt, 20, length=4, generator=dice(2)):
            n = int(one.verdict.n_accepted)
            text = torch.cat([text, one.draft[:, 1 : 1 + n], one.verdict.next_token[:, None]], 1)
            fresh = make(1, text.shape[1])
            model.read(text[:, :-1], fresh)
            assert caches[0].length == text.shape[1] - 1  # the last token was not read yet
            kept = caches[0].both[..., : fresh.length, :]
            torch.testing.assert_close(kept, fresh.both[..., : fresh.length, :], atol=1e-5, rtol=0)
            stood.append(n)
    assert 0 in stood and max(stood) > 0  # some drafts fell and some stood


def test_drafts_with_the_text_s_own_law_all_stand(model, prompt, monkeypatch):
    """A head that sees nothing: p and q are one law."""
    flat = torch.tensor([0.5, -1.0, 0.3, 1.0, 0.0])
    monkeypatch.setattr(model.head, "forward", lambda h: flat.expand(*h.shape[:-1], 5))
    _, trace = tidar.generate(model, prompt, 25, length=4, generator=dice(0))
    told = decode.tally(trace)
    assert told.accepted == told.drafted and told.target_evaluations == 7  # 1 + 6 times 4


class Scripted:
    """Draws and verdicts by a list of numbers; at its end the first choice, and how many there are.

    Every run adds up the chance of what it chose, so that all runs together are the decoder's law.
    """

    def __init__(self, choices):
        self.choices, self.made, self.chance = choices, [], 1.0

    def choose(self, chances):
        place = len(self.made)
        here = self.choices[place] if place < len(self.choices) else 0
        self.made.append((here, len(chances)))
        self.chance *= float(chances[here])
        return here

    def draw(self, logits, generator):
        p = logits.detach().double().softmax(-1)
        units = [[self.choose(row) for row in rows] for rows in p]
        return torch.tensor(units, dtype=torch.long).view(p.shape[:-1]), None

    def accept(self, drafts, q, p, generator):
        p, q, stands = p[0].detach().double(), q[0].detach().double(), 0
        while stands < drafts.shape[1]:
            x = int(drafts[0, stands])
            passes = min(1.0, float(p[stands, x] / q[stands, x]))
            if self.choose([passes, 1 - passes]):
                break
            stands += 1
        last = stands == drafts.shape[1]
        rest = p[stands] if last else (p[stands] - q[stands]).clamp(min=0)
        token = self.choose(rest / rest.sum().clamp(min=1e-30))
        return Verdict(torch.tensor([stands]), torch.tensor([token]))

    def following(self):
        """The choices of the run after this one, in the order of an odometer; None at the end."""
        made = list(self.made)
        while made and made[-1][0] == made[-1][1] - 1:
            made.pop()
        return [here for here, _ in made[:-1]] + [made[-1][0] + 1] if made else None


def test_the_law_of_the_texts_is_the_language_models(monkeypatch):
    """Every way the dice may fall, with its chance: no sample, no tolerance but for rounding."""
    length, law = 3, Law(temperature=0.6)
    model, n, found, choices = build(vocab=2, block=3), 4, torch.zeros(16).double(), []
    prompt = torch.tensor([[model.start, 1]])
    every = torch.tensor(list(itertools.product(range(2), repeat=n)))
    with torch.no_grad():
        rows = torch.cat([prompt.expand(16, -1), every], 1)
        p = law.filter(model.read(rows, model.new_cache(16, 7))[:, 1:-1]).double().softmax(-1)
    exact = p.gather(-1, every[..., None]).prod(1)[:, 0]
    while choices is not None:
        script = Scripted(choices)
        monkeypatch.setattr(tidar, "draw", script.draw)
        monkeypatch.setattr(tidar, "accept", script.accept)
        pieces = [x for one in tidar.rounds(model, prompt, n, length=length, law=law)
                  for x in accepted(one)]  # fmt: skip
        place = int(torch.cat(pieces, 1)[0] @ torch.tensor([8, 4, 2, 1]))
        found[place] += script.chance
        choices = script.following()
    torch.testing.assert_close(found, exact, atol=1e-5, rtol=0)


def accepted(one):
    """What a pass adds to the text."""
    stands = int(one.verdict.n_accepted)
    return one.draft[:, 1 : 1 + stands], one.verdict.next_token[:, None]


@pytest.mark.parametrize("length", [1, 3, 6])
def test_a_stop_ends_the_text_and_changes_nothing_before_it(model, prompt, length):
    whole, trace = tidar.generate(model, prompt, 30, length=length, law=GREEDY)
    stop = int(whole[0, 11])
    first = int((whole[0] == stop).nonzero()[0])
    text, short = tidar.generate(model, prompt, 30, length=length, law=GREEDY, stop=stop)
    assert torch.equal(text[:, : first + 1], whole[:, : first + 1])
    assert text.shape == (1, 30) and short.evaluations < trace.evaluations
    assert text[0, -1] == stop


def test_a_mixed_judge_lets_more_stand_and_an_exact_one_is_beta_one(model, prompt):
    def rate(beta):
        _, trace = tidar.generate(model, prompt, 35, length=4, beta=beta, generator=dice(1))
        return decode.tally(trace).rate

    assert rate(0.0) == 1.0
    assert rate(1.0) < rate(0.3) <= 1.0
    plain = tidar.generate(model, prompt, 20, length=4, generator=dice(1))[0]
    assert torch.equal(plain, tidar.generate(model, prompt, 20, length=4, beta=1.0,
                                             generator=dice(1))[0])  # fmt: skip


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"length": 0}, "must be at least 1"),
        ({"length": -1}, "draft length of at least 0"),
        ({"length": 2, "n": 0}, "n of at least 1"),
        ({"length": 2, "law": Law(guidance=1.0)}, "guidance 1.0 is not applied"),
        ({"length": 2, "beta": 1.5}, "beta 1.5"),
    ],
)
def test_bad_requests_are_sentences(model, prompt, what, said):
    with pytest.raises(ValueError, match=said):
        tidar.generate(model, prompt, what.pop("n", 5), **what)


@pytest.mark.parametrize("options", [{"block": 0}, {"alpha": -1.0}, {"alpha": math.nan}])
def test_bad_sizes_are_refused(options):
    with pytest.raises(ValueError, match="must be at least 1, and alpha"):
        build(**options)

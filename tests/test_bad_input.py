"""Bad input of every kind gets a sentence that names the value and the mend.

One table: what is done wrong, the error it raises, and what its sentence must say. The cases run
in a Python of their own, without the shape checks of these tests, so that each error is the one a
reader would meet.
"""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

import arlearn
from arlearn import catalog, claims, data, decode, heads, home, metrics, plans, runner, show, zoo
from arlearn.corrupt.masking import Absorbing
from arlearn.data import download, oracle
from arlearn.data.cards import card
from arlearn.decode.speculative import expected_tokens
from arlearn.heads.law import Law, draw
from arlearn.nets.conv import Decoder, Encoder
from arlearn.nets.language import LanguageModel
from arlearn.nets.transformer import Transformer
from arlearn.papers.raster import Raster
from arlearn.tokens.images import ImageTokenizer
from arlearn.tokens.multiscale import MultiScaleQuantizer
from arlearn.tokens.quantize import FSQ, LFQ, VectorQuantizer
from arlearn.tokens.text import BPETokenizer, CharTokenizer
from arlearn.training import Batches, Recipe, fit

HEADER = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
"""


@dataclass(frozen=True)
class Case:
    """What is done (given an empty folder), the error's type, and what its sentence holds."""

    do: Callable[[Path], Any]
    error: type[Exception]
    says: tuple[str, ...]


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """These environment variables inside the block."""
    with mock.patch.dict(os.environ, values):
        yield


def within(call: Callable[[], Any], **values: str) -> Any:
    """A call under these environment variables."""
    with environment(**values):
        return call()


def language() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(7, 8, width=16, depth=1, heads=2).eval()


def pictures() -> Raster:
    torch.manual_seed(0)
    return Raster(2, 5, width=16, depth=1, classes=3, heads=2).eval()


def tokenizer() -> ImageTokenizer:
    torch.manual_seed(0)
    shape = {"width": 8, "factor": 2}
    encoder, decoder = Encoder(3, 4, **shape), Decoder(4, 3, **shape)
    return ImageTokenizer(encoder, VectorQuantizer(16, 4), decoder, 4).eval()


def long(*shape: int, value: int = 0) -> torch.Tensor:
    return torch.full(shape, value, dtype=torch.long)


class Line(torch.nn.Module):
    """One weight, for trainings that need no model."""

    def __init__(self, size: int = 1):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(size))

    def loss(self, x: torch.Tensor) -> torch.Tensor:
        return ((self.weight * x) ** 2).mean()


def learn(at: Path, size: int = 1, steps: int = 2, seed: int = 0, **options: Any) -> Any:
    """A training of a moment, with a checkpoint in `at`."""
    recipe = Recipe(lr=options.pop("lr", 1e-3), precision="fp32")
    examples = torch.rand(4, size, generator=torch.Generator().manual_seed(seed))
    batches = Batches(examples, size=2, seed=seed)
    options = {"checkpoint": at / "run.safetensors", "progress": False, **options}
    return fit(Line(size), batches, steps, recipe=recipe, **options)


def twice(at: Path, **second: Any) -> Any:
    """A training, and one of other arguments on its checkpoint."""
    learn(at)
    return learn(at, **second)


def cut(at: Path) -> Any:
    """A checkpoint cut in half, as a full disk or a killed copy leaves it."""
    learn(at)
    file = at / "run.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    return learn(at)


def beside(at: Path) -> Any:
    """A second run on a checkpoint that is held."""
    from arlearn.checkpoint import held

    with held(at / "run.safetensors"):
        return learn(at)


def full_disk(call: Callable[[], Any]) -> Any:
    """A call on a disk without room: every rename into place fails as the system would say it."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with mock.patch("os.replace", side_effect=full):
        return call()


def without_rights(at: Path, call: Callable[[], Any]) -> Any:
    """A call whose data folder lies where a file stands, so that not even root makes it."""
    (at / "file").write_text("", encoding="utf-8")
    return within(call, ARLEARN_DATA=str(at / "file" / "data"))


def shakespeare(at: Path, mirror: str = "", text: str | None = None) -> Any:
    """Tiny Shakespeare, from a mirror that is a folder (with or without a file) or an address."""
    if text is not None:
        file = at / "mirror" / card("tiny-shakespeare").files[0].path
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
    (at / "data").mkdir()
    mirror = mirror or str(at / "mirror")
    values = {"ARLEARN_DATA": str(at / "data"), "ARLEARN_DATA_MIRROR": mirror}
    return within(lambda: download.fetch(card("tiny-shakespeare").files[0]), **values)


def weights(at: Path, change: Callable[[Path, Path], Any]) -> Any:
    """A shipped model's copy in `at`, changed, and loaded from there."""
    name = "scenes16-vq"
    for suffix in (".safetensors", ".json"):
        there = home.PACKAGE / "weights" / f"{name}{suffix}"
        (at / there.name).write_bytes(there.read_bytes())
    change(at / f"{name}.safetensors", at / f"{name}.json")
    return zoo.load(name, at)


def command(*words: str) -> Any:
    """The command line, whose sentence and exit status become an error of their own."""
    from rich.console import Console
    from typer.testing import CliRunner

    from arlearn.cli import app

    said = StringIO()
    with mock.patch("arlearn.cli.err", Console(file=said, highlight=False)):
        result = CliRunner().invoke(app, list(words))
    raise SystemError(f"exit {result.exit_code}: {result.output}{said.getvalue()}")


def toys(at: Path, *codes: str) -> list[Path]:
    """Toy chapters in a repository of their own, one per code."""
    for folder in ("chapters/00_toy", "datasets", "arlearn"):
        (at / folder).mkdir(parents=True, exist_ok=True)
    files = [at / "chapters" / "00_toy" / f"{n:02d}_toy{n}.py" for n in range(1, len(codes) + 1)]
    for file, code in zip(files, codes, strict=True):
        file.write_text(f"{HEADER}\n# %%\n{code}\n", encoding="utf-8")
    return files


def killed(at: Path) -> Any:
    """Two chapters, the first of which the system kills, as one that takes all memory."""
    catalog.papers()
    toys(at, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "print('the second')")
    with mock.patch("arlearn.home.PACKAGE", at / "arlearn"):
        return command("claims", "--all", "--tier", "smoke")


def stale(at: Path) -> Any:
    """A notebook whose source was edited since its run."""
    from arlearn.runner import pair

    (toy,) = toys(at, "print(1)")
    with mock.patch("arlearn.home.PACKAGE", at / "arlearn"):
        notebook = pair.read(toy)
        notebook.metadata["arlearn"] = {"source_sha256": pair.source_sha256(toy)}
        pair.write(notebook, toy.with_suffix(".ipynb"))
        toys(at, "print(2)")
        raise SystemError(pair.stale(toy, toy.with_suffix(".ipynb")))


def measured(**parts: Any) -> Any:
    return claims.claim("decoding", parts, equal="everything", seeds=[0])


CASES: dict[str, Case] = {
    # the house
    "a tier that does not exist": Case(
        lambda at: within(home.tier, ARLEARN_TIER="large"),
        ValueError,
        ("ARLEARN_TIER=large", "smoke, cpu, gpu"),
    ),
    "a data folder that cannot be made": Case(
        lambda at: without_rights(at, home.data_folder),
        PermissionError,
        ("file/data", "set ARLEARN_DATA"),
    ),
    "an attribute arlearn has not": Case(
        lambda at: arlearn.generate, AttributeError, ("'generate'", "decode")
    ),
    # catalog and claims
    "an unknown slug": Case(
        lambda at: catalog.chapter("tidra"), LookupError, ("'tidra'", "did you mean 'tidar'")
    ),
    "a slug with an underscore": Case(
        lambda at: catalog.paper("fast_dllm_v2"), LookupError, ("did you mean 'fast-dllm-v2'",)
    ),
    "a chapter that is not written": Case(
        lambda at: runner.find("stree"), FileNotFoundError, ("STree", "not written yet")
    ),
    "a part left out of a claim": Case(lambda at: measured(), LookupError, ("missing", "greedy")),
    "a part the catalog has not": Case(
        lambda at: measured(gredy=arlearn.Measured(0.0)), LookupError, ("gredy", "greedy")
    ),
    "a measured nan": Case(
        lambda at: arlearn.Measured(float("nan")), ValueError, ("nan", "method=None")
    ),
    "a claim with nothing held equal": Case(
        lambda at: claims.claim("decoding", {}, equal="", seeds=[0]), ValueError, ("equal=",)
    ),
    "an exercise that does not exist": Case(
        lambda at: arlearn.check("18.9", None), ValueError, ("18.9", "18.1")
    ),
    # plans
    "a block size that does not divide": Case(
        lambda at: plans.blocks(64, 5), ValueError, ("5", "64", "1, 2, 4, 8")
    ),
    "a cell size that does not divide": Case(
        lambda at: plans.cells(6, 4, 4), ValueError, ("4", "6 x 4", "1, 2")
    ),
    "scales that do not grow": Case(
        lambda at: plans.scales([1, 4, 2]), ValueError, ("[1, 4, 2]", "grow")
    ),
    "a plan with a gap": Case(
        lambda at: plans.Plan(torch.tensor([0, 2])), ValueError, ("[0, 2]", "without a gap")
    ),
    "a plan without positions": Case(lambda at: plans.raster(0), ValueError, ("at least 1", "0")),
    "windows of nothing": Case(lambda at: plans.windows([]), ValueError, ("positive", "[]")),
    "an unknown scan": Case(
        lambda at: plans.scan(4, 4, "spiral"), ValueError, ("'spiral'", "row-zigzag")
    ),
    "two streams of different length": Case(
        lambda at: plans.two_streams(plans.raster(4), plans.raster(5)), ValueError, ("4", "5")
    ),
    # networks
    "heads that do not divide the width": Case(
        lambda at: Transformer(16, 1, 3), ValueError, ("3 heads", "16")
    ),
    "vectors of another width": Case(
        lambda at: Transformer(16, 1)(torch.zeros(2, 3, 8)), ValueError, ("16", "8")
    ),
    "a batch without its axis": Case(
        lambda at: Transformer(16, 1)(torch.zeros(3, 16)), ValueError, ("(3, 16)", "b t d")
    ),
    "a condition nobody takes": Case(
        lambda at: Transformer(16, 1)(torch.zeros(2, 3, 16), cond=torch.zeros(2, 4)),
        ValueError,
        ("condition", "cond_width"),
    ),
    "more than a cache holds": Case(
        lambda at: Transformer(16, 1)(torch.zeros(1, 3, 16), cache=Transformer(16, 1).cache(1, 2)),
        ValueError,
        ("3 positions", "2"),
    ),
    "a batch a cache was not made for": Case(
        lambda at: Transformer(16, 1)(torch.zeros(2, 1, 16), cache=Transformer(16, 1).cache(1, 2)),
        ValueError,
        ("batch of 2", "for 1"),
    ),
    "a prompt longer than the context": Case(
        lambda at: decode.write(language(), long(1, 12), 4), ValueError, ("context of 8",)
    ),
    "a text longer than the context": Case(
        lambda at: language().loss(long(2, 9)), ValueError, ("9 tokens", "context of 8")
    ),
    "a token outside the vocabulary": Case(
        lambda at: language().loss(long(2, 8, value=9)), ValueError, ("9", "vocab")
    ),
    "a prompt outside the vocabulary": Case(
        lambda at: decode.write(language(), long(1, 2, value=9), 2), ValueError, ("9", "vocab")
    ),
    "tokens that are floats": Case(
        lambda at: language().loss(torch.zeros(2, 8)), TypeError, ("float32", "int")
    ),
    "tokens without a batch": Case(
        lambda at: language().loss(long(8)), ValueError, ("(8,)", "b t")
    ),
    "a label outside the classes": Case(
        lambda at: pictures().loss(long(2, 4), torch.tensor([0, 7])),
        ValueError,
        ("7", "3 classes"),
    ),
    "as many labels as nobody asked for": Case(
        lambda at: pictures().loss(long(2, 4), torch.tensor([0, 1, 2])), ValueError, ("3", "2")
    ),
    "units of another length than the plan": Case(
        lambda at: pictures().loss(long(2, 9), long(2)), ValueError, ("9", "4")
    ),
    # sampling
    "a negative temperature": Case(
        lambda at: Law(temperature=-1.0), ValueError, ("-1.0", "0 means most likely")
    ),
    "a top-k of nothing": Case(lambda at: Law(top_k=0), ValueError, ("top_k 0", "1 or more")),
    "a top-p of nothing": Case(lambda at: Law(top_p=0.0), ValueError, ("top_p 0", "None")),
    "a top-k above the vocabulary": Case(
        lambda at: decode.write(language(), long(1, 2), 1, law=Law(top_k=50)),
        ValueError,
        ("50", "vocabulary of 7"),
    ),
    "a law of no finite logit": Case(
        lambda at: draw(torch.full((1, 4), -torch.inf)),
        ValueError,
        ("probability", "-inf everywhere"),
    ),
    "logits that are not numbers": Case(
        lambda at: draw(torch.full((1, 4), torch.nan)), ValueError, ("nan",)
    ),
    "neither labels nor a batch": Case(
        lambda at: decode.generate(pictures()), ValueError, ("labels=", "batch=")
    ),
    "a batch of nothing": Case(
        lambda at: decode.generate(pictures(), long(0)), ValueError, ("at least 1",)
    ),
    "guidance without labels": Case(
        lambda at: decode.generate(pictures(), batch=2, law=Law(guidance=1.0)),
        ValueError,
        ("guidance 1.0", "labels"),
    ),
    "in-painting without its mask": Case(
        lambda at: decode.generate(pictures(), long(2), given=long(2, 4)),
        ValueError,
        ("given=", "known="),
    ),
    "a prompt of nothing": Case(
        lambda at: decode.write(language(), long(1, 0), 3), ValueError, ("at least one token",)
    ),
    "a negative number of tokens": Case(
        lambda at: decode.write(language(), long(1, 1), -3), ValueError, ("n=-3", "at least 1")
    ),
    "a draft of negative length": Case(
        lambda at: decode.speculative(language(), language(), long(1, 1), 3, length=-1),
        ValueError,
        ("-1",),
    ),
    "drafts of another vocabulary": Case(
        lambda at: decode.speculative(
            language(),
            LanguageModel(6, 8, width=16, depth=1, heads=2),
            long(1, 1),
            3,
            length=2,
        ),
        ValueError,
        ("6", "7"),
    ),
    "an acceptance rate above 1": Case(
        lambda at: expected_tokens(1.5, 3), ValueError, ("1.5", "0 .. 1")
    ),
    "more steps than masks": Case(
        lambda at: decode.unmask(
            lambda x: torch.zeros(*x.shape, 5), long(1, 4, value=5), mask=5, n_steps=9
        ),
        ValueError,
        ("9", "4"),
    ),
    "neither steps nor a threshold": Case(
        lambda at: decode.unmask(lambda x: torch.zeros(*x.shape, 5), long(1, 4, value=5), mask=5),
        ValueError,
        ("n_steps", "threshold"),
    ),
    # tokens
    "a code outside the codebook": Case(
        lambda at: tokenizer().decode(long(1, 16, value=16)), IndexError, ("16", "0 to 15")
    ),
    "pictures with a channel too few": Case(
        lambda at: tokenizer().encode(torch.zeros(2, 1, 8, 8)),
        ValueError,
        ("1 channels", "built for 3"),
    ),
    "pictures of another size": Case(
        lambda at: tokenizer().encode(torch.zeros(2, 3, 12, 12)), ValueError, ("6 x 6", "side is 4")
    ),
    "pictures as bytes": Case(
        lambda at: tokenizer().encode(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)),
        TypeError,
        ("uint8", "float"),
    ),
    "one picture without a batch": Case(
        lambda at: tokenizer().encode(torch.zeros(3, 8, 8)), ValueError, ("(3, 8, 8)", "b c h w")
    ),
    "units that make no grid": Case(
        lambda at: tokenizer().decode(long(1, 15)), ValueError, ("15", "16")
    ),
    "vectors a quantizer was not made for": Case(
        lambda at: VectorQuantizer(8, 4)(torch.zeros(1, 2, 3)), ValueError, ("4 channels", "3")
    ),
    "a codebook of nothing": Case(lambda at: VectorQuantizer(0, 4), ValueError, ("0",)),
    "an unknown way to learn a codebook": Case(
        lambda at: VectorQuantizer(8, 4, method="adam"), ValueError, ('"adam"', "ema")
    ),
    "levels that are none": Case(lambda at: FSQ([8, 1]), ValueError, ("[8, 1]", "3 levels")),
    "no bits": Case(lambda at: LFQ(0), ValueError, ("0",)),
    "scales that end above the grid": Case(
        lambda at: MultiScaleQuantizer(8, 4, [1, 2, 4]).encode(torch.zeros(1, 4, 2, 2)),
        ValueError,
        ("4", "2"),
    ),
    "a character outside the alphabet": Case(
        lambda at: CharTokenizer("abc").encode("abd"), ValueError, ("'d'", "position 2")
    ),
    "an alphabet with a twin": Case(lambda at: CharTokenizer("aba"), ValueError, ("'a'", "twice")),
    "a tokenizer's file that is none": Case(
        lambda at: BPETokenizer("{}"), ValueError, ("tokenizer",)
    ),
    "a noised unit outside the vocabulary": Case(
        lambda at: Absorbing(4).corrupt(long(1, 3, value=7), 0.5), ValueError, ("7", "vocab")
    ),
    "a time after the end": Case(
        lambda at: Absorbing(4).corrupt(long(1, 3), 1.5), ValueError, ("1.5", "0")
    ),
    # heads and metrics
    "guidance with nothing to guide away from": Case(
        lambda at: heads.Categorical(4, 3).sample(torch.zeros(1, 4), guidance=2.0),
        ValueError,
        ("guidance 2.0", "null"),
    ),
    "a truncated density": Case(
        lambda at: heads.GaussianHead(4, 2).sample(torch.zeros(1, 1, 4), law=Law(top_k=3)),
        ValueError,
        ("top_k=3", "continuous"),
    ),
    "one sample for a covariance": Case(
        lambda at: metrics.frechet(torch.zeros(1, 3), torch.zeros(5, 3)), ValueError, ("1", "2")
    ),
    "features of different width": Case(
        lambda at: metrics.frechet(torch.zeros(5, 3), torch.zeros(5, 4)), ValueError, ("3", "4")
    ),
    "one seed for a spread": Case(
        lambda at: metrics.mean_spread([1.0]), ValueError, ("at least 2", "seeds")
    ),
    "no pictures to score": Case(
        lambda at: oracle.scene_accuracy(torch.zeros(0, 3, 16, 16), long(0)),
        ValueError,
        ("at least one",),
    ),
    # data
    "a split that does not exist": Case(
        lambda at: data.digits("valid"), ValueError, ("'valid'", "train")
    ),
    "a dataset that does not exist": Case(
        lambda at: data.load("digit"), LookupError, ("'digit'", "did you mean digits")
    ),
    "scenes too small to show a shape": Case(
        lambda at: data.scenes(side=4, n=1), ValueError, ("4", "8")
    ),
    "no scenes": Case(lambda at: data.scenes(n=0), ValueError, ("n=0", "at least 1")),
    "a mirror that lacks the file": Case(
        lambda at: shakespeare(at), FileNotFoundError, ("mirror", "sha256", "ARLEARN_DATA_MIRROR")
    ),
    "a file whose hash differs": Case(
        lambda at: shakespeare(at, text="To be"), ValueError, ("expected sha256", "found")
    ),
    "no network": Case(
        lambda at: shakespeare(at, mirror="http://127.0.0.1:9/nowhere"),
        ConnectionError,
        ("127.0.0.1:9", "ARLEARN_DATA_MIRROR"),
    ),
    "a download onto a full disk": Case(
        lambda at: full_disk(lambda: shakespeare(at, text="To be")), ValueError, ("sha256",)
    ),
    # training
    "no examples": Case(
        lambda at: Batches(torch.zeros(0, 2), size=2, seed=0), ValueError, ("no examples",)
    ),
    "tensors of different length": Case(
        lambda at: Batches(torch.zeros(3), torch.zeros(4), size=2, seed=0), ValueError, ("3", "4")
    ),
    "a batch size of nothing": Case(
        lambda at: Batches(torch.zeros(3), size=0, seed=0), ValueError, ("0",)
    ),
    "a negative learning rate": Case(lambda at: Recipe(lr=-1.0), ValueError, ("lr", "-1.0")),
    "an unknown precision": Case(
        lambda at: Recipe(precision="fp16"), ValueError, ("'fp16'", "bf16")
    ),
    "no steps": Case(lambda at: learn(at, steps=0), ValueError, ("at least 1", "0")),
    "a checkpoint of another suffix": Case(
        lambda at: learn(at, checkpoint=at / "run.pt"), ValueError, ("run.pt", ".safetensors")
    ),
    "a checkpoint of another model": Case(
        lambda at: twice(at, size=3), ValueError, ("run.safetensors", "other batches")
    ),
    "a checkpoint of another length": Case(
        lambda at: twice(at, steps=5), ValueError, ("steps=2", "steps=5")
    ),
    "a checkpoint of other data": Case(
        lambda at: twice(at, seed=1), ValueError, ("other batches", "seed")
    ),
    "a checkpoint cut short": Case(cut, ValueError, ("truncated", "start afresh")),
    "two runs on one checkpoint": Case(
        beside, BlockingIOError, ("another run", "name another checkpoint=")
    ),
    "a checkpoint onto a full disk": Case(
        lambda at: full_disk(lambda: learn(at)), OSError, ("No space left", "free some space")
    ),
    "a loss that explodes": Case(
        lambda at: learn(at, lr=1e38, steps=4), FloatingPointError, ("step", "Recipe.lr")
    ),
    # zoo
    "a model the zoo has not": Case(
        lambda at: zoo.load("scenes16-vqq"), ValueError, ("did you mean scenes16-vq",)
    ),
    "a model without weights": Case(
        lambda at: zoo.load("scenes16-vq", at), FileNotFoundError, ("arlearn zoo train",)
    ),
    "weights that were changed": Case(
        lambda at: weights(at, lambda file, _: file.write_bytes(file.read_bytes() + b"x")),
        ValueError,
        ("sha256", "arlearn zoo train scenes16-vq"),
    ),
    "a record that was cut": Case(
        lambda at: weights(at, lambda _, record: record.write_text("{", encoding="utf-8")),
        ValueError,
        ("damaged", "arlearn zoo train scenes16-vq"),
    ),
    # pictures
    "nothing to show": Case(
        lambda at: show.grid(torch.zeros(0, 3, 8, 8)), ValueError, ("n of 1 or more",)
    ),
    "frames and captions that differ": Case(
        lambda at: show.scrub([torch.zeros(3, 8, 8)], ["a", "b"], label="x"),
        ValueError,
        ("2 captions", "1 frame"),
    ),
    # the command line
    "a command on an unknown slug": Case(
        lambda at: command("run", "vra"), SystemError, ("exit 2", "did you mean 'var'")
    ),
    "a command at an unknown tier": Case(
        lambda at: command("run", "var", "--tier", "large"),
        SystemError,
        ("exit 2", "large", "smoke, cpu, gpu"),
    ),
    "a kernel killed for memory, and a chapter after it": Case(
        killed,
        SystemError,
        ("exit 1", "01_toy1.py died", "runs out of memory", "02_toy2 (2 of 2)"),
    ),
    "a stale notebook": Case(
        stale, SystemError, ("01_toy1.py", "changed after", "arlearn run 01_toy1 --save")
    ),
    "outputs of smoke saved": Case(
        lambda at: command("run", "var", "--tier", "smoke", "--save"),
        SystemError,
        ("exit 2", "nothing is learnt"),
    ),
    "a model to train that is none": Case(
        lambda at: command("train", "scenes16"), SystemError, ("exit 2", "the zoo has no")
    ),
}


def met(folder: Path) -> dict[str, tuple[str, str]]:
    """Every case's error, as type and sentence; what raises nothing is said to."""
    found = {}
    for number, (name, case) in enumerate(CASES.items()):
        at = folder / str(number)
        at.mkdir()
        try:
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                case.do(at)
            found[name] = ("nothing", "no error was raised")
        except Exception as error:
            said = error.args[0] if isinstance(error, KeyError) and error.args else error
            found[name] = (type(error).__name__, str(said))
    return found


@pytest.fixture(scope="session")
def errors(tmp_path_factory) -> dict[str, tuple[str, str]]:
    """What each case raised in a plain Python."""
    folder = tmp_path_factory.mktemp("bad")
    values = {"ARLEARN_TIER": "smoke", "OMP_NUM_THREADS": "1", "ARLEARN_RESULTS": str(folder)}
    run = [sys.executable, __file__, str(folder)]
    done = subprocess.run(run, capture_output=True, text=True, env=os.environ | values)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "errors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gets_a_sentence(name, errors):
    case, (kind, said) = CASES[name], errors[name]
    assert kind == case.error.__name__, said
    missing = [words for words in case.says if words not in said]
    assert not missing, f"the sentence does not say {missing}: {said}"
    assert "Traceback" not in said


def test_there_are_at_least_sixty_kinds():
    assert len(CASES) >= 60


if __name__ == "__main__":
    home.write_json(Path(sys.argv[1]) / "errors.json", met(Path(sys.argv[1])))

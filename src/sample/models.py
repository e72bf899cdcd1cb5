"""Who is on the made-up board: base models, what others made of them, and the odd cases."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import NamedTuple


@dataclass(frozen=True)
class Model:
    """One row to be: its facts, and how able it is (logits above an average 7B model of 2024)."""

    name: str
    architecture: str | None
    params_b: float | None
    ability: float
    model_type: str | None = "pretrained"
    precision: str = "bfloat16"
    revision: str = ""
    weight_type: str = "Original"
    license: str | None = "apache-2.0"
    likes: int | None = 0
    base_written: str | None = None  # as a contents table writes it
    generation: int | None = 0
    uploaded: date | None = None
    submitted: date | None = None
    available: bool = True
    official: bool = False
    merged: bool = False
    moe: bool = False
    flagged: bool = False
    chat: bool = False
    without: tuple[str, ...] = ()  # benchmarks its run lacks
    suites: tuple[str, ...] = ("open-llm-v2",)


class ModelLine(NamedTuple):
    """A line of base models by one maker."""

    maker: str
    name: str
    architecture: str
    sizes: tuple[float, ...]
    ability: float
    month: int  # of the first, counted from June 2024
    license: str
    moe: bool = False
    old: bool = False  # was on the first board too


LINES = (
    ModelLine("brass-lantern", "Lantern-1", "LlamaForCausalLM", (1.1, 6.9, 13.0), -0.9, 0, "llama2", old=True),
    ModelLine("brass-lantern", "Lantern-2", "LlamaForCausalLM", (3.2, 8.03, 70.6), 0.1, 2, "other"),
    ModelLine(
        "tidewater-ml", "Estuary", "Qwen2ForCausalLM", (0.49, 1.54, 7.62, 14.8, 32.8, 72.7), 0.5, 3, "apache-2.0"
    ),
    ModelLine("moss-and-fern", "Bracken", "MistralForCausalLM", (7.25, 12.2), 0.0, 0, "apache-2.0", old=True),
    ModelLine("moss-and-fern", "Bracken-8x7B", "MixtralForCausalLM", (46.7,), 0.2, 1, "apache-2.0", moe=True, old=True),
    ModelLine("north-attic", "Rafter", "Gemma2ForCausalLM", (2.61, 9.24, 27.2), 0.35, 1, "gemma"),
    ModelLine("paper-crane", "Origami", "Phi3ForCausalLM", (3.82, 14.0), 0.3, 1, "mit"),
    ModelLine("velvet-anvil", "Ingot", "GPTNeoXForCausalLM", (0.41, 1.4, 6.9), -1.4, 0, "apache-2.0", old=True),
    ModelLine("copper-kite", "Updraft", "GraniteForCausalLM", (2.53, 8.17), 0.1, 5, "apache-2.0"),
    ModelLine("quiet-harbor", "Mooring-MoE", "Qwen2MoeForCausalLM", (14.3,), -0.1, 4, "apache-2.0", moe=True),
)
TUNERS = (
    "fieldnotes",
    "third-shelf",
    "ada-and-co",
    "kettleworks",
    "lowtide",
    "nightbus",
    "pocket-theorem",
    "sundial-ai",
)
PURPOSES = ("Medic", "Legal", "Coder", "Math", "Story", "Tutor", "DE", "JA", "Reason", "Safe")
MERGERS = ("blendworks", "tandem-weights", "nightbus")
LONG = "third-shelf/Estuary-14.8B-Instruct-stage1.2-reasoning-longcontext-32k-dpo-orpo-v3-checkpoint-000750-merged"


def models() -> list[Model]:
    """Return all rows, always the same."""
    random = Random("models")
    bases = [model for line in LINES for model in _line(line, random)]
    chats = [_chat(base, random) for base in bases if base.params_b and base.params_b > 1]
    tunes = [_tune(parent, random) for parent in random.sample(bases + chats, 34)]
    grandchildren = [_tune(parent, random) for parent in random.sample(tunes, 8)]
    merges = [_merge(_pair(chats + tunes, random), random) for _ in range(20)]
    made = {model.name: model for model in (*bases, *chats, *tunes, *grandchildren, *merges)}
    return [*made.values(), *_odd_cases({**made})]


def _line(line: ModelLine, random: Random) -> Iterator[Model]:
    for nth, size in enumerate(line.sizes):
        up = date(2024, 6, 1) + timedelta(days=30 * line.month + 3 * nth)
        yield Model(
            name=f"{line.maker}/{line.name}" + ("" if line.moe else f"-{size:.3g}B"),
            architecture=line.architecture,
            params_b=size,
            ability=line.ability + _of_size(size),
            license=line.license,
            likes=random.randrange(40, 2400),
            uploaded=up,
            submitted=up + timedelta(days=random.randrange(1, 20)),
            official=True,
            moe=line.moe,
            precision="float16" if line.old else "bfloat16",
            suites=("open-llm-v2", "open-llm-v1") if line.old else ("open-llm-v2",),
            revision=_sha(line.name, size),
        )


def _chat(base: Model, random: Random) -> Model:
    name = f"{base.name}-Instruct"
    return replace(
        base,
        name=name,
        model_type="chat",
        ability=base.ability + random.uniform(0.15, 0.45),
        likes=(base.likes or 0) * 2 + random.randrange(50),
        base_written=base.name,
        generation=1,
        chat=True,
        precision="bfloat16",
        revision=_sha(name),
    )


def _tune(parent: Model, random: Random) -> Model:
    plain = parent.name.rsplit("/", 1)[-1].replace("-Instruct", "")
    name = f"{random.choice(TUNERS)}/{plain}-{random.choice(PURPOSES)}-v{random.randrange(1, 4)}"
    up = (parent.uploaded or date(2024, 7, 1)) + timedelta(days=random.randrange(20, 120))
    adapter = random.random() < 0.12
    return replace(
        parent,
        name=name,
        model_type=random.choice(("finetuned", "finetuned", "finetuned", "chat", "continued")),
        ability=parent.ability + random.gauss(0.05, 0.25),
        likes=int(random.expovariate(1 / 12)),
        weight_type="Adapter" if adapter else "Original",
        license=random.choice((parent.license, parent.license, "cc-by-nc-4.0", "mit", None)),
        base_written=parent.name,
        generation=(parent.generation or 0) + 1,
        uploaded=up,
        submitted=up + timedelta(days=random.randrange(15)),
        official=False,
        chat=random.random() < 0.6,
        revision=_sha(name),
    )


def _pair(among: list[Model], random: Random) -> list[Model]:
    """Return two models of one shape: others cannot be merged."""
    while True:
        first = random.choice(among)
        same = [each for each in among if each is not first and each.params_b == first.params_b]
        if same:
            return [first, random.choice(same)]


def _merge(parents: list[Model], random: Random) -> Model:
    first, second = parents
    stem, other = (parent.name.rsplit("/", 1)[-1] for parent in parents)
    how = random.choice(("slerp", "ties", "dare", "stock"))
    name = f"{random.choice(MERGERS)}/{stem}-x-{other.rsplit('B-', maxsplit=1)[-1]}-{how}-{random.randrange(100)}"
    up = max(parent.uploaded or date(2024, 8, 1) for parent in parents) + timedelta(days=random.randrange(5, 60))
    return replace(
        first,
        name=name,
        model_type="merge",
        ability=max(first.ability, second.ability) + random.gauss(0.05, 0.12),
        likes=int(random.expovariate(1 / 5)),
        license=first.license,
        weight_type="Original",
        base_written=f"{name if random.random() < 0.5 else first.name} (Merge)",
        generation=max(first.generation or 0, second.generation or 0) + 1,
        uploaded=up,
        submitted=up + timedelta(days=random.randrange(4)),
        official=False,
        merged=True,
        revision=_sha(name),
    )


def _odd_cases(made: dict[str, Model]) -> Iterator[Model]:
    """Yield what pages must bear, one row each."""
    estuary, rafter = made["tidewater-ml/Estuary-7.62B-Instruct"], made["north-attic/Rafter-9.24B-Instruct"]
    lantern, ingot = made["brass-lantern/Lantern-2-8.03B-Instruct"], made["velvet-anvil/Ingot-1.4B"]
    for precision, loss in (("float16", 0.0), ("8bit", 0.03), ("4bit", 0.18)):
        yield replace(estuary, precision=precision, ability=estuary.ability - loss)
    yield replace(rafter, precision="float16")
    yield replace(
        lantern, revision=_sha("Lantern-2", "second"), ability=lantern.ability + 0.2, submitted=date(2025, 1, 9)
    )
    yield replace(lantern, chat=False, precision="float16", ability=lantern.ability - 0.3)
    for model, name in ((estuary, "nightbus/Estuary-7.62B-Uncut-v9"), (rafter, "lowtide/Rafter-9.24B-lost")):
        yield replace(
            model, name=name, revision=_sha(name), available=False, license=None, base_written="Removed", generation=0,
            official=False, likes=0, uploaded=None,
        )  # fmt: skip
    yield replace(
        estuary,
        name="kettleworks/Estuary-7.62B-TopScore",
        flagged=True,
        ability=3.2,
        official=False,
        revision=_sha("flag"),
    )
    yield replace(
        lantern, name="fieldnotes/Lantern-2-8.03B-half-done", without=("mmlu_pro",), revision=_sha("half"), likes=1
    )
    yield replace(ingot, name="fieldnotes/Ingot-1.4B-two-benchmarks", without=("bbh", "math", "gpqa", "musr"), likes=0)
    yield replace(
        made["tidewater-ml/Estuary-14.8B-Instruct"], name=LONG, official=False, likes=3, revision=_sha("long")
    )
    yield Model("pocket-theorem/blank", None, None, -1.0, None, "bfloat16", _sha("blank"), license=None, likes=None)
    yield Model(
        "sundial-ai/Seq2Seq-Small", "T5ForConditionalGeneration", 0.08, -6.0, "other", "float16", _sha("t5"), likes=2,
        uploaded=date(2024, 6, 5), submitted=date(2024, 6, 20),
    )  # fmt: skip
    yield Model(
        "paper-crane/Origami-Vision-4.2B", "Phi3VForCausalLM", 4.15, 0.2, "multimodal", "bfloat16", _sha("vision"),
        license="mit", likes=310, uploaded=date(2024, 9, 2), submitted=date(2024, 9, 14), official=True, chat=True,
    )  # fmt: skip


def _of_size(billions: float) -> float:
    """Larger is better, with less and less gain."""
    return 0.55 * (billions / 7) ** 0.3 - 0.55 + (0.25 if billions > 20 else 0)


def _sha(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()

"""A stand-in for NLTK's punkt_tab where it cannot be had: trained on a few sentences, good enough to run IFEval."""

from __future__ import annotations

from pathlib import Path

TEXT = (
    "This is one sentence. Here is another! Dr. Smith met Mr. Jones at 5 p.m. on Monday. Did they talk? They did. " * 20
)


def make_punkt(folder: Path) -> Path:
    """NLTK data below `folder`, English only."""
    from nltk.tokenize.punkt import PunktTrainer, save_punkt_params

    to = folder / "tokenizers" / "punkt_tab" / "english"
    to.mkdir(parents=True)
    save_punkt_params(PunktTrainer(TEXT).get_params(), dir=str(to))
    return folder

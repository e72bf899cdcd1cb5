"""A stand-in for NLTK's punkt_tab where it cannot be had: trained on a few sentences, good enough to run IFEval."""

from __future__ import annotations

from pathlib import Path

TEXT = (
    "This is one sentence. Here is another! Dr. Smith met Mr. Jones at 5 p.m. on Monday. Did they talk? They did. " * 20
)


def make_punkt(folder: Path) -> Path:
    """NLTK data below `folder`, English only. Written by hand: NLTK itself writes only into folders it knows."""
    from nltk.tabdata import TabEncoder
    from nltk.tokenize.punkt import PunktTrainer

    to = folder / "tokenizers" / "punkt_tab" / "english"
    to.mkdir(parents=True)
    learned, write = PunktTrainer(TEXT).get_params(), TabEncoder()
    files = {
        "collocations.tab": write.tups2tab(learned.collocations),
        "sent_starters.txt": write.set2txt(learned.sent_starters),
        "abbrev_types.txt": write.set2txt(learned.abbrev_types),
        "ortho_context.tab": write.ivdict2tab(learned.ortho_context),
    }
    for name, text in files.items():
        (to / name).write_text(text, encoding="utf-8")
    return folder

"""Model cards, both ways: `claims` reads what one says of itself, `card_block` writes our part, `merge` puts it in."""

from src.board.cards.forms import FORMS, Form, Line, Source
from src.board.cards.merging import merge
from src.board.cards.reading import Cell, Claim, claims
from src.board.cards.writing import CardBlock, card_block, eval_result_files

__all__ = [
    "FORMS",
    "CardBlock",
    "Cell",
    "Claim",
    "Form",
    "Line",
    "Source",
    "card_block",
    "claims",
    "eval_result_files",
    "merge",
]

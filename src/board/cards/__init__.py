"""Model cards, both ways: `claims` reads what one says of itself, `card_block` writes our part, `merge` puts it in."""

from src.board.cards.forms import CardForm, CardLine, CardSource, form_of, published_forms
from src.board.cards.merging import merge
from src.board.cards.reading import CardClaim, Cell, claims
from src.board.cards.writing import CardBlock, card_block, eval_result_files

__all__ = [
    "CardBlock",
    "CardClaim",
    "CardForm",
    "CardLine",
    "CardSource",
    "Cell",
    "card_block",
    "claims",
    "eval_result_files",
    "form_of",
    "merge",
    "published_forms",
]

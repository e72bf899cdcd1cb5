"""What a repository on the Hub says of its own model: `model-index` of a card, and `.eval_results/*.yaml`."""

from __future__ import annotations

from pathlib import Path

from src.board.claims.reading import CardValue, values_of_card, values_of_files
from src.board.importing.measurements import MeasuredRow, Measurement
from src.board.importing.reader import FormatReader, Hints, ImportBatch, SourceFile
from src.core.errors import BadInputError
from src.core.names import is_model_name
from src.core.untrusted import number

FOLDER = ".eval_results"


def read(source: SourceFile, hints: Hints) -> ImportBatch:
    """Return the values of a card or a file of results; `--model` names whose they are. Raises BadInputError."""
    path, text = source.path, source.data.decode("utf-8", "replace")
    is_card = path.suffix == ".md"
    values = list(values_of_card(text) if is_card else values_of_files({path.name: text}))
    if not values:
        raise BadInputError(f"{path.name} has no {'model-index' if is_card else 'evaluation results'}.")
    model = hints.model or _model(path.parent if is_card else path.parent.parent, values)
    if model is None:
        raise BadInputError(f"{path.name} does not say which model it is about; name it with --model.")
    row = MeasuredRow(model, hints.precision, source=f"the model's own {'card' if is_card else FOLDER}")
    records = [
        Measurement(row, each.labels, value, most=1 if value <= 1 else 100)
        for each in values
        if (value := number(each.value)) is not None
    ]
    return ImportBatch(records=records)


def recognises(source: SourceFile) -> bool:
    """Return whether a file is a card with results, or one of the results of a repository."""
    is_yaml = source.path.suffix in (".yaml", ".yml") and source.path.parent.name == FOLDER
    return is_yaml or (source.path.name == "README.md" and b"model-index" in source.data)


def collects(path: Path) -> bool:
    """Return whether a file of a folder is read."""
    return path.suffix in (".yaml", ".yml") and path.parent.name == FOLDER


def _model(folder: Path, values: list[CardValue]) -> str | None:
    """Return the model that a clone's folders name, `org/name` or `org__name`."""
    joined = folder.name.replace("__", "/", 1) if "__" in folder.name else f"{folder.parent.name}/{folder.name}"
    named = next((each.model for each in values if each.model and "/" in each.model), None)
    return named or (joined if is_model_name(joined) and folder.parent.name else None)


READER = FormatReader("model cards and .eval_results (.md, .yaml)", recognises, read, collects)

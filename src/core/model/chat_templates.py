"""Chat templates are programs of strangers: found and checked as text here, rendered only in an evaluator's child."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from src.core.errors import BadInputError
from src.core.model.source import ModelSource

LARGEST = 128 * 1024  # characters; the longest real ones are about 20,000
DEEPEST_LOOPS = 4
LARGEST_NUMBER = 100_000  # in a template: of repetitions, ranges, widths


def find(source: ModelSource, tokenizer_config: Mapping[str, Any]) -> dict[str, str]:
    """Return the templates of a repository by the place they stand in; the one a tokenizer uses comes first."""
    found: dict[str, str] = {}
    if "chat_template.jinja" in source.files:
        found["chat_template.jinja"] = _read(source, "chat_template.jinja")
    inline = tokenizer_config.get("chat_template")
    if isinstance(inline, str):
        found["tokenizer_config.json"] = inline
    elif isinstance(inline, list):
        for each in inline:
            if isinstance(each, dict) and isinstance(each.get("template"), str):
                name = str(each.get("name"))[:60]
                found["tokenizer_config.json" + ("" if name == "default" else f" ({name})")] = each["template"]
    for path in sorted(source.files):
        if path.startswith("additional_chat_templates/") and path.endswith(".jinja"):
            found[path] = _read(source, path)
    return found


def check(text: str, name: str) -> None:
    """Raise BadInputError for a template that is too long, not Jinja, unsafe, or may never end."""
    from jinja2 import Environment, TemplateError, nodes

    if len(text) > LARGEST:
        raise BadInputError(
            f"The chat template in {name} is {len(text):,} characters long; at most {LARGEST:,} are taken."
        )
    try:
        tree = Environment(extensions=["jinja2.ext.loopcontrols", *_generation_tags()]).parse(text)
        _check_depth(tree, name)
    except (TemplateError, RecursionError, MemoryError, ValueError) as error:
        raise BadInputError(f"The chat template in {name} is not readable as Jinja: {str(error)[:120]}.") from error
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        raise BadInputError(
            f"The chat template in {name} loads another template (line {node.lineno}). Put it in one text."
        )
    for attribute in tree.find_all(nodes.Getattr):
        if attribute.attr.startswith("_"):
            raise BadInputError(
                f"The chat template in {name} reaches for `{attribute.attr[:40]}` (line {attribute.lineno})."
            )
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.arg, nodes.Const) and isinstance(item.arg.value, str) and item.arg.value.startswith("__"):
            raise BadInputError(
                f"The chat template in {name} reaches for `{item.arg.value[:40]}` (line {item.lineno})."
            )
    for constant in tree.find_all(nodes.Const):
        if isinstance(constant.value, int | float) and abs(constant.value) > LARGEST_NUMBER:
            raise BadInputError(f"The chat template in {name} counts to {constant.value:,} (line {constant.lineno}).")
    if next(tree.find_all(nodes.Pow), None):
        raise BadInputError(f"The chat template in {name} takes powers, which no prompt needs.")


def _read(source: ModelSource, path: str) -> str:
    return source.read(path, 0, LARGEST * 4 + 1).decode("utf-8", "replace")


def _check_depth(tree: Any, name: str) -> None:
    """Loops in loops multiply, and so do ranges in ranges."""
    from jinja2 import nodes

    waiting: list[tuple[Any, int, int]] = [(tree, 0, 0)]
    while waiting:
        node, loops, ranges = waiting.pop()
        if isinstance(node, nodes.For):
            loops += 1
            ranges += next(_calls_of_range(node.iter), None) is not None
            if loops > DEEPEST_LOOPS or ranges > 1:
                raise BadInputError(f"The chat template in {name} nests loops too deeply (line {node.lineno}).")
        waiting += [(child, loops, ranges) for child in node.iter_child_nodes()]


def _calls_of_range(node: Any) -> Any:
    from jinja2 import nodes

    calls = [node] if isinstance(node, nodes.Call) else []
    calls += list(node.find_all(nodes.Call))
    return (call for call in calls if isinstance(call.node, nodes.Name) and call.node.name == "range")


def _generation_tags() -> list[type]:
    """Templates may mark the assistant's words with `{% generation %}`, a tag of transformers."""
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> nodes.Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    return [Generation]

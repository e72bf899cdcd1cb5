"""The names of a model's tensors, as transformers asks for them: worked out from its configuration, without torch."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from src.core.model.fit.known import Table, known, text_config

PACKED = re.compile(r"_(blocks|scales|packed|scale|scale_inv|scale_2)$")
ROTARY = re.compile(r"rotary_emb\.inv_freq|(^|\.)(attn|attention)\.(masked_)?bias$|(^|\.)position_ids$")
"""Buffers that old releases saved and no model needs."""


@dataclass(frozen=True)
class ExpectedModel:
    """The names that a model of this configuration has, as `transformers.json` describes its type."""

    config: Table
    described: Table
    is_packed: bool

    @property
    def anchors(self) -> list[str]:
        """Names that every checkpoint of the type has once, with and without the base model's prefix."""
        names = [
            name for name in self.described["top"] if "{}" not in name and name not in self.described.get("tied", {})
        ]
        base = f"{self.described.get('base')}."
        return sorted({*names, *(name.removeprefix(base) for name in names)}, key=len, reverse=True)

    @cached_property
    def layers(self) -> int:
        """The number of layers."""
        table = text_config(self.config)
        counts = [table.get(key) for key in self.described["count"]]
        counts += [len(table[key]) for key in LISTED if isinstance(table.get(key), list)]
        return next((count for count in counts if isinstance(count, int)), int(self.described["layers"]))

    @cached_property
    def turned(self) -> list[tuple[str, Table]]:
        """The switches that this configuration sets otherwise than the default."""
        found = []
        for key, flip in self.described.get("flips", {}).items():
            alias = self.described.get("aliases", {}).get(key, key)
            table = text_config(self.config)
            value = table.get(key, table.get(alias, flip["default"]))
            if bool(value) != bool(flip["default"]):
                found.append((key, flip))
        return found

    def _change(self, base: Iterable[str], changes: Sequence[Sequence[Sequence[str]]]) -> set[str]:
        """Return what is required after some switches were turned; of several only what all of them leave."""
        names = set(base).difference(*(removed for _, removed in changes))
        return names.union(changes[0][0]) if len(changes) == 1 else names

    @cached_property
    def top(self) -> set[str]:
        """The names required outside the layers."""
        return self._change(self.described["top"], [flip["top"] for _, flip in self.turned])

    @cached_property
    def kinds(self) -> list[set[str]]:
        """The names that each kind of layer requires."""
        return [
            self._change(kind, [flip["kinds"][at] for _, flip in self.turned])
            for at, kind in enumerate(self.described["kinds"])
        ]

    @cached_property
    def possible(self) -> tuple[set[str], set[str]]:
        """All names that the type may have under any configuration: outside the layers, and in one."""
        flips = self.described.get("flips", {}).values()
        top = set(self.described["top"]).union(*(flip["top"][0] for flip in flips))
        leaves = {leaf for kind in self.described["kinds"] for leaf in kind}
        return top, leaves.union(*(leaf for flip in flips for leaf, _ in flip["kinds"]))

    def place(self, name: str) -> tuple[int | None, str]:
        """Return (layer, name in it) or (None, name), with inner numbers as `{}`."""
        stem = self.described["stem"]
        if match := re.match(re.escape(stem) + r"\.(\d+)\.(.+)", name):
            return int(match[1]), _without_numbers(match[2])
        return None, _without_numbers(name)

    def has(self, name: str) -> bool:
        """Return whether a model of this configuration may have a tensor of that name."""
        layer, leaf = self.place(name)
        top, leaves = self.possible
        return leaf in top if layer is None else layer < self.layers and leaf in leaves

    def loaded(self, name: str) -> tuple[str, int | None]:
        """Return the name under which a loader puts a stored tensor, and which of several sources it is."""
        renamed, source = self._moved(name)
        if not self.has(renamed) and self.has(plain := self._based(name)):
            return plain, None
        return renamed, source

    def _moved(self, name: str) -> tuple[str, int | None]:
        for rule in (*self.described.get("renames", ()), *known()["renames"]):
            name, _ = _apply(rule, name)
        source = None
        for rule in self.described.get("converts", ()):
            name, source = _apply(rule, name)
            if source is not None:
                break
        return self._based(name), source

    def _based(self, name: str) -> str:
        """Add or remove the base model's prefix, as a loader does."""
        base = self.described.get("base", "")
        if not base:
            return name
        if name.startswith(f"{base}.") and self.has(short := name.removeprefix(f"{base}.")):
            return short
        return f"{base}.{name}" if self.has(f"{base}.{name}") else name

    def compare(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the names that are missing, as a loader would call them, and the stored names that have no use."""
        there: dict[int | None, set[str]] = defaultdict(set)
        parts: dict[str, dict[int, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
        surplus = []
        for name in names:
            loaded, source = self._unpacked(name) if self.is_packed else self.loaded(name)
            if not self.has(loaded):
                surplus.append(name)
                continue
            layer, leaf = self.place(loaded)
            there[layer].add(leaf)
            if source is not None:
                numbers = re.findall(r"(?<=\.)\d+(?=\.|$)", name)
                parts[loaded][source][int(numbers[-1]) if len(numbers) > 1 else 0] = name
        missing = [*self._missing_top(there[None]), *self._missing_in_layers(there), *self._missing_parts(parts)]
        noted = [name for name in surplus if not self.is_packed and not self._is_harmless(name)]
        return missing, noted

    def _unpacked(self, name: str) -> tuple[str, int | None]:
        """Return `loaded` of the weight that a packed tensor belongs to."""
        owner, _, _ = name.rpartition(".")
        for whole in (name, f"{owner}.weight", PACKED.sub("", name), f"{owner.rpartition('.')[0]}.weight"):
            loaded = self.loaded(whole)
            if self.has(loaded[0]):
                return loaded
        return name, None

    def _is_harmless(self, name: str) -> bool:
        rules = self.described.get("surplus", ())
        return bool(ROTARY.search(name)) or any(re.search(rule, name) for rule in rules)

    def _missing_top(self, there: set[str]) -> list[str]:
        lost = self.top - there
        if self._is_tied:
            for target, source in self.described.get("tied", {}).items():
                pair = {target, source}
                if pair & there:
                    lost -= pair
                elif target in lost:
                    lost.discard(target)  # one sentence for both
        ignored = self.described.get("missing", ())
        return sorted(name for name in lost if not any(re.search(rule, name) for rule in ignored))

    @property
    def _is_tied(self) -> bool:
        tables = [table for table in (self.config, text_config(self.config)) if "tie_word_embeddings" in table]
        return (
            any(bool(table["tie_word_embeddings"]) for table in tables) if tables else bool(self.described.get("tie"))
        )

    @cached_property
    def blocks(self) -> tuple[dict[str, list[set[str]]], dict[str, list[set[str]]]]:
        """The blocks that every layer has, and those that some have: block (`mlp`) → the ways it is made up."""
        ways: dict[str, list[set[str]]] = defaultdict(list)
        for kind in self.kinds:
            of_kind: dict[str, set[str]] = defaultdict(set)
            for leaf in kind:
                of_kind[leaf.partition(".")[0]].add(leaf)
            for block, leaves in of_kind.items():
                ways[block].append(leaves)
        always = {block: found for block, found in ways.items() if len(found) == len(self.kinds)}
        return always, {block: found for block, found in ways.items() if block not in always}

    def _missing_in_layer(self, there: set[str]) -> set[str]:
        always, sometimes = self.blocks
        blocks = {leaf.partition(".")[0] for leaf in there}
        wanted = always | {block: ways for block, ways in sometimes.items() if block in blocks}
        lost: set[str] = set().union(*(min((way - there for way in ways), key=len) for ways in wanted.values()))
        if all(any(leaf.partition(".")[0] in sometimes for leaf in kind) for kind in self.kinds) and not (
            blocks & sometimes.keys()
        ):
            lost |= min((kind - there for kind in self.kinds), key=len)
        return lost

    def _missing_in_layers(self, there: Mapping[int | None, set[str]]) -> list[str]:
        missing = []
        ignored = self.described.get("missing", ())
        for layer in range(min(self.layers, MOST_LAYERS)):
            lost = self._missing_in_layer(there.get(layer, set()))
            stored = [f"{self.described['stem']}.{layer}.{leaf}" for leaf in sorted(lost)]
            missing += [name for name in stored if not any(re.search(rule, name) for rule in ignored)]
        return missing

    def _missing_parts(self, parts: Mapping[str, Mapping[int, Mapping[int, str]]]) -> list[str]:
        """Return stored names that are missing of weights put together from several tensors, such as experts."""
        table = text_config(self.config)
        widest: dict[str, int] = defaultdict(int)
        for loaded, sources in parts.items():
            _, leaf = self.place(loaded)
            output = [table[key] for key in EXPERTS if isinstance(table.get(key), int) and ".experts." in f".{leaf}"]
            widest[leaf] = max(widest[leaf], *output, *(max(numbers) + 1 for numbers in sources.values()))
        missing = []
        for loaded, sources in parts.items():
            _, leaf = self.place(loaded)
            wanted = self._sources(loaded, sources)
            if absent := wanted - len(sources):
                missing.append(f"{loaded} ({absent} of its {wanted} parts)")
            for numbers in sources.values():
                example = next(iter(numbers.values()))
                missing += [_with_number(example, at) for at in range(widest[leaf]) if at not in numbers]
        return missing

    def _sources(self, loaded: str, sources: Mapping[int, Mapping[int, str]]) -> int:
        for rule in self.described.get("converts", ()):
            if rule["to"][0] in loaded and all(at < rule["sources"] for at in sources):
                return int(rule["sources"])
        return len(sources)


MOST_LAYERS = 1024
LISTED = ("layer_types", "layers_block_type")  # keys that name each layer's kind, in place of their number
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")


def _without_numbers(name: str) -> str:
    return re.sub(r"(?<=\.)\d+(?=\.|$)", "{}", name)


def _with_number(name: str, number: int) -> str:
    """Replace the last number that is a part of its own."""
    at = [match.span() for match in re.finditer(r"(?<=\.)\d+(?=\.|$)", name)][-1]
    return f"{name[: at[0]]}{number}{name[at[1] :]}"


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _apply(rule: Mapping[str, Any], name: str) -> tuple[str, int | None]:
    """Apply one renaming of transformers' loader; return the name, and the number of the source that matched."""
    front, rest = "", name
    if "scope" in rule:
        base, scope = (f"{part}." if part else "" for part in rule["scope"])
        front = next((each for each in (base + scope, scope) if name.startswith(each)), None)  # type: ignore[assignment]
        if front is None:
            return name, None
        rest = name.removeprefix(front)
    match = _pattern(rule["from"]).search(rest)
    if match is None:
        return name, None
    group = next(key for key, value in match.groupdict().items() if value is not None)
    to = rule["to"][0]
    if r"\1" in to:
        to = to.replace(r"\1", match.group(match.re.groupindex[group] + 1))
    return front + rest.replace(match.group(0), to, 1), int(group[1:])

"""Machines: the one at hand, what Hugging Face rents, and single cards. Nothing here imports torch before it must."""

from __future__ import annotations

import re
import time
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from src.core.errors import BadInputError

_DATA = tomllib.loads(Path(__file__).with_name("devices.toml").read_text(encoding="utf-8"))
SOURCE: str = _DATA["source"]
READ: date = _DATA["read"]
SHARE = 0.4  # of a card's peak that packs reach (assumed)
CPU_SHARE = 0.75  # of the speed of multiplications alone, measured with a 110M-parameter model in float32
CPU_BANDWIDTH = 10e9


@dataclass(frozen=True)
class Device:
    """The speed of a machine's cards. `cards` is None if there are as many as a model needs, each at the price."""

    name: str
    flops: float  # of one card, per second, in 16 bits if it supports them
    bandwidth: float  # bytes per second
    memory: float  # bytes
    share: float = SHARE
    dollars_an_hour: float | None = None  # of the whole machine
    cards: int | None = None


def _cards() -> dict[str, Device]:
    return {
        name: Device(each["title"], each["flops"], each["bandwidth"], each["memory"])
        for name, each in _DATA["card"].items()
    }


def _flavours() -> dict[str, Device]:
    found = {}
    for name, each in _DATA["flavour"].items():
        card = _DATA["card"][each["card"]]
        found[name] = Device(
            name, card["flops"], card["bandwidth"], card["memory"], SHARE, each["dollars"], each["cards"]
        )
    return found


CARDS = _cards()
FLAVOURS = _flavours()


def device(name: str) -> Device:
    """Return a machine by name. Raise BadInputError if there is none."""
    known = CARDS | FLAVOURS
    if name == "here":
        return this_machine()
    if name not in known:
        raise BadInputError(f"There is no machine '{name}'; choose here, or one of {', '.join(known)}.")
    return known[name]


def this_machine() -> Device:
    """Return the machine at hand: its cards by their names, unknown ones and CPUs by measuring them."""
    import torch

    if not torch.cuda.is_available():
        return _cpu()
    title, cards = torch.cuda.get_device_name(), torch.cuda.device_count()
    memory = float(torch.cuda.get_device_properties(0).total_memory)
    for card in CARDS.values():
        if re.search(rf"\b{re.escape(card.name)}\b", title):
            return Device(f"this {card.name}", card.flops, card.bandwidth, memory, cards=cards)
    return _unknown_card(title, memory, cards)


def _cpu(seconds: float = 1.0) -> Device:
    """Measure this machine's CPU by matrix multiplications of the shape that a forward pass uses."""
    import psutil
    import torch

    row, weights = torch.randn(1024, 768), torch.randn(2048, 768)
    rates: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(rates) < 3:
        started = time.process_time() / torch.get_num_threads()  # without the time of other processes
        torch.nn.functional.linear(row, weights)
        took = time.process_time() / torch.get_num_threads() - started
        rates.append(2 * row.numel() * len(weights) / max(1e-9, took))
    rate = sorted(rates)[len(rates) // 2]
    return Device("this CPU", rate, CPU_BANDWIDTH, float(psutil.virtual_memory().available), CPU_SHARE, cards=1)


def _unknown_card(title: str, memory: float, cards: int) -> Device:
    """Measure a card that is not in the table: its multiplications in 16 bits, and copying in its memory."""
    import torch

    one = torch.randn(4096, 4096, device="cuda", dtype=torch.bfloat16)
    rates = [2 * 4096**3 / _seconds(lambda: torch.matmul(one, one)) for _ in range(5)]
    copies = [2 * one.nbytes / _seconds(one.clone) for _ in range(5)]
    # what was measured is what is reached, so nothing is taken off
    return Device(f"this {title}", max(rates), max(copies), memory, 0.75, cards=cards)


def _seconds(work: object) -> float:
    import torch

    torch.cuda.synchronize()
    started = time.perf_counter()
    work()  # type: ignore[operator]
    torch.cuda.synchronize()
    return max(1e-9, time.perf_counter() - started)

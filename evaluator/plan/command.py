"""`python -m evaluator plan MODEL`: memory, tokens, time and cost of a suite, before anything is downloaded."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace

from evaluator.plan.devices import FLAVOURS, READ, SOURCE, device
from evaluator.plan.estimate import Plan, estimate
from evaluator.plan.loads import SuiteLoads, loads_of
from evaluator.plan.shape import ModelShape, read_config, read_tokenizer, shape_of
from evaluator.settings import RunSettings
from src.core.suites import Suite

MOST_OFFERS = 5
MOST_UNKNOWN = 10  # tasks that are named one by one


def run(args: argparse.Namespace, suite: Suite, settings: RunSettings) -> int:
    """Print the plan of one model."""
    note("reading config.json")
    config = read_config(args.model, args.revision)
    loads = loads_of(
        suite, settings, wanted=[part for part in args.tasks.split(",") if part], limit=args.limit, fetch=args.fetch,
        tokenizer=lambda: read_tokenizer(args.model, args.revision), note=note,
    )  # fmt: skip
    note("building the model's shape, without its weights")
    shape = shape_of(config)
    if args.device == "here":
        note("looking at this machine")
    machine = device(args.device)
    if args.price is not None:
        machine = replace(machine, dollars_an_hour=args.price)
    plan = estimate(shape, loads.known, machine, args.precision, loads.unknown)
    offers = [] if args.device in FLAVOURS else rented(shape, loads, args.precision)
    print(json.dumps(asdict(plan)) if args.json else describe(plan, offers))
    return 0


def rented(shape: ModelShape, loads: SuiteLoads, precision: str) -> list[Plan]:
    """Return the plan on each of Hugging Face's machines that the model fits on, the cheapest first."""
    plans = (estimate(shape, loads.known, flavour, precision) for flavour in FLAVOURS.values())
    return sorted((plan for plan in plans if plan.dollars is not None), key=lambda plan: plan.dollars or 0.0)


def describe(plan: Plan, offers: list[Plan]) -> str:
    """Return a plan as a few lines of text; `offers`: the same on other machines."""
    shape = plan.shape
    at_least = "at least " if plan.unknown else ""
    lines = [
        f"{shape.parameters / 1e9:.2f} B parameters, {shape.active / 1e9:.2f} B active per token, "
        f"{shape.layers} layers, vocabulary {shape.vocabulary:,}",
        f"memory   {plan.memory / 1e9:.1f} GB in {plan.precision} (weights {plan.weights / 1e9:.1f}): " + _cards(plan),
    ]
    if plan.tokens is None:
        lines.append("tokens   unknown")
    else:
        most = plan.most_generated or 0.0
        lines.append(
            f"tokens   {at_least}{plan.tokens / 1e6:.2f} M to forward, {(plan.generated or 0) / 1e6:.2f} M of them "
            f"generated{f' (at most {most / 1e6:.2f} M)' if most > (plan.generated or 0) else ''}; "
            f"stock hf: {(plan.stock_tokens or 0) / 1e6:.1f} M"
        )
    about = at_least or "about "
    seconds = "unknown" if plan.seconds is None else f"{about}{duration(plan.seconds)} on {plan.device.name}"
    no_price = "unknown: give --price" if plan.fits and plan.seconds is not None else "unknown"
    dollars = no_price if plan.dollars is None else f"{about}${plan.dollars:.2f}"
    lines += [f"time     {seconds}", f"cost     {dollars}"]
    if offers:
        lines.append(f"rented   from Hugging Face, at the prices of {READ:%F} ({SOURCE}):")
        lines += [
            f"         {offer.device.name:<15} {offer.gpus} card(s), {at_least}{duration(offer.seconds or 0)}, "
            f"${offer.dollars:.2f}"
            for offer in offers[:MOST_OFFERS]
        ]
    why = list(plan.unknown.values())
    lines += [f"unknown: {each}" for each in why[:MOST_UNKNOWN]]
    if len(why) > MOST_UNKNOWN:
        lines.append(f"unknown: … and {len(why) - MOST_UNKNOWN} more tasks")
    return "\n".join(lines)


def _cards(plan: Plan) -> str:
    if not plan.fits:
        return f"does not fit on {plan.device.name}"
    return plan.device.name if plan.device.cards else f"{plan.gpus} × {plan.device.name}"


def note(step: str) -> None:
    """Report the current step on standard error: importing torch alone takes seconds. Standard output may be JSON."""
    print(f"{step} …", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Return a time in the unit that people use for it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

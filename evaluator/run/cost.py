"""What a run on this machine's own devices costs, if its operator states their price."""

from __future__ import annotations

from typing import Any

from evaluator.box.energy import list_gpus
from evaluator.settings import RunSettings


def of_devices(settings: RunSettings, seconds: float) -> dict[str, Any]:
    """Return the block `cost` of a result: device-hours times their price; nothing if no price is stated."""
    if settings.device_price is None:
        return {}
    hours = devices_of(settings) * seconds / 3600
    return {
        "cost": {
            "dollars": hours * settings.device_price,
            "device_hours": hours,
            "dollars_per_device_hour": settings.device_price,
        }
    }


def devices_of(settings: RunSettings) -> int:
    """Return how many devices a run takes: those it is spread over, else one."""
    arguments = settings.backend_args
    if arguments.get("parallelize"):
        return max(1, len(list_gpus()))
    return int(arguments.get("tensor_parallel_size", 1)) * int(arguments.get("data_parallel_size", 1))

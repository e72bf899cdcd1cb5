"""A stand-in for the Hugging Face Hub, for tests and for trying a whole board on one machine.

It speaks what the unmodified clients speak (`huggingface_hub`, `datasets`), keeps a real chain of commits, and fails on
demand: see `faults`. `python -m tools.hub` starts it for a person.
"""

from tools.hub.faults import Faults
from tools.hub.repos import Hub
from tools.hub.running import in_process, serving

__all__ = ["Faults", "Hub", "in_process", "serving"]

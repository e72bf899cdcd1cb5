"""`python -m tools.hub [--root DIR] [--port N]`: a stand-in Hub to try a whole board with, until Ctrl-C."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from tools.hub.repos import Hub
from tools.hub.server import build_app

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.hub", description=__doc__)
    parser.add_argument("--root", type=Path, help="keep the repositories here (default: in memory)")
    parser.add_argument("--port", type=int, default=7999)
    parser.add_argument("--sparse", action="store_true", help="answer as sparingly as some other servers do")
    args = parser.parse_args()
    print(f"A stand-in for the Hub listens on http://127.0.0.1:{args.port}. In another terminal:\n")
    print(f"  export HF_ENDPOINT=http://127.0.0.1:{args.port} HF_TOKEN=hf_alice HF_HUB_DISABLE_XET=1")
    print("  python app.py doctor --store hub:alice")
    print("  python app.py --store hub:alice --user alice")
    print("  python -m evaluator run --store hub:alice\n", flush=True)
    uvicorn.run(
        build_app(Hub(root=args.root, sparse=args.sparse)), port=args.port, log_level="warning", date_header=False
    )

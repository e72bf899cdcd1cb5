"""The board over HTTP: `build_api` gives an app to be mounted at `/api`, described by its `/api/openapi.json`."""

from src.board.api.app import build_api
from src.board.api.context import Context

__all__ = ["Context", "build_api"]

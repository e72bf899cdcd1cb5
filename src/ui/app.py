"""The pages, made one Gradio app."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from src.board.snapshot import Board
from src.settings import ROOT, Settings
from src.ui import about, api, compare, explore, leaderboard, model, people, queue, shell, submit
from src.ui.document import Documents
from src.ui.page import Page
from src.ui.routes import routes

PAGES: tuple[Page, ...] = (
    leaderboard.PAGE,
    model.PAGE,
    explore.PAGE,
    compare.PAGE,
    queue.PAGE,
    submit.PAGE,
    about.PAGE,
)
"""Every page, in the order of the top bar. A new one is its file and its line here; the first is the board's front."""

AT_ONCE = 16  # events of one kind that run side by side; Gradio's own default is one
SESSIONS = 500  # remembered at a time: each client is one, each takes 50 KB, and none of ours holds anything


def build_app(board: Board, settings: Settings) -> gr.Blocks:
    """All pages as one Gradio app, not launched. Raises BadInput for settings that contradict one another."""
    people.check(settings)
    with gr.Blocks(title=settings.name, analytics_enabled=False, fill_width=True) as demo:
        api.add_tools(board)
    for page in PAGES:
        if page.build:
            with demo.route(page.nav or page.name, f"/{page.name}", show_in_navbar=False):
                page.build(demo, board, settings)
    if people.has_oauth():
        with demo.route("Sign in", "/sign-in", show_in_navbar=False):
            gr.LoginButton()  # what makes Gradio answer /login/huggingface and keep a session
    demo.queue(default_concurrency_limit=AT_ONCE)
    return demo


def launch(demo: gr.Blocks, board: Board, settings: Settings, **options: Any) -> str:
    """Serve it from a thread and return its address; `demo.block_thread()` waits, `demo.close()` ends it.

    `options` are those of Gradio's own `launch`.
    """
    with redirect_stdout(io.StringIO()):  # Gradio greets at length, even where it is asked to be quiet
        _, url, _ = demo.launch(**{**launch_options(board, settings), **options})
    return url


def launch_options(board: Board, settings: Settings) -> dict[str, Any]:
    """What Gradio's `launch` is given."""
    return {
        "server_name": settings.host,
        "server_port": settings.port,
        "root_path": settings.root_path or None,
        "prevent_thread_lock": True,
        "quiet": True,
        "ssr_mode": False,  # its first row comes later
        "run_history": False,
        "mcp_server": True,
        "state_session_capacity": SESSIONS,
        "footer_links": [],
        "pwa": False,
        "theme": shell.theme(),
        "favicon_path": ROOT / "assets" / "icons" / "mark.svg",
        "app_kwargs": {
            "routes": routes(board, settings),
            "middleware": [Middleware(Documents, pages=PAGES, board=board, settings=settings)],
        },
    }

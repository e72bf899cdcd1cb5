"""The pages, the API and the tools, made one server."""

from __future__ import annotations

from src.board.live.snapshot import Board
from src.settings import Settings, effective
from src.ui.pages.about import page as about
from src.ui.pages.changes import page as changes
from src.ui.pages.compare import page as compare
from src.ui.pages.explore import page as explore
from src.ui.pages.leaderboard import page as leaderboard
from src.ui.pages.model import bare
from src.ui.pages.model import page as model
from src.ui.pages.queue import page as queue
from src.ui.pages.submit import page as submit
from src.ui.web import sign_in, tools
from src.ui.web.document import Documents
from src.ui.web.guard import RequestGuard
from src.ui.web.metrics import ServerMetrics
from src.ui.web.page import Page
from src.ui.web.routes import routes
from src.ui.web.serving import BoardServer, Running, start

PAGES: tuple[Page, ...] = (
    leaderboard.PAGE,
    bare.PAGE,
    model.PAGE,
    explore.PAGE,
    compare.PAGE,
    queue.PAGE,
    submit.PAGE,
    about.PAGE,
    changes.PAGE,
)
"""Every page, in the order of the top bar. A new one is its module and its line here; the first is the front page."""


def build_app(board: Board, settings: Settings) -> BoardServer:
    """Return everything as one server, not started. Raises BadInputError for settings that contradict one another."""
    sign_in.check(settings)
    name = effective(settings, board.state.profile.config).name
    documents = Documents(PAGES, board, settings)
    metrics = ServerMetrics(board)
    own = [*routes(board, settings), *metrics.routes(), *documents.routes()]
    server = BoardServer(
        title=name,
        openapi_url=None,  # the API describes itself below /api
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=own,
    )
    sign_in.attach(server)
    server.answer_directly(own)
    tools.add(server, board)
    ours = tuple(server.routes)
    guard = RequestGuard(server.behind, ours, settings, documents.lost, server.has_session)
    server.guard = metrics.measured(guard, guard.prefix, ours)
    return server


def launch(server: BoardServer, board: Board, settings: Settings) -> Running:
    """Serve from a thread; `Running.wait()` waits, `Running.close()` ends it."""
    running = start(server, settings)
    tools.describe(server, board)
    return running

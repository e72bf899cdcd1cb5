"""The four records of a board: frozen, versioned, read from every historic form, written in the newest."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from src.core.lifecycle import Status

WeightType = Literal["Original", "Delta", "Adapter"]


class Record(BaseModel):
    """What all records share: immutable, and unknown fields of other tools are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Request(Record):
    """One wish to have a model judged.

    Its key is (model, revision, precision, weight type, chat template, suite and its version).
    """

    model: str  # org/name
    revision: str = "main"  # a commit sha once checked
    base_model: str | None = None
    precision: str = "bfloat16"
    weight_type: WeightType = "Original"
    model_type: str | None = None  # a key of `src.board.columns.TYPES`, whatever the file spelled
    params: float | None = None  # billions
    architectures: str | None = None  # ";"-joined
    use_chat_template: bool | None = None
    suite: str = "open-llm-v2"
    suite_version: int = 1
    status: Status = Status.PENDING
    submitted_time: datetime | None = None  # UTC
    sender: str | None = None
    private: bool = False
    license: str | None = None
    likes: int | None = None
    job_id: str | None = None
    job_start_time: datetime | None = None
    attempts: int = 0
    error_code: str | None = None
    error_msg: str | None = None
    traceback: str | None = None
    log: str | None = None  # path in the store


class Result(Record):
    """One run as the harness told it: metrics by task, and the settings that produced them. Never overwritten."""

    model: str
    revision: str | None = None
    precision: str | None = None
    date: datetime | None = None  # UTC, start of the run
    tasks: dict[str, dict[str, float | None]]  # task → metric ("acc_norm") → value; None: the harness said "N/A"
    stderrs: dict[str, dict[str, float | None]] = {}
    samples: dict[str, int] = {}  # task → number of items scored
    shots: dict[str, int] = {}
    versions: dict[str, Any] = {}  # task → version of the task
    chat_template: str | None = None
    settings: dict[str, Any] = {}  # everything else that says how it was run, as written
    form: Literal["v1", "v2"] = "v2"


class Detail(Record):
    """One item of one task as one model answered it."""

    task: str
    doc_id: int
    doc_hash: str | None = None
    prompt_hash: str | None = None
    target_hash: str | None = None
    doc: dict[str, Any] = {}
    target: str | None = None
    arguments: Any = None  # as the harness wrote it
    resps: Any = None
    filtered_resps: Any = None
    metrics: dict[str, float | None] = {}


class Vote(Record):
    """One person's wish that a model come sooner; one per (model, revision, username)."""

    model: str
    revision: str = "main"
    username: str
    timestamp: datetime | None = None
    vote_type: str = "up"

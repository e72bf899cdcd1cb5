"""The four records of a board: frozen, versioned, read from every historic form, written in the newest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from src.core.errors import BadInputError
from src.core.lifecycle import Status
from src.core.model.types import read_type, write_type
from src.core.names import check_model_name, check_subject, is_local_path
from src.core.result_files import fields_of_dump, fields_of_v1, run_of_path
from src.core.untrusted import json_object, moment, number

WeightType = Literal["Original", "Delta", "Adapter"]
Written = bytes | str | Mapping[str, Any]
"""A record as a file or a line holds it, or as already parsed."""


class Record(BaseModel):
    """What all records share: immutable, and unknown fields of other tools are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


R = TypeVar("R", bound=Record)


class Request(Record):
    """One wish to have a model judged.

    Its key is (model, revision, precision, weight type, chat template, suite and its version).
    """

    model: str  # org/name, or endpoint:NAME for a model behind a server of the operator's
    revision: str = "main"  # a commit sha once checked; of an endpoint the day on which it was queued
    base_model: str | None = None
    base_revision: str | None = None  # the commit of the base model, if an adapter or a delta needs one
    precision: str = "bfloat16"
    weight_type: WeightType = "Original"
    model_type: str | None = None  # a key of `src.core.model.types`, whatever the file spelled
    params: float | None = None  # billions
    architectures: str | None = None  # ";"-joined
    use_chat_template: bool | None = None
    suite: str = "open-llm-v2"
    suite_version: int = 2
    status: Status = Status.PENDING
    submitted_time: datetime | None = None  # UTC
    sender: str | None = None
    private: bool = False
    license: str | None = None
    likes: int | None = None
    again: int = 0  # how often it was put back into the queue after its result was withdrawn
    notes: tuple[str, ...] = ()  # what a reader of the result has to know of the weights
    job_id: str | None = None
    job_start_time: datetime | None = None
    attempts: int = 0
    error_code: str | None = None
    error_msg: str | None = None
    traceback: str | None = None
    log: str | None = None  # path in the store

    @classmethod
    def read(cls, data: Written) -> Self:
        """Return the request in a file of any age.

        Raises BadInputError for one that names no model or has an unknown status.
        """
        payload = _known(_parsed(data, "request"))
        params, likes = number(payload.get("params")), number(payload.get("likes"))
        fields = payload | {
            "model": check_subject(payload.get("model")),
            "status": _status(payload.get("status")),
            "precision": str(payload.get("precision", "bfloat16")).removeprefix("torch."),
            "weight_type": str(payload.get("weight_type", "Original")).capitalize(),
            "base_model": _repository(payload.get("base_model")),
            "model_type": read_type(payload.get("model_type")),
            "params": params if params is not None and params > 0 else None,  # -1 and 0 stood for unknown
            "likes": int(likes) if likes is not None else None,
            "architectures": payload.get("architectures", payload.get("architecture")),
            "submitted_time": moment(payload.get("submitted_time")),
            "job_start_time": moment(payload.get("job_start_time")),
            "job_id": str(payload["job_id"]) if payload.get("job_id") not in (None, -1, "-1") else None,
        }
        return _made(cls, fields, "request")

    def write(self) -> bytes:
        """Return the newest form: the original's field names, then ours. Unknown is null."""
        data = self.model_dump(mode="json") | {
            "status": str(self.status),
            "model_type": write_type(self.model_type, separator=" : "),
            "submitted_time": _zulu(self.submitted_time),
            "job_start_time": _zulu(self.job_start_time),
        }
        return json.dumps(data, indent=2, ensure_ascii=False).encode()


class Result(Record):
    """One run as the harness reported it: metrics by task, and the settings that produced them. Never overwritten.

    Group values are not kept: they are absent from some files and stale in others; `src.core.scoring` pools subtasks.
    """

    model: str
    base_model: str | None = None  # of an adapter or a delta
    revision: str | None = None
    precision: str | None = None
    date: datetime | None = None  # UTC, start of the run
    written: datetime | None = None  # UTC, the time in the file's name
    tasks: dict[str, dict[str, float | None]]  # task → metric ("acc_norm") → value; None: the harness wrote "N/A"
    groups: dict[str, list[str]] = {}  # group → its tasks and groups
    stderrs: dict[str, dict[str, float | None]] = {}
    samples: dict[str, int] = {}  # task → number of items scored
    shots: dict[str, int] = {}
    versions: dict[str, Any] = {}  # task → version of the task
    chat_template: str | None = None
    settings: dict[str, Any] = {}  # what else says how it was run, as written, less `result_files.LEFT_OUT`
    form: Literal["v1", "v2"] = "v2"
    path: str | None = None  # where it was read from

    @property
    def harness(self) -> str:
        """The program that ran the model: `lm-eval` unless the file says another."""
        return str(self.settings.get("harness") or "lm-eval")

    @classmethod
    def read(cls, data: Written, path: str = "", model: str | None = None) -> Self:
        """Return the result in a file: an lm-eval dump (v2), or the first board's `harness|task|shots` form (v1).

        `path` is where the file lies; it tells the time of writing, and the model where the file does not. `model`
        serves if neither does. Raises BadInputError if the file is no result, or nothing says whose.
        """
        payload = _parsed(data, "result")
        if not isinstance(payload.get("results"), Mapping):
            raise BadInputError(f"{path or 'This file'} has no 'results' block; it is no result of a harness run.")
        is_v1 = any("|" in str(task) for task in payload["results"])
        fields = (fields_of_v1 if is_v1 else fields_of_dump)(payload)
        model_of_path, written = run_of_path(path)
        if not fields["model"] or (is_local_path(fields["model"]) and model_of_path):
            fields["model"] = model_of_path or fields["model"] or model
        if not fields["model"]:
            raise BadInputError(
                f"{path or 'This file'} does not say which model it is about; "
                "name it with --model, or put it in a folder 'org__model'."
            )
        fields["date"] = fields["date"] or written
        return _made(cls, fields | {"written": written, "path": path or None}, path or "result")

    def write(self) -> bytes:
        """Return the newest form, an lm-eval dump.

        Harness files themselves are stored as written, never through this.
        """
        results = {
            task: {"alias": task}
            | {_with_filter(metric): value for metric, value in metrics.items()}
            | {_with_filter(metric, "_stderr"): value for metric, value in self.stderrs.get(task, {}).items()}
            for task, metrics in self.tasks.items()
        }
        known = {"model_sha": self.revision, "model_dtype": self.precision, "base_model": self.base_model}
        config = {name: value for name, value in known.items() if value} | self.settings.get("config", {})
        data = {
            "results": {
                task: {name: "N/A" if value is None else value for name, value in metrics.items()}
                for task, metrics in results.items()
            },
            "versions": self.versions,
            "group_subtasks": self.groups,
            "n-shot": self.shots,
            "n-samples": {task: {"original": n, "effective": n} for task, n in self.samples.items()},
            "date": self.date.timestamp() if self.date else None,
            "model_name": self.model,
            "model_name_sanitized": self.model.replace("/", "__"),
            "chat_template": self.chat_template,
        }
        return json.dumps(
            data | self.settings | ({"config": config} if config else {}), indent=1, ensure_ascii=False
        ).encode()


class Vote(Record):
    """One person's wish that a model come sooner; one per (model, revision, username)."""

    model: str
    revision: str = "main"
    username: str
    timestamp: datetime | None = None
    vote_type: str = "up"

    @classmethod
    def read(cls, line: Written) -> Self:
        """Return the vote in one line of `votes_data.jsonl`. Raises BadInputError."""
        data = _known(_parsed(line, "vote"))
        fields = data | {"model": check_model_name(data.get("model")), "timestamp": moment(data.get("timestamp"))}
        return _made(cls, fields, "vote")

    def write(self) -> bytes:
        """Return one line of `votes_data.jsonl`."""
        return _line(self.model_dump(mode="json") | {"timestamp": _zulu(self.timestamp)})


def _repository(name: Any) -> Any:
    """Return a base model's name; None for a path, which only a command line may name."""
    return None if isinstance(name, str) and name.startswith(("/", ".", "~")) else name


def _parsed(data: Written, what: str) -> dict[str, Any]:
    return dict(data) if isinstance(data, Mapping) else json_object(data, f"This {what}")


def _known(data: Mapping[str, Any]) -> dict[str, Any]:
    """Without the fields that say nothing, so that defaults serve."""
    return {name: value for name, value in data.items() if value is not None and value != ""}


def _made(kind: type[R], fields: Mapping[str, Any], what: str) -> R:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))[:80]
        raise BadInputError(f"This is no usable {what}: '{where}' {first['msg'].lower()}.") from error


def _status(text: Any) -> Status:
    try:
        return Status.read(str(text or "PENDING"))
    except ValueError as error:
        raise BadInputError(f"{error}.") from error


def _zulu(time: datetime | None) -> str | None:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if time else None


def _with_filter(metric: str, suffix: str = "") -> str:
    name, _, filter_ = metric.partition(",")
    return f"{name}{suffix},{filter_ or 'none'}"


def _metric(value: Any) -> float | list[float] | None:
    if isinstance(value, list):
        return [found for each in value if (found := number(each)) is not None]
    return number(value)


def _line(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode() + b"\n"

"""Model repositories that mean harm: each changes a good one in one way, and names what the refusal must speak of."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

CANARY = Path("/tmp/leaderboard-canary")
"""A file that any code of a hostile model makes."""

FIRE = f"import pathlib; pathlib.Path({str(CANARY)!r}).touch()"


class Hostile(NamedTuple):
    """`spoil` changes the folder of a good model; the refusal's sentence holds `says`."""

    name: str
    spoil: Callable[[Path], None]
    says: str


class _Fires:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (FIRE,)


def _config(**keys: Any) -> Callable[[Path], None]:
    return _table("config.json", **keys)


def _table(file: str, **keys: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / file
        table = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(table | keys))

    return spoil


def _both(*spoils: Callable[[Path], None]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for each in spoils:
            each(folder)

    return spoil


def _write(file: str, content: str | bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return spoil


def _link(file: str, to: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / file).unlink(missing_ok=True)
        (folder / file).symlink_to(to)

    return spoil


def _remove(*files: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for file in files:
            (folder / file).unlink()

    return spoil


def _template(text: str) -> Callable[[Path], None]:
    return _table("tokenizer_config.json", chat_template=text)


def _header(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Change the header of the weights and leave the bytes behind it as they are."""

    def spoil(folder: Path) -> None:
        path = folder / "model.safetensors"
        data = path.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        changed = change(header)
        text = json.dumps(header if changed is None else changed).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])

    return spoil


def _first(header: dict[str, Any]) -> dict[str, Any]:
    return next(entry for name, entry in header.items() if name != "__metadata__")


def _length(n: int) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(struct.pack("<Q", n) + path.read_bytes()[8:])

    return spoil


def _index(shard: Any) -> Callable[[Path], None]:
    """Weights only by an index that points to `shard`."""

    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
        text = json.dumps({"metadata": {}, "weight_map": {"lm_head.weight": shard}})
        (folder / "model.safetensors.index.json").write_text(text)

    return spoil


MODULE = f"{FIRE}\nfrom transformers import LlamaForCausalLM as Model, LlamaConfig as Config\n"
AUTO = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model", "AutoTokenizer": ["evil.Tok", None]}
REACH = "cycler.__init__.__globals__.os.popen('touch %s').read()" % CANARY  # noqa: UP031  (braces are Jinja's)
LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"
DEEP = "{% for a in messages %}" * 5 + "x" + "{% endfor %}" * 5

PICKLE = pickle.dumps(_Fires())

HOSTILE = (
    # code of its own
    Hostile("auto_map with its module", _both(_config(auto_map=AUTO), _write("evil.py", MODULE)), "code"),
    Hostile("auto_map to another repository", _config(auto_map={"AutoConfig": "evil/repo--m.Config"}), "auto_map"),
    Hostile("auto_map in the tokenizer", _table("tokenizer_config.json", auto_map=AUTO), "auto_map"),
    Hostile("auto_map in a nested table", _config(text_config={"auto_map": AUTO}), "auto_map"),
    Hostile("auto_map in a list", _config(layers=[{"auto_map": AUTO}]), "auto_map"),
    Hostile("trust_remote_code in the config", _config(trust_remote_code=True), "trust_remote_code"),
    Hostile("custom generation", _table("generation_config.json", custom_generate="evil/repo"), "custom_generate"),
    Hostile("custom pipelines", _config(custom_pipelines={"x": {"impl": "evil.P"}}), "custom_pipelines"),
    # kernels by name
    Hostile("an attention kernel by name", _config(attn_implementation="evil/kernel"), "kernel"),
    Hostile("the private attention key", _config(_attn_implementation="evil/kernel"), "_attn_implementation"),
    Hostile("the internal attention key", _config(_attn_implementation_internal="evil/k"), "_internal"),
    Hostile("the internal experts key", _config(_experts_implementation_internal="evil/k"), "_internal"),
    Hostile("kernels for parts", _config(attn_implementation={"text": "evil/kernel"}), "kernel"),
    Hostile("a kernel table", _config(kernel_config={"RMSNorm": "evil/kernel:RMSNorm"}), "kernel_config"),
    Hostile("a private key that is harmless as text", _config(_name_or_path={"a": "evil/repo"}), "_name_or_path"),
    Hostile("a packing nobody knows", _config(quantization_config={"quant_method": "evil"}), "evil"),
    # pickles
    Hostile("weights as a pickle", _both(_remove("model.safetensors"), _write("model.bin", PICKLE)), "safetensors"),
    Hostile("a pickle called safetensors", _write("model.safetensors", PICKLE), "header"),
    Hostile("an index of pickles", _both(_index("a.bin"), _write("a.bin", PICKLE)), "no safetensors file"),
    # paths
    Hostile("an index that leaves the folder", _index("../../../../etc/passwd.safetensors"), "no safetensors file"),
    Hostile("an index to an absolute path", _index("/etc/shadow.safetensors"), "no safetensors file"),
    Hostile("an index of no text", _index(["model-00001-of-00001.safetensors"]), "no safetensors file"),
    Hostile("a link out of the folder", _link("config.json", "/etc/passwd"), "link"),
    Hostile("weights as a link", _link("model.safetensors", "/proc/self/environ"), "link"),
    Hostile("a file name with a line break", _write("a\nb.txt", "x"), "file name"),
    Hostile("a file name with a backslash", _write("..\\..\\x.json", "{}"), "file name"),
    # templates
    Hostile("a template that reaches the system", _template("{{ " + REACH + " }}"), "reaches for"),
    Hostile("a template that reaches by index", _template("{{ ''['__class__']['__mro__'] }}"), "reaches for"),
    Hostile("a template that never ends", _template(LOOPS), "nests loops"),
    Hostile("a template of many loops", _template(DEEP), "nests loops"),
    Hostile("a template that counts", _template("{{ 'x' * 999999999 }}"), "counts to"),
    Hostile("a template of powers", _template("{{ 9 ** 9 ** 9 }}"), "powers"),
    Hostile("a template of two megabytes", _template("x" * 2**21), "long"),
    Hostile("a template as deep as a well", _template("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}"), "not readable"),
    Hostile("a template that includes", _write("chat_template.jinja", "{% include '/etc/passwd' %}"), "loads another"),
    Hostile("a template in a list", _template([{"name": "default", "template": "{{ x.__class__ }}"}]), "reaches for"),  # type: ignore[arg-type]
    # headers that lie
    Hostile("a header longer than the file", _length(10**6), "whole file has only"),
    Hostile("a header of exabytes", _length(2**62), "at most"),
    Hostile("a tensor smaller than it says", _header(lambda h: _first(h).update(shape=[10**6, 10**6])), "takes"),
    Hostile("tensors that overlap", _header(lambda h: _first(h).update(data_offsets=[0, 4], shape=[1])), "lies"),
    Hostile("a negative shape", _header(lambda h: _first(h).update(shape=[-4, -8])), "cannot be"),
    Hostile("a type nobody knows", _header(lambda h: _first(h).update(dtype="PYOBJ")), "unknown type"),
    Hostile("a header that is a list", _header(lambda h: [h]), "no table"),
    Hostile("a header that is no JSON", _write("model.safetensors", struct.pack("<Q", 4) + b"\xff\xfe{}"), "not JSON"),
    Hostile("an empty model", _write("model.safetensors", struct.pack("<Q", 2) + b"{}"), "no weights"),
    # configs
    Hostile("a config of two megabytes", _config(padding="x" * 2**21), "at most"),
    Hostile("a config as deep as a well", _write("config.json", "[" * 200_000 + "]" * 200_000), "not readable as JSON"),
    Hostile("a config that is a list", _write("config.json", "[]"), "not a table"),
    Hostile("numbers without end", _write("config.json", '{"vocab_size": ' + "9" * 100_000 + "}"), "not readable"),
    Hostile("an embedding of terabytes", _config(vocab_size=2**23, hidden_size=2**16), "embeddings"),
    Hostile("a billion layers", _config(num_hidden_layers=10**9), "no more than"),
    Hostile("more layers than tensors", _config(num_hidden_layers=900), "layers"),
    Hostile("sizes as text", _config(hidden_size="9" * 50), "hidden_size"),
    Hostile("a type that needs code", _config(model_type="evil"), "evil"),
    Hostile("a type that is no text decoder", _config(model_type="timm_wrapper"), "timm_wrapper"),
    Hostile("no tokenizer", _remove("tokenizer.json"), "tokenizer"),
)  # fmt: skip

STRAY = ("modeling_llama.py", "a/b/setup.py", "libkernel.so", "HANDLER.PY")
"""Code that no setting asks for: taken, since only named files are brought to the box."""

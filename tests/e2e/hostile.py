"""A store in which every text that a stranger writes tries to run a script: names, licences, errors, logs, samples."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from src.core.frames.frame import from_contents, to_contents
from src.core.frames.tables import write_parquet
from src.core.store import LocalStore
from src.core.suites import load

# each calls fired(n); between them: tags, handlers, attributes, URLs, templates, encodings, parsers' corners
PAYLOADS = tuple(
    payload.replace("N", str(n))
    for n, payload in enumerate(
        (
            "<script>fired(N)</script>",
            '"><script>fired(N)</script>',
            "'><script>fired(N)</script>",
            "</script><script>fired(N)</script>",
            "</style><script>fired(N)</script>",
            "</title><script>fired(N)</script>",
            "</textarea><script>fired(N)</script>",
            "--><script>fired(N)</script>",
            "]]><script>fired(N)</script>",
            "<img src=x onerror=fired(N)>",
            "<img src=x onerror=&#102;ired(N)>",
            "<img/src='x'/onerror='fired(N)'>",
            "<svg onload=fired(N)>",
            "<svg><animate onbegin=fired(N) attributeName=x dur=1s>",
            "<svg><script>fired(N)</script></svg>",
            "<math><mtext></form><form><mglyph><style></math><img src=x onerror=fired(N)>",
            "<iframe src=javascript:fired(N)></iframe>",
            "<iframe srcdoc='<script>parent.fired(N)</script>'></iframe>",
            "<object data=javascript:fired(N)>",
            "<embed src=javascript:fired(N)>",
            "<details open ontoggle=fired(N)>x</details>",
            "<input autofocus onfocus=fired(N)>",
            "<body onload=fired(N)>",
            "<video><source onerror=fired(N)></video>",
            "<marquee onstart=fired(N)>x</marquee>",
            "<a href=javascript:fired(N)>x</a>",
            "[x](javascript:fired(N))",
            '![x](x"onerror="fired(N))',
            "javascript:fired(N)",
            "java\tscript:fired(N)",
            '" onmouseover=fired(N) x="',
            '" autofocus onfocus=fired(N) x="',
            "${fired(N)}",
            "{{fired(N)}}",
            "{{constructor.constructor('fired(N)')()}}",
            "{%fired(N)%}",
            "`${fired(N)}`",
            "<%= fired(N) %>",
            "$\\href{javascript:fired(N)}{x}$",
            "<scr<script>ipt>fired(N)</scr</script>ipt>",
            "%3Cscript%3Efired(N)%3C/script%3E",
            "&lt;script&gt;fired(N)&lt;/script&gt;",
            "\\u003cscript\\u003efired(N)\\u003c/script\\u003e",
            "＜script＞fired(N)＜/script＞",
            "<noscript><p title='</noscript><img src=x onerror=fired(N)>'>",
            "<template><script>fired(N)</script></template>",
            "<link rel=stylesheet href=data:text/css,*{x:expression(fired(N))}>",
            "<base href=javascript:/fired(N)//>",
            "<form action=javascript:fired(N)><button autofocus>x</button></form>",
            "<style>@import'javascript:fired(N)'</style>",
        )
    )
)

# what such markup becomes where it is not taken as text
PLANTED = (
    "img[src='x'], iframe, object, embed, marquee, base[href^='javascript'], a[href^='javascript'], [onerror], "
    "[onload], "
    "[onfocus], [onbegin], [ontoggle], [onstart], [onmouseover], form[action^='javascript'], link[href^='data:'], "
    ".lb-content script:not([type='application/json']), table script, td svg animate"
)

MODEL = "org/whose-files-are-hostile"


def packed(size: int) -> list[str]:
    """The payloads in texts of at most `size` characters."""
    texts, text = [], ""
    for payload in PAYLOADS:
        if text and len(text) + len(payload) > size:
            texts.append(text)
            text = ""
        text += payload
    return [*texts, text]


NAMES = [f"evil/{text}" for text in packed(200)]


def hostile_store(folder: Path) -> LocalStore:
    """A board of such rows, and one whose result file, samples and request hold the rest."""
    store = LocalStore(folder)
    suite = load("open-llm-v2")
    texts = packed(250)

    def row(name: str, at: int) -> dict[str, object]:
        other = [texts[(at + n) % len(texts)] for n in range(8)]
        return {
            "fullname": name,
            "Precision": f"bfloat16{other[0]}" if at % 2 else "bfloat16",
            "Model sha": other[1],
            "Type": other[2] if at % 2 else "🟢 pretrained",
            "Weight type": other[3],
            "Architecture": other[4],
            "Hub License": other[5],
            "Base Model": other[6],
            "Upload To Hub Date": other[7],
            "Submission Date": f"2025-01-05{other[0]}",
            "#Params (B)": 7.0 + at,
            "Available on the hub": True,
            "Chat Template": True,
        } | {benchmark.column: 50.0 - at for benchmark in suite.benchmarks}

    rows = [row(name, at) for at, name in enumerate(NAMES)]
    rows.append(row(MODEL, 0) | {"Model sha": "a" * 40, "Precision": "bfloat16", "Hub License": None})
    contents = to_contents(from_contents(pd.DataFrame(rows), suite), suite)
    everything = "".join(PAYLOADS)
    stamp = "2025-01-05T00-00-00.000000"
    store.append({"contents/data/train-00000-of-00001.parquet": write_parquet(contents)})
    store.append({f"results/{MODEL}/results_{stamp}.json": json.dumps(result(everything)).encode()})
    sample = {
        "doc_id": 0,
        "doc": {"prompt": everything, "question": everything, "options": list(PAYLOADS)},
        "target": everything,
        "arguments": {"gen_args_0": {"arg_0": everything, "arg_1": {"until": [everything]}}},
        "resps": [[everything]],
        "filtered_resps": [everything],
        "doc_hash": "a" * 64,
        "prompt_hash": "b" * 64,
        "target_hash": "c" * 64,
        "prompt_level_strict_acc": 1.0,
        "inst_level_strict_acc": [True],
    }
    short = MODEL.replace("/", "__")
    lines = f"{json.dumps(sample)}\n".encode()
    store.append({f"{short}-details/{short}/samples_leaderboard_ifeval_{stamp}.jsonl": lines})
    store.append(
        {
            f"requests/org/failed_{at}_eval_request_False_bfloat16_Original.json": json.dumps(request(text)).encode()
            for at, text in enumerate(texts)
        }
    )
    return store


def result(text: str) -> dict[str, object]:
    """A result file whose every free text is `text`."""
    return {
        "results": {
            "leaderboard_ifeval": {
                "prompt_level_strict_acc,none": 0.5,
                "inst_level_strict_acc,none": 0.5,
                "alias": text,
            }
        },
        "configs": {"leaderboard_ifeval": {"description": text, "doc_to_text": text}},
        "config": {"model": text, "model_args": text, "model_dtype": "bfloat16", "model_revision": text},
        "git_hash": text,
        "model_name": MODEL,
        "model_sha": "a" * 40,
        "chat_template": text,
        "system_instruction": text,
        "transformers_version": text,
    }


def request(text: str) -> dict[str, object]:
    """A failed request as a fork of the original wrote them, with hostile words and log lines."""
    return {
        "model": f"org/failed{text}"[:90],
        "base_model": text,
        "revision": text,
        "precision": "bfloat16",
        "params": 7.0,
        "architectures": text,
        "weight_type": "Original",
        "status": "FAILED",
        "submitted_time": "2025-01-05T00:00:00Z",
        "model_type": text,
        "sender": text,
        "error_msg": text,
        "traceback": f"Traceback\n{text}\n",
    }

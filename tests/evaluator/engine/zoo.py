"""Every architecture family that can be built small at random: the settings that make each one's peculiarity show."""

from __future__ import annotations

from typing import Any

VOCABULARY = 320
WINDOW = 16  # shorter than every test's sequences, so that forgetting it shows

COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MOE: dict[str, Any] = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 48}
MLA: dict[str, Any] = {
    "num_key_value_heads": 4,
    "q_lora_rank": 24,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 16,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 48,
    "first_k_dense_replace": 1,
    "n_group": 1,
    "topk_group": 1,
}
ALTERNATING = ["sliding_attention", "full_attention", "sliding_attention"]
LINEAR: dict[str, Any] = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "head_dim": 16,
}
MAMBA2: dict[str, Any] = {
    "mamba_n_heads": 8,
    "mamba_d_head": 16,
    "mamba_d_state": 16,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 8,
}

# family → (peculiarity, settings on top of COMMON)
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("rope, grouped heads", {}),
    "qwen2": ("biases", {}),
    "qwen3": ("query and key norms", {"head_dim": 16}),
    "phi": ("partial rope", {}),
    "phi3": ("fused projections", {"sliding_window": WINDOW}),
    "gpt2": ("learned positions", {"n_positions": 1024, "n_embd": 64, "n_layer": 3, "n_head": 4}),
    "gpt_neox": ("parallel residual", {}),
    "gptj": ("interleaved rope", {"n_positions": 1024, "n_embd": 64, "n_layer": 3, "n_head": 4, "rotary_dim": 8}),
    "gpt_neo": (
        "local attention",
        {
            "num_hidden_layers": 4,
            "num_layers": 4,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 2]],
            "window_size": WINDOW,
        },
    ),
    "gpt_bigcode": ("one key head", {"n_positions": 1024, "n_embd": 64, "n_layer": 3, "n_head": 4}),
    "codegen": ("interleaved rope", {"n_positions": 1024, "n_embd": 64, "n_layer": 3, "n_head": 4, "rotary_dim": 8}),
    "opt": ("offset positions", {"ffn_dim": 96, "word_embed_proj_dim": 64}),
    "bloom": ("ALiBi", {"n_layer": 3, "n_head": 4}),
    "mpt": ("ALiBi", {"d_model": 64, "n_heads": 4, "n_layers": 3, "max_seq_len": 1024, "expansion_ratio": 2}),
    "falcon": ("ALiBi", {"alibi": True, "new_decoder_architecture": False, "multi_query": False}),
    "stablelm": ("partial rope", {}),
    "starcoder2": ("sliding window", {"sliding_window": WINDOW}),
    "mistral": ("sliding window", {"sliding_window": WINDOW}),
    "gemma": ("scaled embeddings", {"head_dim": 16}),
    "gemma2": (
        "soft caps, alternating windows",
        {"head_dim": 16, "sliding_window": WINDOW, "layer_types": ALTERNATING},
    ),
    "gemma3_text": ("two rope bases", {"head_dim": 16, "sliding_window": WINDOW, "layer_types": ALTERNATING}),
    "cohere": ("scaled logits", {}),
    "cohere2": ("no positions in full layers", {"sliding_window": WINDOW, "layer_types": ALTERNATING}),
    "olmo": ("plain norms", {}),
    "olmo2": ("norms after", {}),
    "olmo3": ("norms after, windows", {"sliding_window": WINDOW, "layer_types": ALTERNATING}),
    "granite": ("multipliers", {"logits_scaling": 4.0}),
    "glm4": ("sandwich norms", {"head_dim": 16}),
    "nemotron": ("squared relu", {}),
    "exaone4": ("windows", {"sliding_window": WINDOW, "layer_types": ALTERNATING}),
    "smollm3": ("layers without rope", {"no_rope_layers": [1, 0, 1]}),
    "mixtral": ("mixture of experts", {**MOE, "sliding_window": WINDOW}),
    "qwen2_moe": ("shared expert", {**MOE, "shared_expert_intermediate_size": 48}),
    "qwen3_moe": ("mixture of experts", {**MOE, "head_dim": 16}),
    "olmoe": ("mixture of experts", MOE),
    "granitemoe": ("mixture of experts", MOE),
    "gpt_oss": (
        "attention sinks, windows",
        {**MOE, "head_dim": 16, "sliding_window": WINDOW, "layer_types": ALTERNATING},
    ),
    "llama4_text": (
        "chunked attention",
        {
            **MOE,
            "head_dim": 16,
            "attention_chunk_size": WINDOW,
            "intermediate_size_mlp": 96,
            "layer_types": ["chunked_attention", "full_attention", "chunked_attention"],
        },
    ),
    "deepseek_v2": ("MLA", {**MLA, "topk_method": "greedy"}),
    "deepseek_v3": ("MLA", MLA),
    "minicpm3": ("MLA", {**MLA, "intermediate_size": 96}),
    "mamba": ("recurrent", {"state_size": 8}),
    "mamba2": ("recurrent", {"num_heads": 8, "head_dim": 16, "state_size": 16, "n_groups": 1, "chunk_size": 8}),
    "falcon_mamba": ("recurrent", {"state_size": 8}),
    "recurrent_gemma": ("recurrent, windows", {"lru_width": 64, "attention_window_size": WINDOW, "head_dim": 16}),
    "rwkv": ("recurrent", {"attention_hidden_size": 64, "context_length": 1024}),
    "jamba": (
        "Mamba and attention",
        {
            **MOE,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "expert_layer_period": 2,
            "expert_layer_offset": 1,
            "mamba_d_state": 8,
            "mamba_dt_rank": 8,
            "use_mamba_kernels": False,
        },
    ),
    "bamba": ("Mamba-2 and attention", {**MAMBA2, "attn_layer_indices": [1]}),
    "falcon_h1": ("Mamba-2 beside attention", {**MAMBA2, "mamba_d_ssm": 128, "head_dim": 16}),
    "granitemoehybrid": (
        "Mamba-2, attention, experts",
        {**MOE, **MAMBA2, "shared_intermediate_size": 64, "layer_types": ["mamba", "attention", "mamba"]},
    ),
    "zamba2": (
        "Mamba-2, shared attention",
        {
            "mamba_d_state": 16,
            "n_mamba_heads": 8,
            "mamba_headdim": 16,
            "mamba_ngroups": 1,
            "chunk_size": 8,
            "num_hidden_layers": 4,
            "layers_block_type": ["mamba", "hybrid", "mamba", "hybrid"],
            "num_mem_blocks": 1,
            "adapter_rank": 8,
            "num_key_value_heads": 4,
        },
    ),
    "nemotron_h": (
        "Mamba-2 and attention",
        {
            "mamba_num_heads": 8,
            "mamba_head_dim": 16,
            "ssm_state_size": 16,
            "n_groups": 1,
            "chunk_size": 8,
            "head_dim": 16,
            "layers_block_type": ["mamba", "attention", "mamba"],
        },
    ),
    "qwen3_next": (
        "delta rule and attention",
        {
            **MOE,
            **LINEAR,
            "shared_expert_intermediate_size": 48,
            "layer_types": ["linear_attention", "full_attention", "linear_attention"],
        },
    ),
    "lfm2": ("convolutions and attention", {"layer_types": ["conv", "full_attention", "conv"]}),
}

PLAIN = ("llama", "qwen2", "mistral", "gemma")
"""What most people submit: none of these may ever run slower than packed."""

EXPECTED: dict[str, str] = {
    **dict.fromkeys(("gpt_neo", "bloom", "mpt", "falcon", "mamba2", "bamba", "falcon_h1", "granitemoehybrid", "zamba2",
                     "nemotron_h", "qwen3_next", "lfm2"), "rows"),
    **dict.fromkeys(("mamba", "falcon_mamba", "recurrent_gemma", "rwkv", "jamba"), "stock"),
}  # fmt: skip
"""The way that each family goes; packed unless it is named here."""


def build(family: str, dtype: Any = None, seed: int = 0) -> Any:
    """Return a random model of a family, in evaluation mode. Raise what transformers raises if it cannot be built."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    config = AutoConfig.for_model(family, **{**COMMON, **FAMILIES[family][1]})
    model = AutoModelForCausalLM.from_config(config, dtype=dtype or torch.float32)
    for parameter in model.parameters():
        if parameter.dim() > 1 and parameter.dtype.is_floating_point:
            torch.nn.init.normal_(parameter, std=0.08)  # the library's 0.02 leaves such small models nearly uniform
    return model.eval()

"""The model types an evaluator loads: decoders that transformers itself knows, so that none needs code of its own."""

from __future__ import annotations

MODEL_TYPES_LOADED = frozenset(
    """
    afmoe apertus arcee bailing_hybrid bamba biogpt bitnet bloom blt codegen cohere cohere2 cohere2_moe ctrl cwm dbrx
    deepseek_v2 deepseek_v3 deepseek_v32 deepseek_v4 diffllama doge dots1 ernie4_5 ernie4_5_moe exaone4 exaone_moe
    falcon falcon_h1 falcon_mamba flex_olmo gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text gemma4 gemma4_text glm
    glm4 glm4_moe glm4_moe_lite glm_moe_dsa gpt2 gpt_bigcode gpt_neo gpt_neox gpt_neox_japanese gpt_oss gptj granite
    granite_swa granitemoe granitemoe_swa granitemoehybrid granitemoeshared helium hunyuan_v1_dense hunyuan_v1_moe
    internlm3 jais2 jamba jetmoe kimi_linear lfm2 lfm2_moe lfm3 llama llama4 llama4_text longcat_flash mamba mamba2
    mellum mimo_v2_flash minicpm3 minimax minimax_m2 ministral ministral3 mistral mixtral modernbert-decoder mpt
    nanochat nemotron nemotron_h olmo olmo2 olmo3 olmo_hybrid olmoe openai-gpt opt persimmon phi phi3 phimoe qwen2
    qwen2_moe qwen3 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen3_moe qwen3_next recurrent_gemma rwkv seed_oss
    smollm3 solar_open stablelm starcoder2 vaultgemma xglm xlstm youtu zamba zamba2
    """.split()  # noqa: SIM905
)

# Qwen3, mixture of experts.
# MaxText checkpoint_conversion/utils/param_mapping.py: QWEN_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/padded", "shared/model", "shared/layer", "shared/attention", "shared/head_norms", "shared/norms", "shared/moe_block"]

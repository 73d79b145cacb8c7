# DeepSeek V3.
# MaxText checkpoint_conversion/utils/param_mapping.py: DEEPSEEK_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/embedding", "shared/model", "shared/deepseek", "shared/deepseek_query", "shared/norms"]

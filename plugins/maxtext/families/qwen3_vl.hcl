# Qwen3-VL, dense: Qwen3 and a vision tower. MaxText trains it unstacked alone.
# MaxText checkpoint_conversion/utils/param_mapping.py: QWEN3_VL_MAXTEXT_TO_HF_PARAM_MAPPING.

include = ["shared/tied", "shared/model", "shared/layer", "shared/attention", "shared/head_norms", "shared/norms", "shared/mlp", "shared/qwen3_vision"]

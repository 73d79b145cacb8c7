# Mistral 7B. MaxText applies its rotary embedding to halves here, as the target does: no pairs to take
# apart, unlike Llama. The query scale is folded in as there. Settled by the logits of a MaxText model.

include = ["shared/embedding", "shared/model", "shared/layer", "shared/folded_query", "shared/norms", "shared/mlp"]

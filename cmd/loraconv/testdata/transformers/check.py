"""Loads what loraconv wrote in transformers and PEFT, and compares logits.

    check.py CASE PROVEN MERGED SHARDS BASE [ADAPTER]

CASE is a fixture's directory. The others are directories that loraconv wrote,
but for PROVEN, which has the fixture's own weights: those whose logits are
MaxText's. Models are loaded as a user loads them, and names that do not fit end
the program. Logits are computed in float64, so that only the weights differ.

Prints one JSON object:

  merged     the most by which logits of MERGED differ from those of PROVEN
  changed    the most by which logits of MERGED differ from those of BASE
  adapter    the most by which logits of BASE with ADAPTER in PEFT differ from
             those of PROVEN
  scale      the largest logit
"""

import json
import pathlib
import sys
import warnings

import peft
import peft.peft_model
import peft.tuners.tuners_utils
import peft.utils.save_and_load
import peft.utils.transformers_weight_conversion
import torch
import transformers
from safetensors.torch import load_file

torch.set_num_threads(1)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def load(directory, text_only, dtype=torch.float32):
    config = transformers.AutoConfig.from_pretrained(directory)
    model, info = getattr(transformers, config.architectures[0]).from_pretrained(
        directory, dtype=dtype, attn_implementation="eager", experts_implementation="eager", output_loading_info=True
    )
    odd = {k: sorted(map(str, v)) for k, v in info.items() if v}
    if text_only:  # the fixture has no vision tower
        missing = [k for k in odd.pop("missing_keys", []) if "vision" not in k and "multi_modal_projector" not in k]
        if missing:
            odd["missing_keys"] = missing
    if odd:
        sys.exit(f"{directory}: names that do not fit: {odd}")
    return model.eval()


def logits(model, tokens):
    with torch.no_grad():
        out = model.double()(input_ids=torch.tensor(tokens)).logits
    if not torch.isfinite(out).all():
        sys.exit("logits are not finite")
    return out


def distance(a, b):
    if a.shape != b.shape:
        sys.exit(f"logits of shape {tuple(a.shape)} and {tuple(b.shape)}")
    return (a - b).abs().max().item()


def without_conversion():
    """Lets PEFT take an adapter for what it is.

    PEFT 0.21 takes modules of some families for fused experts by their names'
    ends, and then leaves them without their LoRA.
    """
    c = peft.utils.transformers_weight_conversion
    c.convert_peft_config_for_transformers = lambda *_, **__: None

    def unchanged(model=None, peft_config=None, adapter_state_dict=None, **_):
        return adapter_state_dict

    for module in (c, peft.peft_model, peft.utils.save_and_load, peft.tuners.tuners_utils):
        if hasattr(module, "convert_peft_adapter_state_dict_for_transformers"):
            module.convert_peft_adapter_state_dict_for_transformers = unchanged


def with_adapter(model, directory):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # PEFT only warns of keys that do not fit
        model = peft.PeftModel.from_pretrained(model, directory).eval()
    file = load_file(pathlib.Path(directory) / "adapter_model.safetensors")
    have = {k.replace(".default.", "."): v for k, v in model.state_dict().items() if ".lora_" in k}
    odd = sorted(set(file) ^ set(have)) or sorted(k for k in file if not torch.equal(file[k].double(), have[k].double()))
    if odd:
        sys.exit(f"{directory}: PEFT has other tensors than the file: {odd[:5]}")
    return model


def main(case, proven, merged, shards, base, adapter=None):
    case = json.loads((pathlib.Path(case) / "case.json").read_text())
    tokens, text_only = case["tokens"], case.get("language_model_only", False)
    load(shards, text_only, torch.bfloat16)
    want = logits(load(proven, text_only), tokens)
    got = logits(load(merged, text_only), tokens)
    plain = load(base, text_only)
    out = {
        "merged": distance(got, want),
        "changed": distance(got, logits(plain, tokens)),
        "scale": want.abs().max().item(),
    }
    if adapter:
        if "peft_moe_target_conversion" in case["logit_proof"]:
            without_conversion()
        out["adapter"] = distance(logits(with_adapter(plain, adapter), tokens), want)
    print(json.dumps(out))


main(*sys.argv[1:])

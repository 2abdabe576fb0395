"""What Hugging Face's transformers and PEFT make of Llama models: writes the folder `llama` beside this file.

It needs an environment of its own, with PyTorch:

    uv run --no-project --isolated --python 3.11 --with torch==2.13.0 --with transformers==5.24.0 --with peft \
        --with gguf==0.19.0 python tests/oracle/transformers_oracle.py [SMOLLM2.gguf]

The folder gets a small model with random weights, one in two files of bfloat16, low-rank corrections as PEFT saves
them, and the logits of all in `logits.npz`. With the path of SmolLM2's GGUF file it gets `smollm2.json` as well: of
some prompts, the largest logits after every token and the logarithm of the sum of their exponentials, in float32.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

FOLDER = Path(__file__).parent / "llama"
TOKENS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 22, 0]
LARGEST = 5
SIZES = {
    "vocab_size": 23,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "attn_implementation": "eager",
}
PROMPTS = (  # those of the tokenizer that the file holds
    [1, 4093, 198, 2683, 359, 281, 253, 9902, 30, 1812, 536, 346, 536, 47, 2, 198, 1, 520, 9531, 198, 57],
    [4549, 288, 260, 15325, 575, 1440, 260, 19375, 216, 34, 32, 34, 36, 1830, 260, 30605, 335, 260, 4360],
    np.random.default_rng(0).integers(17, 49_152, 100).tolist(),
)


def model_of(rope_base, tied):
    """A model whose weights are large enough for its logits to differ much."""
    torch.manual_seed(0)
    rotary = {"rope_type": "default", "rope_theta": rope_base}
    model = LlamaForCausalLM(LlamaConfig(**SIZES, rope_parameters=rotary, tie_word_embeddings=tied)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter += 0.3 * torch.randn_like(parameter)
            else:
                parameter *= 10
    return model


def logits_of(model, tokens=TOKENS):
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].float().numpy()


def write_small():
    made = {}
    tied = model_of(100.0, tied=True)
    tied.save_pretrained(FOLDER / "tied")
    made["tied"] = logits_of(tied)

    untied = model_of(10_000.0, tied=False).to(torch.bfloat16)
    untied.save_pretrained(FOLDER / "untied", max_shard_size="20KB")
    made["untied"] = logits_of(LlamaForCausalLM.from_pretrained(FOLDER / "untied", dtype=torch.float32).eval())

    config = LoraConfig(r=3, lora_alpha=12, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    corrected = get_peft_model(tied, config)
    corrected.save_pretrained(FOLDER / "adapters")
    made["adapters"] = logits_of(corrected)
    (FOLDER / "adapters" / "README.md").unlink(missing_ok=True)
    np.savez(FOLDER / "logits.npz", tokens=np.array(TOKENS), **made)


def write_smollm2(path):
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    rows = []
    for tokens in PROMPTS:
        logits = torch.tensor(logits_of(model, tokens), dtype=torch.float64)
        best = torch.topk(logits, LARGEST)
        totals = torch.logsumexp(logits, dim=-1)
        rows.append(
            {
                "tokens": tokens,
                "best": best.indices.tolist(),
                "logits": best.values.float().double().round(decimals=5).tolist(),
                "totals": totals.round(decimals=5).tolist(),
            }
        )
    (FOLDER / "smollm2.json").write_text(json.dumps(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write_small()
    if len(sys.argv) > 1:
        write_smollm2(Path(sys.argv[1]))

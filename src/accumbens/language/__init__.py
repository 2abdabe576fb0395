"""Language models in JAX: a decoder-only transformer, its weights from files, tokenizers, and scores of actions."""

from accumbens.language.assembly import make_transformer, parameters
from accumbens.language.choices import Choices, Sizes, choices_of, stacked, with_ends
from accumbens.language.lora import LoraSettings, learns, merged, with_lora, without_lora
from accumbens.language.pretrained import LanguageModel, load_language_model
from accumbens.language.scoring import Restricted, Scores, action_log_probs, over_tokens, restricted, score
from accumbens.language.tokenizer import TextTokenizer, Tokenizer, chat, tokenizer_of
from accumbens.language.transformer import Cache, Seen, Transformer, TransformerSettings, extended
from accumbens.language.trie import Trie, trie_of
from accumbens.language.values import ValueHead
from accumbens.language.writing import Written, write

__all__ = [
    "Cache",
    "Choices",
    "LanguageModel",
    "LoraSettings",
    "Restricted",
    "Scores",
    "Seen",
    "Sizes",
    "TextTokenizer",
    "Tokenizer",
    "Transformer",
    "TransformerSettings",
    "Trie",
    "ValueHead",
    "Written",
    "action_log_probs",
    "chat",
    "choices_of",
    "extended",
    "learns",
    "load_language_model",
    "make_transformer",
    "merged",
    "over_tokens",
    "parameters",
    "restricted",
    "score",
    "stacked",
    "tokenizer_of",
    "trie_of",
    "with_ends",
    "with_lora",
    "without_lora",
    "write",
]

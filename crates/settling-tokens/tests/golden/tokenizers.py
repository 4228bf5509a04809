"""Writes tokenizers.json: small tokenizers whose files say more than a vocabulary, and the ids that transformers gives.

pip install tokenizers==0.22.2 transformers; python tokenizers.py
"""

import json
import pathlib
import sys

# This file has the library's name.
sys.path.pop(0)

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

TEXT = "The layers settle: the layers of the model settle early, and the rest is noise. " * 4
CORPUS = [TEXT, "Rows are observations; columns are features. (naïve) 12,345"]
stored, cases = [], []


def case(name, tokenizer, texts, changes=None, reference=None):
    """`changes` are put over the file's top level and over its model; `reference` over those of the reference."""
    state = json.loads(tokenizer.to_str())
    if state not in stored:
        stored.append(state)
    changes = changes or {}
    changed = {**state, **(changes if reference is None else reference)}
    changed["model"] = {**state["model"], **changed["model"]}
    fast = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(changed)))
    ids = [fast(text, add_special_tokens=False, split_special_tokens=True).input_ids for text in texts]
    cases.append({"name": name, "tokenizer": stored.index(state), "changes": changes, "texts": texts, "ids": ids})


def bytelevel(size=290, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


base = bytelevel()
pieces = [TEXT, "", " ", "settle <|endoftext|> early", "naïve\r\n\tcafé 東京"]
case("nothing", base, pieces)
cut = {"max_length": 32, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
case("truncation", base, pieces, {"truncation": cut})
case("truncation to the left", base, pieces, {"truncation": {**cut, "direction": "Left", "max_length": 1}})
case("truncation with a stride", base, pieces, {"truncation": {**cut, "stride": 8, "strategy": "OnlyFirst"}})
fill = {"direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "<|endoftext|>"}
case("padding", base, pieces, {"padding": {"strategy": {"Fixed": 1024}, **fill}})
case("padding to the longest", base, pieces, {"padding": {"strategy": "BatchLongest", **fill, "direction": "Left"}})
case("padding to a multiple", base, pieces, {"padding": {"strategy": "BatchLongest", **fill, "pad_to_multiple_of": 64}})
case("both", base, pieces, {"truncation": cut, "padding": {"strategy": {"Fixed": 1024}, **fill}})
for chance in [0.1, 1.0]:
    case(f"dropout {chance}", base, pieces, {"model": {"dropout": chance}}, {"model": {"dropout": None}})
around = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}},
}
case("tokens around a text", base, pieces, {"post_processor": around, "truncation": cut})

added = bytelevel()
added.normalizer = normalizers.Lowercase()
added.add_tokens([
    AddedToken("EARLY", lstrip=True, normalized=False),
    AddedToken("late", rstrip=True, normalized=True),
    AddedToken("one", single_word=True),
    AddedToken("   ", normalized=False),
])
added.add_special_tokens([AddedToken("<|pad|>", lstrip=True, rstrip=True)])
case("added tokens", added, ["an  EARLY  late   EARLY", "one stone one", "LATE  early", "a   b    c", "x <|pad|> y"])

whole = bytelevel()
state = json.loads(whole.to_str())
word = next(token for token in ["Ġnoise", "Ġfeatures", "Ġobservations"] if token not in state["model"]["vocab"])
vocab = {**state["model"]["vocab"], word: len(state["model"]["vocab"])}
for ignore in [False, True]:
    changes = {"model": {"vocab": vocab, "ignore_merges": ignore}}
    case(f"ignore_merges {ignore}", whole, [word.replace("Ġ", " ") * 3], changes)

letters = sorted({letter for text in CORPUS for letter in text if letter.isascii()} - {" "} | {"▁"})
llama = {token: id for id, token in enumerate(["<unk>", "<s>", "</s>"])}
llama |= {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
llama |= {token: 259 + place for place, token in enumerate([*letters, "▁t", "▁th", "▁the", "er", "ay", "lay"])}
merges = [("▁", "t"), ("▁t", "h"), ("▁th", "e"), ("e", "r"), ("a", "y"), ("l", "ay")]
for fallback in [True, False]:
    model = models.BPE(llama, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=fallback)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    case(f"byte_fallback {fallback}", tokenizer, [" the layers", "naïve 東京", "", "a </s> b"])

tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), ("▁", -2.0), ("▁the", -2.5), ("a", -3.0), ("b", -3.5), ("ab", -4.0)], unk_id=0))
tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
case("unigram", tokenizer, ["the ab abba", "xyz"], {"truncation": {**cut, "max_length": 2}})
tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "lay": 1, "##er": 2, "##s": 3}, unk_token="[UNK]", max_input_chars_per_word=8))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
case("wordpiece", tokenizer, ["layers lay layersssss early"], {"padding": {"strategy": {"Fixed": 16}, **fill}})

out = pathlib.Path(__file__).with_name("tokenizers.json")
out.write_text(json.dumps({"tokenizers": stored, "cases": cases}, ensure_ascii=False, separators=(",", ":")) + "\n")

"""The pipelines of model families' published tokenizers, around any vocabulary (pip install tokenizers)."""
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

SIGN = "\u2581"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SYMBOLS = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + SYMBOLS
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + SYMBOLS
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*|\p{{N}}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BYTE_LEVEL = {  # family: (special tokens, ignore_merges)
    "gpt2": (["<|endoftext|>"], False), "opt": (["<s>", "<pad>", "</s>", "<unk>"], False),
    "llama3": (["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"], True),
    "smollm2": (["<|endoftext|>", "<|im_start|>", "<|im_end|>"], False),
    "qwen2": (["<|endoftext|>", "<|im_start|>", "<|im_end|>"], False),
    "tekken": (["<unk>", "<s>", "</s>", "[INST]"], True)}
METASPACE = ["llama2", "mistral", "metaspace_always", "metaspace_never", "metaspace_split"]
FAMILIES = [*BYTE_LEVEL, *METASPACE]
PREPENDS = {"opt": "</s>", "llama3": "<|begin_of_text|>", "tekken": "<s>", **dict.fromkeys(METASPACE, "<s>")}


def specials(family):
    return BYTE_LEVEL[family][0] if family in BYTE_LEVEL else ["<unk>", "<s>", "</s>"]


def byte_level_words(family):
    """The pre-tokenizer."""
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=family in ("gpt2", "opt", "smollm2"))
    if family == "smollm2":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level])
    pattern = {"llama3": LLAMA3, "qwen2": QWEN2, "tekken": TEKKEN}.get(family)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), level]) if pattern else level


def metaspace(family):
    scheme = {"mistral": "first", "metaspace_split": "first", "metaspace_never": "never"}.get(family, "always")
    return pre_tokenizers.Metaspace(SIGN, prepend_scheme=scheme, split=family == "metaspace_split")


def dress(tokenizer, family):
    """Puts the family's parts around a model."""
    if family in BYTE_LEVEL:
        tokenizer.pre_tokenizer = byte_level_words(family)
        tokenizer.decoder = decoders.ByteLevel()
        if family == "qwen2":
            tokenizer.normalizer = normalizers.NFC()
    else:
        if family == "llama2":
            tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SIGN), normalizers.Replace(" ", SIGN)])
        else:
            tokenizer.pre_tokenizer = metaspace(family)
        tokenizer.decoder = decoders.Sequence([decoders.Replace(SIGN, " "), decoders.ByteFallback(), decoders.Fuse(),
                                               decoders.Strip(" ", 1, 0)])
    return tokenizer


def finish(tokenizer, family):
    """Special tokens, two that strip or stand alone, and what is put before a text."""
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in specials(family)])
    tokenizer.add_tokens([AddedToken("<strip>", lstrip=True, rstrip=True, normalized=False),
                          AddedToken("wordly", single_word=True, normalized=False),
                          AddedToken("caf\u00e9 au lait", normalized=True)])
    byte_level = [processors.ByteLevel(trim_offsets=False)] if family in BYTE_LEVEL else []
    if family in PREPENDS:
        bos = PREPENDS[family]
        byte_level.append(processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[
            (bos, tokenizer.token_to_id(bos))]))
    if byte_level:
        tokenizer.post_processor = processors.Sequence(byte_level)
    return tokenizer


def bpe(family, vocab, merges):
    if family in BYTE_LEVEL:
        model = models.BPE(vocab=vocab, merges=merges, ignore_merges=BYTE_LEVEL[family][1])
    else:
        model = models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    return finish(dress(Tokenizer(model), family), family)

"""Makes the corpora that fuzzing starts from, out of the golden files: python3 fuzz/seed.py (standard library only)."""

import shutil
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHECKPOINT = ROOT / "crates/settling-checkpoint/tests"
MODELS = ROOT / "crates/settling-models/tests"
TOKENS = ROOT / "crates/settling-tokens/tests/golden"
CORPUS = Path(__file__).parent / "corpus"


def add(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def pickle(path):
    """The pickle behind the lengths of its storages, as the target wants it; None if it is none, or the lengths do not fit."""
    try:
        archive = zipfile.ZipFile(path)
        names = archive.namelist()
        folder = next((name[: -len("data.pkl")] for name in names if name.endswith("data.pkl")), "")
        content = archive.read(f"{folder}data.pkl")
    except zipfile.BadZipFile:
        return None
    lengths = []
    while (name := f"{folder}data/{len(lengths)}") in names:
        lengths.append(archive.getinfo(name).file_size)
    if max(lengths, default=0) > 255 or len(lengths) > 255:
        return None
    return bytes([len(lengths), *lengths]) + content


def main():
    for path in CHECKPOINT.glob("**/*.safetensors"):
        if path.stat().st_size < 1 << 16:
            add("safetensors", "-".join(path.relative_to(ROOT).parts[3:]), path.read_bytes())
    for path in CHECKPOINT.glob("pytorch/**/*.bin"):
        name = path.name
        add("pytorch", name, path.read_bytes())
        if content := pickle(path):
            add("pickle", name, content)
        if name.startswith("legacy"):
            add("pickle_file", name, path.read_bytes())
    for path in CHECKPOINT.glob("pytorch/*.pickle"):
        add("pickle_file", path.name, path.read_bytes())
    for path in [*CHECKPOINT.glob("*/*/config.json"), *MODELS.glob("published/*.json"), *MODELS.glob("golden/*/*.json")]:
        add("config", "-".join(path.relative_to(ROOT).parts[3:]), path.read_bytes())
    for number, text in enumerate((
        '{"metadata":{"total_size":9},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}',
        '{"weight_map":{"a":"two.safetensors"}}',
        '{"weight_map":{"a":"../one.safetensors"}}',
    )):
        add("shard_index", f"{number}.json", text.encode())
    for path in TOKENS.glob("*.idx"):
        length = path.with_suffix(".bin").stat().st_size
        add("megatron_index", path.name, length.to_bytes(2, "little") + path.read_bytes())
    for path in TOKENS.glob("*.npy"):
        add("npy", path.name, path.read_bytes())
    for path in TOKENS.glob("*.parquet"):
        add("parquet", path.name, path.read_bytes())


if __name__ == "__main__":
    shutil.rmtree(CORPUS, ignore_errors=True)
    main()
    for folder in sorted(CORPUS.iterdir()):
        print(f"{folder.name}: {len(list(folder.iterdir()))} files")

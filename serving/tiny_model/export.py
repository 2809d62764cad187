"""Turn the trained weights into int4 ONNX for ONNX Runtime GenAI.

    python -m serving.tiny_model.export

In: `weights/hf/`. Out: `weights/onnx/`, which the embedded server loads without torch.
Knows nothing of the corpus or of training.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from serving.tiny_model.train import WEIGHTS as TRAINED

WEIGHTS = TRAINED.parent / "onnx"


def export(trained: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", str(trained), "-o", str(folder)]
        subprocess.run([*command, "-p", "int4", "-e", "cpu", "-c", scratch], check=True)
    # One tokenizer for both formats: the builder rewrites it on the way.
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(trained / name, folder / name)
    print(f"{sum(f.stat().st_size for f in folder.iterdir()) / 1e6:.1f} MB in {folder}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=TRAINED)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    asked = parser.parse_args()
    export(asked.model, asked.out)


if __name__ == "__main__":
    main()

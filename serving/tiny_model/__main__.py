"""Make `workshop-tiny` again from its corpus: train, export, measure.

    python -m serving.tiny_model

Out: everything in `weights/`. Takes about a quarter of an hour on two cores; see README.md for the environment.
"""

from serving.tiny_model import evaluate, export, train


def main() -> None:
    train.main()
    export.main()
    evaluate.main()


if __name__ == "__main__":
    main()

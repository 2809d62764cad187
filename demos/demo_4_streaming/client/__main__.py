"""`python -m demos.demo_4_streaming.client --count 40 --concurrent 10`: what many questions at once change."""

import sys


def main() -> int:
    try:
        # Imported here, because the SDK takes half a second, and Ctrl-C must be quiet then, too.
        from demos.demo_4_streaming.client import comparison

        return comparison.main()
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

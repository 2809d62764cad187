"""`python -m workshop.translation.sentences SENTENCE`: the sentence in the spoken language, for the Makefile."""

import sys

from workshop.translation.sentences import told

if __name__ == "__main__":
    print(told(sys.argv[1]))

"""The exercises: `exNN.py` holds `check_1`, `check_2`, … of chapter NN, `ex_SLUG.py` of a lesson.

Beside each module's checkers stands `WRONG`, one usual mistake per exercise, which a test plants to
see that the checker finds it. `published` reads exercises from their chapter, `solved` keeps which
of them the reader has solved, `copies` writes one into the reader's own folder.
"""

"""The checkers of the exercises: `exNN.py` holds `check_1`, `check_2`, … of chapter NN."""

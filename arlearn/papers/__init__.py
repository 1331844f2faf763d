"""One module per paper: its tokens, its plan, its head, and its twist."""

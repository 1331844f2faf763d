"""Units: what a generator draws. `encode(x)` gives units, `decode(units)` gives x back."""

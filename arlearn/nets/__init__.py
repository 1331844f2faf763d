"""Networks: a transformer over any mask, its cache, convolutions, and models over a plan."""

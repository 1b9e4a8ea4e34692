"""The formulas of the model, M1 to M14: scalars in, scalars out, SI units, no arrays of a backend, no files."""

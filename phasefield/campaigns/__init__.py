"""Many runs from one file: sweeps, where they run, what they come to, and critical current densities."""

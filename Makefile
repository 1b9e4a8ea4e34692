# Short names. `run` and `test` are the two commands of the README, word for word.
.PHONY: run test test-full check bench bench-peers clean

run:
	python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/phasefield run llzo_grain_boundary

test:
	python3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/python -m pytest

# Every test at full size: hours.
test-full:
	TIER=full $(MAKE) test

check:
	python3 -m venv .venv && .venv/bin/pip install --quiet '.[dev]'
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m pytest

# Kernels, solve, step in 2-D and 3-D against the memory's bandwidth, start-up: a quarter of an hour on a quiet machine.
bench:
	python3 -m venv .venv && .venv/bin/pip install --quiet .
	.venv/bin/python benchmarks/bench.py --case
	.venv/bin/python benchmarks/startup.py

# A step against FiPy with SciPy's LU, and with PETSc where it is installed: some minutes.
bench-peers:
	python3 -m venv .venv && .venv/bin/pip install --quiet .
	.venv/bin/python benchmarks/peers.py

clean:
	rm -rf .venv build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

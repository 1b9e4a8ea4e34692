"""Constants of nature (CODATA 2018, exact)."""

GAS_CONSTANT = 8.314462618  # R [J/mol/K]
FARADAY = 96485.33212  # F [C/mol]
AVOGADRO = 6.02214076e23  # N_A [1/mol]; k_B = R / N_A


def thermal_voltage(temperature: float) -> float:
    """Return RT/F [V] at ``temperature`` [K]."""
    return GAS_CONSTANT * temperature / FARADAY

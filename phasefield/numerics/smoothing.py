"""Chebyshev's method on the 2 x 2 blocks of a system of ``multigrid``, and its residual.

Every cell of a step is computed from the step before: rows are vectors, and planes go to threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from phasefield.numerics.kernel import kernel

# Weights of the two steps, the inverse roots of Chebyshev's polynomial on [1/2, 2]. Eigenvalues of a system over its
# diagonal blocks are below 2; those below 1/2 are the coarse grid's. From 0.3 or 0.7 on: 10 % more iterations.
LARGE = np.float32(1.0 / (1.25 - 0.75 * np.sqrt(0.5)))
SMALL = np.float32(1.0 / (1.25 + 0.75 * np.sqrt(0.5)))
ONE = np.float32(1.0)


@kernel
def _start_plane(f, gx, gy, gz, coupling, weight, out, i):
    """Make the first step of the smoother, from zero, in plane i: ``weight`` times each block's solution."""
    ny, nz = f.shape[2], f.shape[3] - 2
    three = ny > 1
    for j in range(ny):
        after = j + 1 if j + 1 < ny else 0
        low_0, high_0, low_1, high_1 = gx[0, i - 1, j], gx[0, i, j], gx[1, i - 1, j], gx[1, i, j]
        y = gy if three else gx  # not read in 2-D
        down_0, up_0, down_1, up_1 = y[0, i, j], y[0, i, after], y[1, i, j], y[1, i, after]
        side_0, side_1 = gz[0, i, j], gz[1, i, j]
        f_0, f_1, c, out_0, out_1 = f[0, i, j], f[1, i, j], coupling[i, j], out[0, i, j], out[1, i, j]
        for k in range(1, nz + 1):
            d_0 = low_0[k] + high_0[k] + side_0[k - 1] + side_0[k]
            d_1 = low_1[k] + high_1[k] + side_1[k - 1] + side_1[k]
            if three:
                d_0 += down_0[k] + up_0[k]
                d_1 += down_1[k] + up_1[k]
            scale = weight / (d_0 * d_1 + c[k] * (d_0 + d_1))
            both = c[k] * (f_0[k] + f_1[k])
            out_0[k] = scale * (d_1 * f_0[k] + both)
            out_1[k] = scale * (d_0 * f_1[k] + both)
        for row in (out_0, out_1):
            row[0], row[nz + 1] = row[nz], row[1]


@kernel
def _smooth_plane(u, f, gx, gy, gz, coupling, weight, out, i):
    """Go ``weight`` times the way to the solution of each cell's 2 x 2 block in plane i, with its neighbours as in u."""
    ny, nz = u.shape[2], u.shape[3] - 2
    three = ny > 1
    keep = ONE - weight
    for j in range(ny):
        before = j - 1 if j > 0 else ny - 1
        after = j + 1 if j + 1 < ny else 0
        u_0, u_1, f_0, f_1 = u[0, i, j], u[1, i, j], f[0, i, j], f[1, i, j]
        west_0, east_0, west_1, east_1 = u[0, i - 1, j], u[0, i + 1, j], u[1, i - 1, j], u[1, i + 1, j]
        south_0, north_0, south_1, north_1 = u[0, i, before], u[0, i, after], u[1, i, before], u[1, i, after]
        low_0, high_0, low_1, high_1 = gx[0, i - 1, j], gx[0, i, j], gx[1, i - 1, j], gx[1, i, j]
        y = gy if three else gx  # not read in 2-D
        down_0, up_0, down_1, up_1 = y[0, i, j], y[0, i, after], y[1, i, j], y[1, i, after]
        side_0, side_1 = gz[0, i, j], gz[1, i, j]
        c, out_0, out_1 = coupling[i, j], out[0, i, j], out[1, i, j]
        for k in range(1, nz + 1):
            a = (
                f_0[k]
                + low_0[k] * west_0[k]
                + high_0[k] * east_0[k]
                + side_0[k - 1] * u_0[k - 1]
                + side_0[k] * u_0[k + 1]
            )
            b = (
                f_1[k]
                + low_1[k] * west_1[k]
                + high_1[k] * east_1[k]
                + side_1[k - 1] * u_1[k - 1]
                + side_1[k] * u_1[k + 1]
            )
            d_0 = low_0[k] + high_0[k] + side_0[k - 1] + side_0[k]
            d_1 = low_1[k] + high_1[k] + side_1[k - 1] + side_1[k]
            if three:
                a += down_0[k] * south_0[k] + up_0[k] * north_0[k]
                b += down_1[k] * south_1[k] + up_1[k] * north_1[k]
                d_0 += down_0[k] + up_0[k]
                d_1 += down_1[k] + up_1[k]
            scale = weight / (d_0 * d_1 + c[k] * (d_0 + d_1))
            both = c[k] * (a + b)
            out_0[k] = keep * u_0[k] + scale * (d_1 * a + both)
            out_1[k] = keep * u_1[k] + scale * (d_0 * b + both)
        for row in (out_0, out_1):
            row[0], row[nz + 1] = row[nz], row[1]


@kernel
def residual_plane(u, f, gx, gy, gz, coupling, out, i):
    """Write f - A u of plane i."""
    ny, nz = u.shape[2], u.shape[3] - 2
    three = ny > 1
    for j in range(ny):
        before = j - 1 if j > 0 else ny - 1
        after = j + 1 if j + 1 < ny else 0
        u_0, u_1, f_0, f_1 = u[0, i, j], u[1, i, j], f[0, i, j], f[1, i, j]
        west_0, east_0, west_1, east_1 = u[0, i - 1, j], u[0, i + 1, j], u[1, i - 1, j], u[1, i + 1, j]
        south_0, north_0, south_1, north_1 = u[0, i, before], u[0, i, after], u[1, i, before], u[1, i, after]
        low_0, high_0, low_1, high_1 = gx[0, i - 1, j], gx[0, i, j], gx[1, i - 1, j], gx[1, i, j]
        y = gy if three else gx  # not read in 2-D
        down_0, up_0, down_1, up_1 = y[0, i, j], y[0, i, after], y[1, i, j], y[1, i, after]
        side_0, side_1 = gz[0, i, j], gz[1, i, j]
        c, out_0, out_1 = coupling[i, j], out[0, i, j], out[1, i, j]
        for k in range(1, nz + 1):
            p, q = u_0[k], u_1[k]
            a = low_0[k] * (west_0[k] - p) + high_0[k] * (east_0[k] - p)
            b = low_1[k] * (west_1[k] - q) + high_1[k] * (east_1[k] - q)
            a += side_0[k - 1] * (u_0[k - 1] - p) + side_0[k] * (u_0[k + 1] - p)
            b += side_1[k - 1] * (u_1[k - 1] - q) + side_1[k] * (u_1[k + 1] - q)
            if three:
                a += down_0[k] * (south_0[k] - p) + up_0[k] * (north_0[k] - p)
                b += down_1[k] * (south_1[k] - q) + up_1[k] * (north_1[k] - q)
            exchange = c[k] * (p - q)
            out_0[k] = f_0[k] + a - exchange
            out_1[k] = f_1[k] + b + exchange


@njit(parallel=True, cache=True)
def _start_parallel(f, gx, gy, gz, coupling, weight, out):
    for i in prange(1, f.shape[1] - 1):
        _start_plane(f, gx, gy, gz, coupling, weight, out, i)


@njit(parallel=True, cache=True)
def _smooth_parallel(u, f, gx, gy, gz, coupling, weight, out):
    for i in prange(1, u.shape[1] - 1):
        _smooth_plane(u, f, gx, gy, gz, coupling, weight, out, i)


@njit(parallel=True, cache=True)
def _residual_parallel(u, f, gx, gy, gz, coupling, out):
    for i in prange(1, u.shape[1] - 1):
        residual_plane(u, f, gx, gy, gz, coupling, out, i)


@njit(cache=True)
def residual(u, f, gx, gy, gz, coupling, out, large):
    """Write f - A u."""
    if large:
        _residual_parallel(u, f, gx, gy, gz, coupling, out)
    else:
        for i in range(1, u.shape[1] - 1):
            residual_plane(u, f, gx, gy, gz, coupling, out, i)


@njit(cache=True)
def start(f, gx, gy, gz, coupling, weight, out, large):
    if large:
        _start_parallel(f, gx, gy, gz, coupling, weight, out)
    else:
        for i in range(1, f.shape[1] - 1):
            _start_plane(f, gx, gy, gz, coupling, weight, out, i)


@njit(cache=True)
def smooth(u, f, gx, gy, gz, coupling, weight, out, large):
    if large:
        _smooth_parallel(u, f, gx, gy, gz, coupling, weight, out)
    else:
        for i in range(1, u.shape[1] - 1):
            _smooth_plane(u, f, gx, gy, gz, coupling, weight, out, i)

"""Look at results with ParaView: ``pvbatch look.py JOB.json`` writes what was found to the job's ``answer``.

It runs in ParaView's own Python, which knows nothing of this package. A job names ``files``, to be opened, and
``pictures``, the PNG to be drawn of each.
"""

import json
import os
import sys

from paraview import simple

FIELD = "metal_fraction"


def look(file: str, picture: str) -> dict:
    """Open a file at its last time, list what it holds, contour and draw it."""
    source = simple.OpenDataFile(file)
    source.UpdatePipeline()
    times = list(source.TimestepValues)
    source.UpdatePipeline(times[-1])
    cells = source.CellData
    arrays = {cells.GetArray(i).Name: cells.GetArray(i).GetRange() for i in range(cells.GetNumberOfArrays())}
    points = simple.CellDatatoPointData(Input=source)
    surface = simple.Contour(Input=points, ContourBy=["POINTS", FIELD], Isosurfaces=[0.5])
    surface.UpdatePipeline(times[-1])
    contour = surface.GetDataInformation()
    calculator = simple.Calculator(Input=source, AttributeType="Cell Data", Function="ionic_potential_V*1000")
    calculator.UpdatePipeline(times[-1])
    draw(source, surface, times[-1], picture)
    return {
        "times": times,
        "arrays": arrays,
        "cells": source.GetDataInformation().GetNumberOfCells(),
        "bounds": source.GetDataInformation().GetBounds(),
        "contour_points": contour.GetNumberOfPoints(),
        "contour_bounds": contour.GetBounds(),
        "calculated": calculator.CellData.GetArray("Result").GetRange(),
    }


def draw(source: "simple.Proxy", surface: "simple.Proxy", time: float, picture: str) -> None:
    """Draw the metal's surface over the outline of the box, coloured by the potential beside it."""
    scene = simple.GetAnimationScene()
    scene.UpdateAnimationUsingDataTimeSteps()
    scene.AnimationTime = time
    view = simple.CreateRenderView()
    view.ViewSize = [900, 700]
    view.ViewTime = time
    solid = source.GetDataInformation().GetBounds()[5] > source.GetDataInformation().GetBounds()[4]
    shown = simple.Show(source, view)
    shown.SetRepresentationType("Outline" if solid else "Surface")
    if not solid:
        simple.ColorBy(shown, ("CELLS", "grain_id"))
    metal = simple.Show(surface, view)
    simple.ColorBy(metal, ("POINTS", "potential_vs_metal_V") if solid else None)
    metal.LineWidth = 3.0
    if solid:
        view.ApplyIsometricView()
    simple.ResetCamera(view)
    simple.Render(view)
    simple.SaveScreenshot(picture, view)
    simple.Delete(view)


def main() -> None:
    """Do the job."""
    with open(sys.argv[1]) as file:
        job = json.load(file)
    answers = {name: look(path, job["pictures"][name]) for name, path in job["files"].items()}
    with open(job["answer"], "w") as file:
        json.dump(answers, file)


main()
sys.stdout.flush()
os._exit(0)  # taking ParaView down ends some builds with a crash

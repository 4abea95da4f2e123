"""Opens the store and the tiles of a running server in real QGIS and looks at the picture.

Usage: qgis_check.py STORE URL ATLAS LEVEL PICTURE_FOLDER INDICATOR/PERIOD…
"""

import json
import os
import sys
import urllib.request

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (  # noqa: E402
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QSize  # noqa: E402
from qgis.PyQt.QtGui import QColor  # noqa: E402

passed = 0


def check(condition, sentence):
    global passed
    if not condition:
        sys.exit(f"failed: {sentence}")
    passed += 1
    print(f"ok: {sentence}")


def fetch(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def near(a, b, tolerance):
    return max(abs(a.red() - b.red()), abs(a.green() - b.green()), abs(a.blue() - b.blue())) <= tolerance


def render(layer, bounds):
    settings = QgsMapSettings()
    settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    settings.setLayers([layer])
    settings.setOutputSize(QSize(900, 700))
    settings.setBackgroundColor(QColor("white"))
    to_map = QgsCoordinateTransform(
        QgsCoordinateReferenceSystem("EPSG:4326"), settings.destinationCrs(), QgsProject.instance()
    )
    settings.setExtent(to_map.transformBoundingBox(QgsRectangle(*bounds)))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    return job.renderedImage()


def colours(image):
    seen = {}
    for y in range(image.height()):
        for x in range(image.width()):
            colour = image.pixel(x, y)
            seen[colour] = seen.get(colour, 0) + 1
    return seen


def check_store(store):
    regions = QgsVectorLayer(f"{store}|layername=region", "region", "ogr")
    check(regions.isValid(), "QGIS opens the layer region of the GeoPackage")
    check(regions.featureCount() > 0, f"it has regions ({regions.featureCount()})")
    check(regions.crs().authid() == "EPSG:4326", "its reference system is EPSG:4326")
    feature = next(f for f in regions.getFeatures() if f.hasGeometry())
    check(feature.geometry().area() > 0, "a region has an area")


def check_map(url, atlas, level, layer_name, folder):
    indicator, period = layer_name.split("/")
    path = f"{atlas}/{{}}/{level}/{indicator}/{period}.json"
    tilejson = fetch(f"{url}/{path.format('tiles')}")
    legend = fetch(f"{url}/{path.format('legends')}")
    tiles = tilejson["tiles"][0].replace("&", "%26").replace("=", "%3D")
    source = (
        f"type=xyz&url={tiles}&zmin={tilejson['minzoom']}&zmax={tilejson['maxzoom']}"
        f"&styleUrl={url}/{path.format('styles')}"
    )
    layer = QgsVectorTileLayer(source, layer_name)
    check(layer.isValid(), f"QGIS opens the tiles of {layer_name}")
    error, read = layer.loadDefaultStyle()
    check(read, f"QGIS reads the style of {layer_name} ({error})")
    image = render(layer, tilejson["bounds"])
    image.save(os.path.join(folder, f"qgis-{indicator}.png"))
    seen = colours(image)
    for one in legend["classes"]:
        if one["count"] == 0:
            continue
        wanted = QColor(one["color"])
        # Areas have their very colour; circles let the map shine through a little.
        tolerance = 40 if "radius" in one else 3
        pixels = sum(count for colour, count in seen.items() if near(QColor(colour), wanted, tolerance))
        check(pixels > 20, f"{layer_name}: class {one['class']} ({one['color']}) is drawn, {pixels} pixels")


def main():
    store, url, atlas, level, folder, *layers = sys.argv[1:]
    application = QgsApplication([], False)
    application.initQgis()
    check_store(store)
    for layer in layers:
        check_map(url, atlas, level, layer, folder)
    print(f"qgis: {passed} passed, 0 failed")
    # The application is not torn down: QGIS 3.22 may crash on exit in offscreen mode after all work is done.
    sys.stdout.flush()
    os._exit(0)


main()

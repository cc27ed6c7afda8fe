#!/usr/bin/env python3
"""Peers of mm-decode and mm-label that stay warm, as peers.py does: a line "go" → wall and CPU seconds of all items.

    pipes.py pillow|libvips DIRECTORY PROCESSES open|prepare     prepare: shorter side to 256, 224 x 224 out of the middle
    pipes.py sklearn LABELLED.mm QUERIES.mm K
    pipes.py vectors OUT.mm ROWS WIDTH LABELS SEED       writes a stream of labelled random vectors"""
import json
import os
import sys
import time


def one_image(job):
    from PIL import Image, ImageOps

    path, prepare = job
    img = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    if prepare:
        f = 256 / min(img.size)
        w, h = round(img.width * f), round(img.height * f)
        img = img.resize((w, h), Image.BICUBIC).crop(((w - 224) // 2, (h - 224) // 2, (w - 224) // 2 + 224, (h - 224) // 2 + 224))
    return img.size[0]


def one_vips(job):
    import pyvips

    path, prepare = job
    img = pyvips.Image.new_from_file(path, access="sequential").autorot()
    if prepare:
        f = 256 / min(img.width, img.height)
        img = img.resize(f, kernel="cubic")
        img = img.crop((img.width - 224) // 2, (img.height - 224) // 2, 224, 224)
    return len(img.write_to_memory())


def images(one, where, processes, way):
    jobs = [(os.path.join(where, f), way == "prepare") for f in sorted(os.listdir(where))]
    if int(processes) == 1:
        return lambda: [one(j) for j in jobs]
    from multiprocessing import Pool

    pool = Pool(int(processes))
    return lambda: pool.map(one, jobs, chunksize=8)


def pillow(*args):
    return images(one_image, *args)


def libvips(*args):
    os.environ["VIPS_CONCURRENCY"] = "1"
    return images(one_vips, *args)


def sklearn(labelled, queries, k):
    import msgpack
    import msgpack_numpy
    import numpy as np
    from sklearn.neighbors import KNeighborsClassifier

    def load(path):
        with open(path, "rb") as f:
            return list(msgpack.Unpacker(f, object_hook=msgpack_numpy.decode, max_buffer_size=0))

    known, asked = load(labelled), np.stack([r["data"] for r in load(queries)])
    knn = KNeighborsClassifier(int(k), metric="cosine", algorithm="brute").fit(np.stack([r["data"] for r in known]), [r["label"] for r in known])
    return lambda: knn.predict(asked)


def vectors(out, rows, width, labels, seed):
    import msgpack
    import msgpack_numpy
    import numpy as np

    r = np.random.default_rng(int(seed))
    centre = np.random.default_rng(0).standard_normal((int(labels), int(width)))
    with open(out, "wb") as f:
        for i in range(int(rows)):
            c = int(r.integers(int(labels)))
            x = np.float32(centre[c] + 3 * r.standard_normal(int(width)))
            record = {"mm": 1, "kind": "feature", "key": f"r{i}", "src": "random", "data": msgpack_numpy.encode(x), "of": "series",
                      "space": "random", "label": f"class{c}"}
            f.write(msgpack.packb(record))


if __name__ == "__main__":
    work = {"pillow": pillow, "libvips": libvips, "sklearn": sklearn, "vectors": vectors}[sys.argv[1]](*sys.argv[2:])
    if work:
        work()
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            if line.strip() != "go":
                break
            t = os.times()
            wall = time.monotonic()
            work()
            u = os.times()
            print(json.dumps({"wall": time.monotonic() - wall, "cpu": u.user + u.system - t.user - t.system}), flush=True)

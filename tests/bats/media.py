"""Small media and archives for tests, out of the standard library alone: media.py KIND FILE [ARGUMENT...], or
media.py - with such lines on standard input, which starts Python once for many files."""
import io, math, os, struct, sys, tarfile, wave, zipfile, zlib


def png(seed=0, width=12, height=9):
    """RGB noise that tells two seeds apart."""
    rows, x = b"", int(seed) * 2654435761 + 1
    for _ in range(int(height)):
        rows += b"\0"
        for _ in range(3 * int(width)):
            x = (x * 1103515245 + 12345) & 0x7FFFFFFF
            rows += bytes([x >> 16 & 255])

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", int(width), int(height), 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def clear_png():
    """One pixel, red, fully transparent."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 6, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0\0")) + chunk(b"IEND", b""))


def tiff(compression=1, photometric=2, side=0):
    """Four by two pixels of one colour, uncompressed whatever the directory says, which may also tell another size."""
    pixels = bytes([200, 100, 50]) * 8
    tags = [(256, side or 4), (257, side or 2), (258, 8), (259, compression), (262, photometric), (273, 8), (277, 3), (278, 2),
            (279, len(pixels))]
    tags = [struct.pack("<HHIHH", int(t), 3, 1, int(v), 0) for t, v in tags]
    return (b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + struct.pack("<H", len(tags)) + b"".join(tags)
            + bytes(4))


def raw(kind="dng", subs=0):
    """What a camera writes, with a thumbnail of 4 by 2: a TIFF (dng, nef, cr2, cfa), or the first bytes of a format of its own."""
    heads = dict(raf=b"FUJIFILMCCD-RAW 0201", rw2=b"IIU\0\x18\0\0\0", orf=b"IIRO\x08\0\0\0", x3f=b"FOVb\0\0\2\0", mrw=b"\0MRM\0\0\1\0",
                 crw=b"II\x1a\0\0\0HEAPCCDR", cr3=b"\0\0\0\x18ftypcrx \0\0\0\1crx isom")
    if kind in heads:
        return heads[kind].ljust(600, b"\0")

    def directory(tags, where=0):
        return (struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in sorted(tags)) + struct.pack("<I", where))

    start = 8 if kind != "cr2" else 16
    pixels = bytes([200, 100, 50]) * 8
    sensor = directory([(256, 4, 1, 4), (257, 4, 1, 6), (258, 3, 1, 8), (262, 3, 1, 32803), (273, 4, 1, start), (277, 3, 1, 1), (279, 4, 1, 24)])
    bits = start + len(pixels)
    sub = bits + 8
    tags = [(254, 4, 1, 1), (256, 4, 1, 4), (257, 4, 1, 2), (258, 3, 3, bits), (262, 3, 1, 2), (273, 4, 1, start), (277, 3, 1, 3), (279, 4, 1, 24)]
    if kind == "dng":
        tags += [(50706, 1, 4, 0x00000401)]
    if kind == "nef":
        tags += [(330, 4, 1, sub)]
    main = sensor if kind == "cfa" else directory(tags)
    head = b"II*\0" + struct.pack("<I", sub + len(sensor)) + (b"CR\2\0\0\0\0\0" if kind == "cr2" else b"")
    return head + pixels + struct.pack("<HHHH", 8, 8, 8, 0) + sensor + main


def deep(kind="grey16", least=0, most=65535):
    """Ten by four grey samples from least to most: a PNG (grey16), or a TIFF of floats, of 32 bits or with a NaN in it."""
    v = [float(least) + (float(most) - float(least)) * i / 39 for i in range(40)]
    if kind == "grey16":
        rows = b"".join(b"\0" + struct.pack(">10H", *(round(x) for x in v[i:i + 10])) for i in range(0, 40, 10))

        def chunk(name, data):
            return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 10, 4, 16, 0, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    if kind == "nan":
        v[17] = math.nan
    pixels = struct.pack("<40I", *map(round, v)) if kind == "uint32" else struct.pack("<40f", *v)
    tags = [(256, 10), (257, 4), (258, 32), (259, 1), (262, 1), (273, 8), (277, 1), (278, 4), (279, len(pixels)),
            (339, 1 if kind == "uint32" else 3)]
    tags = [struct.pack("<HHIHH", t, 3, 1, v, 0) for t, v in tags]
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + struct.pack("<H", len(tags)) + b"".join(tags) + bytes(4)


def wav(seconds=0.5, rate=16000, channels=1):
    f = io.BytesIO()
    w = wave.open(f, "wb")
    w.setnchannels(int(channels))
    w.setsampwidth(2)
    w.setframerate(int(rate))
    n = int(float(seconds) * int(rate))
    w.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(i * 0.1))) * int(channels) for i in range(n)))
    w.close()
    return f.getvalue()


def levels(rate, *values):
    """Half a second of f32, in each channel one value throughout."""
    data = struct.pack(f"<{len(values)}f", *map(float, values)) * (int(rate) // 2)
    head = struct.pack("<HHIIHH", 3, len(values), int(rate), int(rate) * 4 * len(values), 4 * len(values), 32)
    return (b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + head + b"data"
            + struct.pack("<I", len(data)) + data)


def dsf(seconds=0.25, rate=2822400):
    """DSD of one bit, a sine of 1 kHz at half of full scale, by a modulator of the first order."""
    rest, packed = 0.0, bytearray()
    for i in range(0, int(float(seconds) * int(rate)) // 8 * 8, 8):
        byte = 0
        for k in range(8):
            rest += 0.5 * math.sin(2 * math.pi * 1000 * (i + k) / int(rate))
            byte |= (rest >= 0) << k
            rest -= 1 if rest >= 0 else -1
        packed.append(byte)
    data = bytes(packed) + bytes(-len(packed) % 4096)
    head = b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 1, 1, int(rate), 1, 8 * len(packed), 4096, 0)
    body = head + b"data" + struct.pack("<Q", 12 + len(data)) + data
    return b"DSD " + struct.pack("<QQQ", 28, 28 + len(body), 0) + body


def bomb(mib=200):
    """A zip of zeros that grows a thousandfold."""
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("zeros.png", bytes(int(mib) << 20))
    return f.getvalue()


def zipped(folder):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
        for top, dirs, files in os.walk(folder):
            dirs.sort()
            for name in sorted(files):
                path = os.path.join(top, name)
                z.write(path, os.path.relpath(path, folder))
    return f.getvalue()


def tarred(folder, mode="w"):
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode=mode) as t:
        for name in sorted(os.listdir(folder)):
            t.add(os.path.join(folder, name), name)
    return f.getvalue()


def encrypted(folder):
    """The zip of folder with every member marked as encrypted, in its local header and in the directory."""
    z = bytearray(zipped(folder))
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        i = z.find(mark)
        while i >= 0:
            z[i + at] |= 1
            i = z.find(mark, i + 4)
    return bytes(z)


def nested(depth=6):
    data = png(1)
    name = "p.png"
    for i in range(int(depth)):
        f = io.BytesIO()
        with zipfile.ZipFile(f, "w") as z:
            z.writestr(name, data)
        data, name = f.getvalue(), f"n{i}.zip"
    return data


def npy(descr, shape, data=b"", fortran=False):
    head = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + data


def floats(rows=2, columns=3):
    n = int(rows) * int(columns)
    return npy("<f4", f"({int(rows)}, {int(columns)})", struct.pack(f"<{n}f", *range(n)))


def write(kind, path, *args):
    made = {f.__name__: f for f in (png, clear_png, tiff, raw, deep, wav, levels, dsf, bomb, zipped, tarred, encrypted, nested, npy,
                                    floats)}
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as f:
        f.write(made[kind](*args))


if __name__ == "__main__":
    for command in [line.split() for line in sys.stdin] if sys.argv[1] == "-" else [sys.argv[1:]]:
        write(*command)

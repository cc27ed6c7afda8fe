#!/usr/bin/env python3
"""Writes tests/goldens/picture and tests/goldens/sound: small files of every kind, and what Pillow, soundfile and librosa read in them.

picture/cases.json has for each file its size and the hash (FNV-1a, 64 bits) of its bytes in RGB: open, exif_transpose, convert("RGB"),
and for some laid over a colour. Of files of more than 8 bits it has the hash of the samples themselves, too, u16 or f32: as tifffile reads
them, or as they were stored; their 8-bit RGB is the high byte, which is Pillow's own where it does not clip grey at 255 (issue 3011 of Pillow). sound/cases.json has for each file the mean of its channels at 16 kHz, by librosa's soxr_hq where its rate
is another: how many samples, and some of them. The pictures are seeds for the fuzz target of that name, too.

usage: tests/goldens/make_decode.py     needs pillow, pillow-heif, numpy, tifffile, soundfile, librosa
"""
import io
import json
import pathlib
import struct
import zlib

import librosa
import numpy as np
import pillow_heif
import soundfile
import tifffile
from PIL import Image, ImageOps
from make_media import fnv

HERE = pathlib.Path(__file__).parent
H, W = 21, 30
STORED = {}  # file: its samples [H, W] or [H, W, channels], where it was written here and is deeper than 8 bits
BACKGROUND = (200, 30, 90)


def scene(h=H, w=W):
    """Slopes, an edge, and some noise: nothing in it is symmetric."""
    y, x = np.mgrid[0:h, 0:w]
    rgb = np.stack([x * 255 / (w - 1), y * 255 / (h - 1), (x + 2 * y) * 255 / (w + 2 * h - 3)], -1)
    rgb[2:8, 3:15] = (250, 10, 30)
    rgb += np.random.default_rng(1).integers(-9, 10, rgb.shape)
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def with_alpha(image):
    y, x = np.mgrid[0 : image.height, 0 : image.width]
    image = image.convert("RGBA")
    image.putalpha(Image.fromarray(((x * 7 + y * 5) % 256).astype(np.uint8)))
    return image


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(colour, depth, rows, extra=b""):
    """A PNG of what Pillow does not write: rows are the bytes of each scan line, extra further chunks."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, colour, 0, 0, 0))
    data = png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in rows)))
    return b"\x89PNG\r\n\x1a\n" + head + extra + data + png_chunk(b"IEND", b"")


def deep():
    """[H, W, 4] samples of 16 bits; the first is below 600 here and there, where Pillow's clipping of grey shows."""
    v = np.random.default_rng(2).integers(0, 65536, (H, W, 4))
    v[::2, :, 0] %= 600
    return v.astype(">u2")


def pnm(kind, maxval, samples):
    """Raw (P5, P6) and plain (P2, P3) maps with any largest value; a comment in each header."""
    samples = samples.reshape(H, -1)
    head = f"{kind}\n# made up\n{W} {H}\n{maxval}\n".encode()
    if kind in ("P2", "P3"):
        return head + b"".join(b" ".join(b"%d" % v for v in row) + b"\n" for row in samples)
    return head + samples.astype(">u2" if maxval > 255 else "u1").tobytes()


def tiff(order, tags, pieces):
    """A TIFF of these tags and of strips or tiles, whose places (273, 324) are filled in: value or list of 16-bit values."""
    end, at, data, where = ("<" if order == "II" else ">"), 8, b"", []
    for piece in pieces:
        where.append(at + len(data))
        data += piece + b"\0" * (len(piece) % 2)
    tiled = 322 in tags
    tags = {**tags, 324 if tiled else 273: where, 325 if tiled else 279: [len(p) for p in pieces]}
    entries, later = b"", b""
    ifd = at + len(data)
    for tag, value in sorted(tags.items()):
        values = value if isinstance(value, list) else [value]
        body = struct.pack(f"{end}{len(values)}{'I' if tag in (273, 279, 324, 325) else 'H'}", *values)
        kind = 4 if tag in (273, 279, 324, 325) else 3
        if len(body) > 4:
            entries += struct.pack(f"{end}HHII", tag, kind, len(values), ifd + 2 + 12 * len(tags) + 4 + len(later))
            later += body
        else:
            entries += struct.pack(f"{end}HHI", tag, kind, len(values)) + body.ljust(4, b"\0")
    return order.encode() + struct.pack(f"{end}HI", 42, ifd) + data + struct.pack(f"{end}H", len(tags)) + entries + bytes(4) + later


def chained(first, second):
    """One little-endian TIFF out of two as tiff() makes them: the second's directory follows the first's."""
    at = len(first) + len(first) % 2
    ifd, = struct.unpack_from("<I", second, 4)
    n, = struct.unpack_from("<H", first, struct.unpack_from("<I", first, 4)[0])
    first, second = bytearray(first.ljust(at, b"\0")), bytearray(second)
    struct.pack_into("<I", first, struct.unpack_from("<I", first, 4)[0] + 2 + 12 * n, at + ifd)
    for i in range(struct.unpack_from("<H", second, ifd)[0]):
        tag, kind, count, value = struct.unpack_from("<HHII", second, ifd + 2 + 12 * i)
        if tag == 273 or count * (4 if kind == 4 else 2) > 4:  # where something lies
            struct.pack_into("<I", second, ifd + 2 + 12 * i + 8, at + value)
    return bytes(first + second)


def tiffs():
    """Kinds of TIFF that Pillow reads and does not write: tiles, planes, 16 bits, alpha of either kind, odd bit orders."""
    rgb = np.asarray(scene())
    base = {256: W, 257: H, 259: 1, 262: 2, 277: 3, 258: [8, 8, 8], 284: 1}
    tiles = [np.pad(rgb[y : y + 16, x : x + 16], ((0, 16 - len(rgb[y : y + 16])), (0, 16 - rgb[y : y + 16, x : x + 16].shape[1]), (0, 0)))
             for y in (0, 16) for x in (0, 16)]
    yield "tiles.tif", tiff("II", {**base, 322: 16, 323: 16}, [t.tobytes() for t in tiles])
    planes = [np.ascontiguousarray(t[..., c]).tobytes() for c in range(3) for t in tiles]
    yield "tileplanes.tif", tiff("MM", {**base, 322: 16, 323: 16, 284: 2}, planes)
    yield "planes.tif", tiff("II", {**base, 284: 2, 278: H}, [np.ascontiguousarray(rgb[..., c]).tobytes() for c in range(3)])
    for order, name in (("II", "<u2"), ("MM", ">u2")):
        wide = deep().astype(name)
        yield f"grey16{order}.tif", tiff(order, {**base, 258: 16, 262: 1, 277: 1, 278: H}, [wide[..., 0].tobytes()])
        yield f"rgb16{order}.tif", tiff(order, {**base, 258: [16] * 3, 278: H}, [wide[..., :3].tobytes()])
        for kind in (0, 1, 2):
            tags = {**base, 258: [16] * 4, 277: 4, 338: kind, 278: 5}
            yield f"rgb16extra{kind}{order}.tif", tiff(order, tags, [wide[y : y + 5].tobytes() for y in range(0, H, 5)])
    bits = np.random.default_rng(4).integers(0, 256, (H, 15)).astype(np.uint8)
    for depth in (1, 2, 4):
        for photometric in (0, 1):
            for fill in (1, 2):
                row = bits[:, : (W * depth + 7) // 8]
                tags = {**base, 258: depth, 262: photometric, 277: 1, 266: fill, 278: H}
                yield f"bits{depth}-{photometric}-{fill}.tif", tiff("II", tags, [np.ascontiguousarray(row).tobytes()])
    yield from deep_tiffs(base)
    real = (np.random.default_rng(5).normal(120, 120, (H, W))).astype("<f4")
    yield "float.tif", tiff("II", {**base, 258: 32, 262: 1, 277: 1, 339: 3, 278: H}, [real.tobytes()])
    yield "int16.tif", tiff("II", {**base, 258: 16, 262: 1, 277: 1, 339: 2, 278: H}, [real.astype("<i2").tobytes()])
    yield "stack.tif", stack()
    small = tiff("II", {**base, 254: 1, 278: H}, [rgb[::-1].tobytes()])
    yield "preview.tif", chained(small, tiff("II", {**base, 278: H}, [rgb.tobytes()]))
    yield "premultiplied.tif", tiff("II", {**base, 258: [8] * 4, 277: 4, 338: 1, 278: H}, [(deep() >> 8).astype(np.uint8).tobytes()])


def packed(samples, depth):
    """Rows of samples of any depth, packed from the high bits on."""
    bits = samples[..., None] >> np.arange(depth - 1, -1, -1) & 1
    return np.packbits(bits.reshape(H, -1).astype(np.uint8), axis=1).tobytes()


def deep_tiffs(base):
    """Samples of more than 8 bits, of every kind."""
    random = np.random.default_rng(8)
    grey = {**base, 262: 1, 277: 1, 278: H}
    wide = random.integers(0, 65536, (H, W)).astype("<u2")
    for depth in (10, 12, 14):
        v = wide >> (16 - depth)
        STORED[f"grey{depth}.tif"] = np.rint(v * (65535 / (2**depth - 1))).astype("<u2")
        yield f"grey{depth}.tif", tiff("II", {**grey, 258: depth}, [packed(v, depth)])
    STORED["max4095.tif"] = np.rint((wide >> 4) * (65535 / 4095)).astype("<u2")
    yield "max4095.tif", tiff("II", {**grey, 258: 16, 281: 4095}, [(wide >> 4).tobytes()])
    yield "max2000.tif", tiff("II", {**grey, 258: 16, 281: 2000}, [(wide % 2001).tobytes()])
    STORED["white16.tif"] = 65535 - wide
    yield "white16.tif", tiff("II", {**grey, 258: 16, 262: 0}, [wide.tobytes()])
    real = random.normal(0.5, 0.2, (H, W, 3))
    for name, kind, fmt in (("half", "<f2", 3), ("double", ">f8", 3), ("uint32", "<u4", 1), ("int32", ">i4", 2), ("int8", "i1", 2)):
        v = np.clip(real * 300 - 40, -128, 127) if kind == "i1" else real * (1e9 if kind[1] in "ui" else 1)
        v = np.abs(v).astype(kind) if kind[1] == "u" else v.astype(kind)
        order, bits = "MM" if kind[0] == ">" else "II", 8 * v.itemsize
        yield f"{name}.tif", tiff(order, {**grey, 258: bits, 339: fmt}, [np.ascontiguousarray(v[..., 0]).tobytes()])
        yield f"{name}rgb.tif", tiff(order, {**base, 258: [bits] * 3, 339: [fmt] * 3, 278: H}, [v.tobytes()])
    planes = [np.ascontiguousarray(real[..., c]).astype("<f4").tobytes() for c in range(3)]
    yield "floatplanes.tif", tiff("II", {**base, 258: [32] * 3, 339: [3] * 3, 284: 2, 278: H}, planes)


def stack():
    """ImageJ's: one directory, and pages that follow each other without any more."""
    f = io.BytesIO()
    tifffile.imwrite(f, np.random.default_rng(9).integers(0, 65536, (4, H, W), np.uint16), imagej=True, truncate=True)
    return f.getvalue()


def pfm(kind, samples):
    """A portable float map: rows from the bottom up."""
    return f"{kind}\n{W} {H}\n-1.0\n".encode() + samples[::-1].astype("<f4").tobytes()


def icon(depth):
    """An icon of one bitmap that ends with its pixels: there is no mask below them."""
    row = (W * depth + 31) // 32 * 4
    bits = np.random.default_rng(6).integers(0, 256, row * H).astype(np.uint8).tobytes()
    palette = np.random.default_rng(7).integers(0, 256, (2**depth, 4)).astype(np.uint8).tobytes() if depth <= 8 else b""
    bitmap = struct.pack("<IiiHHIIiiII", 40, W, 2 * H, 1, depth, 0, 0, 0, 0, 0, 0) + palette + bits
    return struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", W, H, 0, 0, 1, depth, len(bitmap), 22) + bitmap


def written():
    """Files that Pillow does not write itself."""
    yield from tiffs()
    for depth in (1, 8, 24):
        yield f"nomask{depth}.ico", icon(depth)
    grey, grey_alpha, rgb, rgba = (deep()[..., s] for s in ([0], [0, 3], [0, 1, 2], [0, 1, 2, 3]))
    STORED.update({"grey16.png": grey, "grey16alpha.png": grey_alpha, "grey16keyed.png": grey, "rgb16.png": rgb, "rgba16.png": rgba})
    yield "grey16.png", png(0, 16, [r.tobytes() for r in grey])
    twelve = deep()[..., [1]] >> 4
    STORED["said12.png"] = np.rint(twelve * (65535 / 4095)).astype("<u2")  # left as they were
    STORED["shifted12.png"] = twelve >> 4 << 4  # dark, and scaled as the standard says
    yield "said12.png", png(0, 16, [r.astype(">u2").tobytes() for r in twelve], png_chunk(b"sBIT", b"\x0c"))
    yield "shifted12.png", png(0, 16, [r.astype(">u2").tobytes() for r in STORED["shifted12.png"]], png_chunk(b"sBIT", b"\x0c"))
    yield "grey16alpha.png", png(4, 16, [r.tobytes() for r in grey_alpha])
    yield "grey16keyed.png", png(0, 16, [r.tobytes() for r in grey], png_chunk(b"tRNS", grey[3, 4].tobytes()))
    yield "rgb16.png", png(2, 16, [r.tobytes() for r in rgb])
    yield "rgba16.png", png(6, 16, [r.tobytes() for r in rgba])
    random = np.random.default_rng(3)
    for kind, n in (("P2", 1), ("P3", 3), ("P5", 1), ("P6", 3)):
        for maxval in (1, 7, 100, 254, 255, 256, 1000, 65534, 65535):
            if kind in ("P5", "P6") or maxval in (7, 255, 1000):
                v = random.integers(0, maxval + 1, (H, W, n))
                if n == 1 and maxval > 255:
                    v[::2] %= 300 * maxval // 65535 + 2
                if maxval > 255:
                    STORED[f"{kind.lower()}-{maxval}.pnm"] = np.rint(v / maxval * 65535).astype("<u2")
                yield f"{kind.lower()}-{maxval}.pnm", pnm(kind, maxval, v)
    yield "over.pnm", b"P5 3 1 9 \x04\x09\xff"
    bits = random.integers(0, 2, (H, W))
    yield "p1.pnm", b"P1 %d %d#no space\n\n" % (W, H) + b"".join(bytes(48 + b for b in row) + b"# a row\n" for row in bits)
    yield "p4.pnm", b"P4\n%d %d\n" % (W, H) + np.packbits(bits, axis=1).tobytes()
    for kind, shape in (("Pf", (H, W)), ("PF", (H, W, 3))):
        v = STORED[f"{len(shape)}.pfm"] = random.random(shape).astype("<f4")
        yield f"{len(shape)}.pfm", pfm(kind, v)


def heics():
    """HEICs that pillow-heif writes: plain, with alpha, of 10 bits, turned, of tiles, and of several pictures."""
    rgb, wide = scene(24, 40), scene(70, 100)
    for name, image, options in (
        ("444.heic", rgb, {}),
        ("420.heic", rgb, dict(chroma=420)),
        ("alpha.heic", with_alpha(rgb), {}),
        ("grid.heic", wide, dict(tile_size=64)),
        ("pages.heic", rgb, dict(save_all=True, append_images=[scene(16, 16), ImageOps.flip(rgb)])),
    ):
        f = io.BytesIO()
        image.save(f, "HEIF", quality=90, **{"chroma": 444, **options})
        yield name, f.getvalue()
    for orientation in (2, 5, 6):
        exif = Image.Exif()
        exif[0x0112] = orientation
        rgb.info["exif"] = exif.tobytes()
        f = io.BytesIO()
        rgb.save(f, "HEIF", quality=90, chroma=444)
        yield f"turned{orientation}.heic", f.getvalue()
    f = io.BytesIO()
    v = np.asarray(rgb).astype(np.uint16) * 257
    pillow_heif.from_bytes(mode="RGB;16", size=rgb.size, data=v.tobytes()).save(f, quality=90, chroma=444)
    ten = np.asarray(pillow_heif.open_heif(f, convert_hdr_to_8bit=False)) >> 6
    STORED["deep.heic"] = np.rint(ten * (65535 / 1023)).astype("<u2")
    yield "deep.heic", f.getvalue()


def frames(transparent):
    """Pictures that move, on an opaque ground or on none."""
    for i in range(4):
        image = Image.new("RGBA", (24, 18), (0, 0, 0, 0)) if transparent else scene(18, 24).convert("RGBA")
        image.paste((200, 60 * i, 50, 255), (2 * i, 3 * i, 2 * i + 9, 3 * i + 6))
        yield image if transparent else image.convert("RGB")


def several():
    """Files of several pages or frames that Pillow writes: name, first picture, options of save."""
    for name in ("pages.tif", "pages.mpo"):
        first, *others = (scene(18, 24).rotate(90 * i) for i in range(3))
        yield name, first, dict(save_all=True, append_images=others)
    for name, options in (("frames.png", {}), ("frames.webp", dict(lossless=True)), ("frames.gif", {})):
        first, *others = frames(False)
        yield name, first, dict(save_all=True, append_images=others, duration=[100, 200, 300, 50], **options)
    for disposal in (1, 2, 3):
        first, *others = frames(True)
        yield f"clear{disposal}.gif", first, dict(save_all=True, append_images=others, duration=70, disposal=disposal)
    for disposal in (0, 1):
        first, *others = frames(True)
        yield f"clear{disposal}.png", first, dict(save_all=True, append_images=others, duration=70, disposal=disposal, blend=1)


def saved():
    yield from several()
    """Files that Pillow writes: name, picture, options of save."""
    rgb, rgba, grey = scene(), with_alpha(scene()), scene().convert("L")
    yield "444.jpg", rgb, dict(quality=90, subsampling=0)
    yield "420.jpg", rgb, dict(quality=75, subsampling=2)
    yield "422.jpg", rgb, dict(quality=85, subsampling=1)
    yield "progressive.jpg", rgb, dict(quality=80, progressive=True)
    yield "grey.jpg", grey, dict(quality=85)
    yield "cmyk.jpg", rgb.convert("CMYK"), dict(quality=85)
    yield "restart.jpg", rgb, dict(quality=60, restart_marker_blocks=2)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"exif{orientation}.jpg", scene(9, 14), dict(quality=70, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "exif6.png", scene(9, 14), dict(exif=exif)
    yield "exif6.webp", scene(9, 14), dict(exif=exif, lossless=True)
    yield "exif6.tif", scene(9, 14), dict(exif=exif)
    yield "rgb.png", rgb, {}
    yield "rgba.png", rgba, {}
    yield "grey.png", grey, {}
    yield "greyalpha.png", rgba.convert("LA"), {}
    yield "palette.png", rgb.quantize(40), {}
    yield "palette4.png", rgb.quantize(13), dict(bits=4)
    yield "transparent.png", rgb.quantize(40), dict(transparency=bytes(range(0, 240, 6)))
    yield "onecolour.png", rgb, dict(transparency=rgb.getpixel((5, 5)))
    yield "bits.png", grey.convert("1"), {}
    yield "plain.gif", rgb.quantize(60), {}
    yield "transparent.gif", rgb.quantize(60), dict(transparency=7)
    yield "animated.gif", rgb.quantize(30), dict(save_all=True, append_images=[ImageOps.flip(rgb).quantize(30)])
    yield "rgb.bmp", rgb, {}
    yield "palette.bmp", rgb.quantize(40), {}
    yield "bits.bmp", grey.convert("1"), {}
    yield "rgb.tif", rgb, {}
    yield "lzw.tif", rgb, dict(compression="tiff_lzw")
    yield "deflate.tif", rgb, dict(compression="tiff_adobe_deflate", tiffinfo={317: 2})
    yield "packbits.tif", grey, dict(compression="packbits")
    yield "fax4.tif", grey.convert("1"), dict(compression="group4")
    yield "bits.tif", grey.convert("1"), {}
    yield "palette.tif", rgb.quantize(40), {}
    yield "rgba.tif", rgba, {}
    yield "cmyk.tif", rgb.convert("CMYK"), {}
    yield "big.tif", rgb, dict(big_tiff=True)
    yield "jpeg.tif", rgb, dict(compression="jpeg")
    yield "ycbcrjpeg.tif", rgb.convert("YCbCr"), dict(compression="jpeg")
    yield "lossy.webp", rgb, dict(quality=70)
    yield "lossless.webp", rgb, dict(lossless=True)
    yield "alpha.webp", rgba, dict(quality=70)
    yield "animated.webp", rgb, dict(save_all=True, append_images=[ImageOps.flip(rgb)], lossless=True)
    for sampling in ("4:2:0", "4:2:2", "4:4:4", "4:0:0"):
        for span in ("full", "limited"):
            yield f"{sampling.replace(':', '')}{span}.avif", scene(9, 14), dict(subsampling=sampling, range=span, quality=80)
    yield "lossless.jp2", rgb, dict(irreversible=False)
    yield "rle.tga", rgb, dict(compression="tga_rle")
    yield "rgb.pcx", rgb, {}
    yield "rgb.qoi", rgb, {}
    yield "rgb.ico", rgba.resize((24, 24)), dict(sizes=[(16, 16), (24, 24)], bitmap_format="bmp")


def pages(data):
    """The hash of each page or frame in RGB."""
    image = Image.open(io.BytesIO(data))
    for i in range(image.n_frames):
        image.seek(i)
        yield fnv(image.convert("RGB").tobytes())


def read(data):
    """As the reference processors read a file, but the page itself where a smaller copy comes before it. An animation is not
    turned, which would read its later frames."""
    image = Image.open(io.BytesIO(data))
    if image.format == "TIFF" and image.tag_v2.get(254) == 1:
        image.seek(1)
        return image
    return image if getattr(image, "is_animated", False) else ImageOps.exif_transpose(image)


def samples(name, data):
    """The samples [H, W, channels] of a file of more than 8 bits as u16 or f32; None: it has 8."""
    v = STORED.get(name)
    if v is None and name.endswith(".tif"):
        with tifffile.TiffFile(io.BytesIO(data)) as t:
            page = t.pages[0]
            if page.bitspersample < 16 and page.sampleformat == 1 or page.photometric in (3, 5, 6):
                return None
            v = page.asarray()
            v = v.transpose(1, 2, 0) if page.planarconfig == 2 else v
            v = v[..., :3] if v.ndim == 3 and page.extrasamples == (0,) else v
    if v is None:
        return None
    v = v[..., None] if v.ndim == 2 else v
    return v.astype("<u2" if v.dtype.kind == "u" and v.itemsize == 2 else "<f4")


def deep_case(case, v, data):
    """Adds to a case what v, its samples, become; returns its 8-bit RGB."""
    colours = v[..., [0, 0, 0]] if v.shape[-1] < 3 else v[..., :3]
    alpha = v[..., -1:].astype(float) if v.shape[-1] in (2, 4) else None
    if "extra1" in case["file"]:  # alpha is multiplied in
        colours = np.minimum(65535, 65535 * colours.astype(np.int64) // np.maximum(v[..., 3:].astype(np.int64), 1)) * (v[..., 3:] > 0)
        colours = colours.astype("<u2")
    case["type"], case["samples"] = ("u16" if v.itemsize == 2 else "f32"), fnv(np.ascontiguousarray(colours).tobytes())
    if v.itemsize == 4:
        inside = colours.min() >= 0 and colours.max() <= 1
        return np.rint(colours * np.float32(255)).astype(np.uint8) if inside else None
    if alpha is not None:
        below = np.array(BACKGROUND) * 257.0
        case["over"] = fnv(np.rint((colours * alpha + below * (65535 - alpha)) / 65535).astype("<u2").tobytes())
    high = (colours >> 8).astype(np.uint8)
    if v.shape[-1] >= 3 and "extra1" not in case["file"] and not case["file"].endswith((".pnm", ".heic")):
        assert (high == np.asarray(read(data).convert("RGB"))).all(), case["file"]
    return high


def pictures():
    out = HERE / "picture"
    out.mkdir(exist_ok=True)
    pillow_heif.register_heif_opener()
    files = {**dict(written()), **dict(heics())}
    for name, image, options in saved():
        f = io.BytesIO()
        image.save(f, {"pnm": "PPM", "jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}.get(name.split(".")[-1], name.split(".")[-1]), **options)
        files[name] = f.getvalue()
    for name, data in files.items():
        (out / name).write_bytes(data)
        v = samples(name, data)
        if v is not None:
            case = dict(file=name, h=v.shape[0], w=v.shape[1])
            eight = deep_case(case, v, data)
            if name == "stack.tif":
                case["pages"] = [fnv(np.repeat(page, 3).astype("<u2").tobytes()) for page in tifffile.imread(io.BytesIO(data))]
            yield case if eight is None else {**case, "fnv": fnv(eight.tobytes())}
            continue
        image = read(data)
        rgb = image.convert("RGB")
        case = dict(file=name, h=rgb.height, w=rgb.width, fnv=fnv(rgb.tobytes()))
        if name != "preview.tif" and (getattr(image, "n_frames", 1) > 1 or name.endswith(".mpo")):
            case["pages"] = list(pages(data))
        if name.endswith(".avif") or name == "420.heic":  # others round otherwise: the pixels themselves
            case["rgb"] = rgb.tobytes().hex()
        if name.startswith("nomask"):  # Pillow takes the end of the pixels for the mask: here nothing is transparent
            case["over"] = case["fnv"]
        elif "A" in image.mode or "transparency" in image.info:
            below = Image.new("RGBA", image.size, BACKGROUND)
            case["over"] = fnv(Image.alpha_composite(below, image.convert("RGBA")).convert("RGB").tobytes())
        yield case


def speech(rate, channels, seconds=0.05):
    """A voice-like sound: a gliding harmonic tone that swells, another in each channel."""
    t = np.arange(int(rate * seconds)) / rate
    f0 = 120 + 300 * t
    return np.stack([sum(np.sin(2 * np.pi * k * f0 * t + c) / (k + c) for k in range(1, 9)) * t * 2 for c in range(channels)], -1)


def sounds():
    out = HERE / "sound"
    out.mkdir(exist_ok=True)
    for name, rate, channels, options, tolerance in (
        ("mono16.wav", 16000, 1, dict(subtype="PCM_16"), 0),
        ("stereo16.wav", 16000, 2, dict(subtype="PCM_16"), 0),
        ("bytes.wav", 16000, 1, dict(subtype="PCM_U8"), 0),
        ("mono24.wav", 16000, 1, dict(subtype="PCM_24"), 0),
        ("float.wav", 16000, 1, dict(subtype="FLOAT"), 0),
        ("mulaw.wav", 16000, 1, dict(subtype="ULAW"), 0),
        ("six.wav", 16000, 6, dict(subtype="PCM_16"), 0),
        ("mono16.flac", 16000, 1, dict(subtype="PCM_16"), 0),
        ("mono8k.wav", 8000, 1, dict(subtype="PCM_16"), 1e-5),
        ("stereo8k.flac", 8000, 2, dict(subtype="PCM_16"), 1e-5),
        ("mono44k.flac", 44100, 1, dict(subtype="PCM_16"), 1e-5),
        ("stereo44k.wav", 44100, 2, dict(subtype="PCM_16"), 1e-5),
        ("mono22k.aiff", 22050, 1, dict(subtype="PCM_16"), 1e-5),
        ("mono48k.au", 48000, 1, dict(subtype="PCM_16"), 1e-5),
        # two decoders of a lossy codec: libvorbis there, libav here
        ("mono8k.ogg", 8000, 1, dict(format="OGG", subtype="VORBIS"), 1e-4),
        ("stereo44k.ogg", 44100, 2, dict(format="OGG", subtype="VORBIS"), 1e-4),
    ):
        x = speech(rate, channels)
        path = out / name
        soundfile.write(path, x / np.abs(x).max() * 0.8, rate, **options)
        x, rate = soundfile.read(path, dtype="float32", always_2d=True)
        want = x.mean(1)
        if rate != 16000:
            want = librosa.resample(want, orig_sr=rate, target_sr=16000, res_type="soxr_hq")
        picks = [[i, float(f"{want[i]:.9g}")] for i in range(0, len(want), 17)]
        yield dict(file=name, n=len(want), rate=rate, channels=channels, tolerance=tolerance, picks=picks)


def main():
    for folder, cases in (("picture", pictures), ("sound", sounds)):
        rows = ",\n".join(json.dumps(c) for c in cases())
        (HERE / folder / "cases.json").write_text(f"[\n{rows}\n]\n")


if __name__ == "__main__":
    main()

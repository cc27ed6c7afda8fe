#include "format/claim.h"

#include "format/sniff.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

/* ---- names ---- */

/* Extensions that are used for other things as often stay out: ts is TypeScript, hdr a header, cap a capture. */
static const struct {
    mm_claim claim;
    const char *extensions; /* each with a space on both sides */
} NAMES[] = {
    {MM_CLAIM_IMAGE,
     " jpg jpeg jpe jfif pjpeg png apng gif webp bmp dib tif tiff avif heic heif jp2 j2k j2c jpx jxl mng ico "
     "cur pbm pgm ppm pnm pam pfm tga pcx dds exr qoi sgi psd dcm dicom "},
    {MM_CLAIM_SOUND,
     " wav wave mp3 mp2 mpga ogg oga opus spx flac m4a m4b aac wma aif aiff aifc au caf amr wv ape tta mka w64 "
     "voc ac3 eac3 "},
    {MM_CLAIM_VIDEO, " mp4 m4v mov mkv webm avi mpg mpeg m2ts mts wmv asf flv ogv 3gp 3g2 mxf ivf y4m "},
    {MM_CLAIM_NUMBERS, " npy "},
    {MM_CLAIM_ARCHIVE,
     " zip tar gz tgz bz2 tbz tbz2 xz txz zst tzst lz4 lz lzma tlz 7z rar cpio iso cab lzh lha xar rpm whl jar "
     "epub npz zipx "},
    {MM_CLAIM_TEXT, " txt text md markdown caption transcript "},
};

enum { SVG };

/* Formats whose files are found beside media and that nothing here reads: their mark at the start of the file (or at
 * `at`), their extensions, and what can be done about them. Any text may begin with a mark of letters ("ORCHIDS"): it
 * counts there only when the format is itself text, or the name says so, too. */
static const struct {
    const char *name;
    mm_claim claim;
    bool is_text;
    uint16_t at, n;
    const char *magic;
    const char *extensions;
    const char *advice;
} UNREAD[] = {
#define MARK(at, literal) false, at, sizeof(literal) - 1, literal
#define TEXT(literal) true, 0, sizeof(literal) - 1, literal
    [SVG] = {"SVG", MM_CLAIM_DOCUMENT, MARK(0, ""), " svg svgz ", "rsvg-convert draws it as PNG"},
    {"Parquet", MM_CLAIM_TABLE, MARK(0, "PAR1"), " parquet ", "DuckDB or pyarrow write it as CSV or JSON lines"},
    {"Arrow", MM_CLAIM_TABLE, MARK(0, "ARROW1"), " arrow feather ", "pyarrow writes it as CSV or JSON lines"},
    {"Feather", MM_CLAIM_TABLE, MARK(0, "FEA1"), "", "pyarrow writes it as CSV or JSON lines"},
    {"ORC", MM_CLAIM_TABLE, MARK(0, "ORC"), " orc ", "pyarrow writes it as CSV or JSON lines"},
    {"Avro", MM_CLAIM_TABLE, MARK(0, "Obj\1"), " avro ", "DuckDB writes it as CSV or JSON lines"},
    {"HDF5", MM_CLAIM_TABLE, MARK(0, "\x89HDF\r\n\x1a\n"), " h5 hdf5 ", "h5py and numpy.save write its arrays as NPY"},
    {"MATLAB", MM_CLAIM_TABLE, MARK(0, "MATLAB "), " mat ", "scipy.io and numpy.save write its arrays as NPY"},
    {"SQLite", MM_CLAIM_TABLE, MARK(0, "SQLite format 3"), " sqlite sqlite3 ", "sqlite3 -csv writes a table as CSV"},
    {"TFRecord", MM_CLAIM_TABLE, MARK(0, ""), " tfrecord tfrecords ", "TensorFlow writes its examples as files"},
    {"NIfTI", MM_CLAIM_NUMBERS, MARK(344, "n+1"), " nii ", "nibabel and numpy.save write it as NPY"},
    {"NRRD", MM_CLAIM_NUMBERS, TEXT("NRRD000"), " nrrd nhdr ", "pynrrd and numpy.save write it as NPY"},
    {"MetaImage", MM_CLAIM_NUMBERS, TEXT("ObjectType = Image"), " mha mhd ",
     "SimpleITK and numpy.save write it as NPY"},
    {"XCF", MM_CLAIM_IMAGE, MARK(0, "gimp xcf "), " xcf ", "GIMP exports it as PNG"},
    {"DjVu", MM_CLAIM_IMAGE, MARK(0, "AT&TFORM"), " djvu djv ", "ddjvu writes its pages as TIFF"},
    {"JPEG XR", MM_CLAIM_IMAGE, MARK(0, "II\xbc\1"), " jxr wdp hdp ", "JxrDecApp writes it as TIFF"},
    {"BPG", MM_CLAIM_IMAGE, MARK(0, "BPG\xfb"), " bpg ", "bpgdec writes it as PNG"},
    {"FLIF", MM_CLAIM_IMAGE, MARK(0, "FLIF"), " flif ", "flif -d writes it as PNG"},
    {"MIDI", MM_CLAIM_SOUND, MARK(0, "MThd"), " mid midi ", "it holds notes, no sound: fluidsynth plays it into a WAV"},
    {"PDF", MM_CLAIM_DOCUMENT, TEXT("%PDF-"), " pdf ", "pdftotext writes its text, pdftoppm its pages as pictures"},
    {"PostScript", MM_CLAIM_DOCUMENT, TEXT("%!PS"), " ps eps ", "Ghostscript draws it as PNG"},
    {"RTF", MM_CLAIM_DOCUMENT, TEXT("{\\rtf"), " rtf ", "LibreOffice writes it as text"},
    {"an old Office document", MM_CLAIM_DOCUMENT, MARK(0, ""), " doc xls ppt ", "LibreOffice writes it as text or CSV"},
    {"Flash", MM_CLAIM_DOCUMENT, MARK(0, ""), " swf ", "it is a program, not a video"},
#undef MARK
#undef TEXT
};
enum { UNREAD_FORMATS = sizeof UNREAD / sizeof *UNREAD };

/* Whether the list has the word, without regard to case. */
static bool has_word(const char *list, mm_str word)
{
    for (const char *p = list; word.n && (p = strpbrk(p, " ")) && p[1]; p++)
        if (strncasecmp(p + 1, word.p, word.n) == 0 && p[1 + word.n] == ' ')
            return true;
    return false;
}

mm_claim mm_name_claims(mm_str path)
{
    mm_str x = mm_name_extension(path);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (has_word(NAMES[i].extensions, x))
            return NAMES[i].claim == MM_CLAIM_TEXT && !mm_name_is_text(path, false) ? MM_CLAIM_NOTHING : NAMES[i].claim;
    for (size_t i = 0; i < UNREAD_FORMATS; i++)
        if (has_word(UNREAD[i].extensions, x))
            return UNREAD[i].claim;
    return MM_CLAIM_NOTHING;
}

/* ---- volumes ---- */

/* Whether x is `letter` and two digits: r00, z01. */
static bool is_numbered(mm_str x, char letter)
{
    return x.n == 3 && tolower((uint8_t)x.p[0]) == letter && isdigit((uint8_t)x.p[1]) && isdigit((uint8_t)x.p[2]);
}

/* What split(1) and 7z append to a name: 001, aa. */
static bool is_split(mm_str x)
{
    if (x.n < 2 || x.n > 4)
        return false;
    bool digits = true, letters = true;
    for (size_t i = 0; i < x.n; i++) {
        digits &= isdigit((uint8_t)x.p[i]) != 0;
        letters &= islower((uint8_t)x.p[i]) != 0;
    }
    return (digits && x.n > 2) || (letters && x.n == 2 && x.p[0] == 'a');
}

bool mm_volume_advice(mm_str path, char *out, size_t size)
{
    mm_str x = mm_name_extension(path), stem = {path.p, x.n ? path.n - x.n - 1 : path.n};
    mm_str inner = mm_name_extension(stem), base = stem;
    for (size_t i = stem.n; i > 0 && base.n == stem.n; i--)
        if (stem.p[i - 1] == '/')
            base = (mm_str){stem.p + i, stem.n - i};
    int n = base.n > 60 ? 60 : (int)base.n;
    *out = 0;
    if (is_split(x) && mm_name_claims(stem) == MM_CLAIM_ARCHIVE)
        snprintf(out, size, "; a volume of a set: join them first (cat %.*s.* > %.*s)", n, base.p, n, base.p);
    else if (is_numbered(x, 'z'))
        snprintf(out, size, "; a volume of a set: zip -s 0 %.*s.zip --out whole.zip joins them", n, base.p);
    else if (is_numbered(x, 'r') || (has_word(" rar ", x) && inner.n > 4 && strncasecmp(inner.p, "part", 4) == 0))
        snprintf(out, size, "; a volume of a set: unrar x, or 7z x, of the first of them unpacks it");
    return *out;
}

/* ---- formats that are not read ---- */

static bool starts(const uint8_t *p, size_t n, const char *z)
{
    size_t k = strlen(z);
    return n >= k && strncasecmp((const char *)p, z, k) == 0;
}

/* XML, whose first element SVG's is, as far as the head shows it. */
static bool is_svg(const uint8_t *p, size_t n)
{
    return (starts(p, n, "<?xml") || starts(p, n, "<!DOCTYPE svg") || starts(p, n, "<svg") || starts(p, n, "<!--")) &&
           memmem(p, n, "<svg", 4);
}

/* Whether the bytes bear format i's mark and may be of it. */
static bool is_marked(int i, const uint8_t *p, size_t n, mm_str extension)
{
    size_t at = UNREAD[i].at;
    return n >= at + UNREAD[i].n && memcmp(p + at, UNREAD[i].magic, UNREAD[i].n) == 0 &&
           (UNREAD[i].is_text || has_word(UNREAD[i].extensions, extension) ||
            mm_sniff_bytes(p, n, MM_STR("")) != MM_SNIFF_TEXT);
}

int mm_unread_format(const uint8_t *p, size_t n, mm_str path)
{
    mm_str x = mm_name_extension(path);
    for (int i = 0; i < UNREAD_FORMATS; i++)
        if (UNREAD[i].n ? is_marked(i, p, n, x) : has_word(UNREAD[i].extensions, x))
            return i;
    return is_svg(p, n) ? SVG : -1;
}

const char *mm_unread_name(int format)
{
    return UNREAD[format].name;
}

const char *mm_unread_advice(int format)
{
    return UNREAD[format].advice;
}

/* ---- what bytes are, in words ---- */

static bool all_zero(const mm_blob *b, const uint8_t *head, size_t n)
{
    uint8_t more[MM_SNIFF_HEAD];
    for (int64_t at = 0, got = (int64_t)n; got > 0; at += got, got = mm_blob_read(b, at, more, sizeof more)) {
        const uint8_t *p = at ? more : head;
        if (p[0] || (got > 1 && memcmp(p, p + 1, (size_t)got - 1) != 0))
            return false;
    }
    return n > 0;
}

/* Where in the head a medium begins that something else was put in front of; 0: nowhere. */
static size_t late_start(const uint8_t *p, size_t n, const char **what)
{
    static const struct {
        const char *magic, *what;
    } STARTS[] = {{"\xff\xd8\xff", "a JPEG picture"},
                  {"\x89PNG\r\n\x1a\n", "a PNG picture"},
                  {"GIF89a", "a GIF picture"},
                  {"RIFF", "a RIFF file (WAV, AVI, WebP)"},
                  {"fLaC", "a FLAC sound"},
                  {"OggS", "an Ogg sound"},
                  {"ID3", "an MP3 sound"},
                  {"PK\3\4", "a zip archive"},
                  {"\x1f\x8b\x08", "a gzip stream"}};
    size_t best = 0;
    for (size_t i = 0; i < sizeof STARTS / sizeof *STARTS; i++) {
        const uint8_t *at = memmem(p, n, STARTS[i].magic, strlen(STARTS[i].magic));
        if (at && at > p && (!best || (size_t)(at - p) < best)) {
            best = (size_t)(at - p);
            *what = STARTS[i].what;
        }
    }
    return best;
}

/* Of bytes that are text. */
static const char *written(const uint8_t *p, size_t n)
{
    if (starts(p, n, "\xef\xbb\xbf"))
        p += 3, n -= 3;
    while (n && isspace(*p))
        p++, n--;
    if (starts(p, n, "version https://git-lfs.github.com/"))
        return "a Git LFS pointer (git lfs pull fetches the file)";
    if (starts(p, n, "<!doctype html") || starts(p, n, "<html") || starts(p, n, "<head") || starts(p, n, "<body"))
        return "HTML";
    if (starts(p, n, "<?xml"))
        return "XML";
    return n && (*p == '{' || *p == '[') ? "text (JSON)" : "text";
}

static void describe(char *out, size_t size, const mm_blob *b, const uint8_t *p, size_t n)
{
    const char *what = NULL;
    size_t late;
    int unread = mm_unread_format(p, n, MM_STR(""));
    if (unread >= 0)
        snprintf(out, size, "%s, which is not read", UNREAD[unread].name);
    else if (all_zero(b, p, n))
        snprintf(out, size, "zeros only");
    else if (mm_sniff_bytes(p, n, MM_STR("")) == MM_SNIFF_TEXT)
        snprintf(out, size, "%s", written(p, n));
    else if (mm_sniff_is_program(p, n))
        snprintf(out, size, "a program");
    else if ((late = late_start(p, n, &what)))
        snprintf(out, size, "%zu %s in front of %s", late, late == 1 ? "byte" : "bytes", what);
    else
        snprintf(out, size, "no such data");
}

/* ---- judgement ---- */

static bool asked_for(mm_claim claim, const mm_decode_opts *o)
{
    switch (claim) {
    case MM_CLAIM_IMAGE: return o->image;
    case MM_CLAIM_SOUND: return o->audio;
    case MM_CLAIM_VIDEO: return o->image || o->audio;
    case MM_CLAIM_TEXT: return o->text;
    case MM_CLAIM_NUMBERS: return o->as || (o->image && o->audio && o->text);
    case MM_CLAIM_ARCHIVE: return true;
    case MM_CLAIM_TABLE: return o->as || o->column || o->lines;
    default: return false;
    }
}

/* AppleDouble: macOS writes it beside a file, under the file's name with "._" in front. */
static bool is_sidecar(const uint8_t *p, size_t n)
{
    return n >= 4 && memcmp(p, "\0\5\x16\7", 4) == 0;
}

mm_status mm_claim_judge(const mm_blob *b, const mm_decode_opts *o, mm_sniff is, const uint8_t *p, size_t n,
                         mm_fault *f)
{
    char what[120];
    int unread = mm_unread_format(p, n, b->path);
    mm_claim claim = mm_name_claims(b->path);
    if (unread >= 0 && (claim == MM_CLAIM_NOTHING || claim == UNREAD[unread].claim) &&
        (b->named || asked_for(UNREAD[unread].claim, o)))
        return mm_fault_set(f, "unsupported", "%s is not read: %s", UNREAD[unread].name, UNREAD[unread].advice);
    if (is_sidecar(p, n) || !asked_for(claim, o) || claim == MM_CLAIM_TABLE ||
        (is == MM_SNIFF_TEXT && claim == MM_CLAIM_TEXT))
        return MM_OK;
    mm_str x = mm_name_extension(b->path);
    describe(what, sizeof what, b, p, n);
    return mm_fault_set(f, "corrupt", "named .%.*s, but holds %s", (int)(x.n > 16 ? 16 : x.n), x.p, what);
}

/* ---- what is passed over ---- */

mm_passed mm_why_passed(const mm_blob *b, int *format)
{
    uint8_t head[MM_SNIFF_HEAD];
    int64_t n = mm_blob_read(b, 0, head, sizeof head);
    *format = n > 0 ? mm_unread_format(head, (size_t)n, b->path) : -1;
    mm_sniff is = n > 0 ? mm_sniff_bytes(head, (size_t)n, b->path) : MM_SNIFF_NONE;
    if (*format >= 0)
        return MM_PASSED_UNREAD;
    if (n == 0)
        return MM_PASSED_EMPTY;
    if (is == MM_SNIFF_TEXT)
        return mm_name_is_about(b->path) ? MM_PASSED_ABOUT : MM_PASSED_TEXT;
    return is == MM_SNIFF_NONE ? MM_PASSED_FOREIGN : MM_PASSED_UNASKED;
}

const char *mm_passed_text(mm_passed why)
{
    static const char *const TEXT[MM_PASSED_REASONS] = {
        [MM_PASSED_UNREAD] = "a format that is not read",
        [MM_PASSED_TEXT] = "a text that is not named .txt or the like: --lines or --column takes it",
        [MM_PASSED_EMPTY] = "empty",
        [MM_PASSED_ABOUT] = "a text about the files beside it, such as a README or LICENSE: as an operand it is read",
        [MM_PASSED_UNASKED] = "left out by --only",
        [MM_PASSED_FOREIGN] = "no medium that is known",
    };
    return TEXT[why];
}

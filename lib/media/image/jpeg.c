/* JPEG through libjpeg-turbo, with the settings that Pillow uses: accurate integer DCT, smooth chroma upsampling. */
#include "media/image/mpo.h"
#include "media/image/picture.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

typedef struct {
    struct jpeg_decompress_struct c;
    struct jpeg_error_mgr err;
    struct jpeg_source_mgr src;
    jmp_buf fail;
    char text[JMSG_LENGTH_MAX];
    bool ran_out; /* libjpeg wanted more bytes than there are */
    bool starved; /* … and filled missing blocks in */
    bool damaged;
    const mm_log *log;
    struct jpeg_progress_mgr progress;
} reader;

enum { MAX_SCANS = 500 }; /* real encoders write about ten; each costs a pass over the whole picture */

static reader *reader_of(j_common_ptr c)
{
    return c->client_data;
}

static void on_error(j_common_ptr c)
{
    reader *r = reader_of(c);
    c->err->format_message(c, r->text);
    longjmp(r->fail, 1);
}

static void on_message(j_common_ptr c, int level)
{
    reader *r = reader_of(c);
    if (level >= 0) /* traces */
        return;
    r->damaged = true;
    if (c->err->msg_code == JWRN_HIT_MARKER && r->ran_out)
        r->starved = true;
    char text[JMSG_LENGTH_MAX];
    c->err->format_message(c, text);
    mm_say(r->log, MM_LOG_DEBUG, "jpeg: %s", text);
}

static void output_nothing(j_common_ptr c)
{
    (void)c;
}

static void on_progress(j_common_ptr c)
{
    if (((j_decompress_ptr)c)->input_scan_number <= MAX_SCANS)
        return;
    reader *r = reader_of(c);
    snprintf(r->text, sizeof r->text, "more than %d scans", (int)MAX_SCANS);
    longjmp(r->fail, 1);
}

static void source_nothing(j_decompress_ptr c)
{
    (void)c;
}

/* All bytes are there from the start, so a request for more means that they end too early. An end-of-image marker lets
 * libjpeg finish; whether pixels are missing is checked afterwards. */
static boolean source_fill(j_decompress_ptr c)
{
    static const JOCTET end[2] = {0xff, JPEG_EOI};
    reader_of((j_common_ptr)c)->ran_out = true;
    c->src->next_input_byte = end;
    c->src->bytes_in_buffer = sizeof end;
    return TRUE;
}

static void source_skip(j_decompress_ptr c, long n)
{
    if (n <= 0)
        return;
    if ((size_t)n > c->src->bytes_in_buffer) {
        source_fill(c);
        return;
    }
    c->src->next_input_byte += n;
    c->src->bytes_in_buffer -= (size_t)n;
}

static void reader_begin(reader *r, mm_bytes in)
{
    r->c.err = jpeg_std_error(&r->err);
    r->err.error_exit = on_error;
    r->err.emit_message = on_message;
    r->err.output_message = output_nothing;
    r->c.client_data = r;
    jpeg_create_decompress(&r->c);
    r->progress.progress_monitor = on_progress;
    r->c.progress = &r->progress;
    r->src = (struct jpeg_source_mgr){.next_input_byte = in.p,
                                      .bytes_in_buffer = in.n,
                                      .init_source = source_nothing,
                                      .fill_input_buffer = source_fill,
                                      .skip_input_data = source_skip,
                                      .resync_to_restart = jpeg_resync_to_restart,
                                      .term_source = source_nothing};
    r->c.src = &r->src;
}

static void read_app1(const struct jpeg_decompress_struct *c, mm_exif *x)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
    for (jpeg_saved_marker_ptr m = c->marker_list; m; m = m->next)
        if (m->data_length > 6 && !memcmp(m->data, "Exif\0\0", 6))
            mm_exif_parse(x, m->data, m->data_length);
    for (jpeg_saved_marker_ptr m = c->marker_list; m; m = m->next)
        if (m->data_length > sizeof xmp && !memcmp(m->data, xmp, sizeof xmp))
            mm_exif_parse_xmp(x, m->data + sizeof xmp, m->data_length - sizeof xmp);
}

static mm_status read_rows(reader *r, mm_picture *p, mm_arena *a, mm_fault *f)
{
    size_t stride = (size_t)p->width * 3;
    uint8_t *row = NULL;
    if (r->c.out_color_space == JCS_CMYK && !(row = mm_arena_alloc(a, (size_t)p->width * 4)))
        return mm_fault_memory(f);
    while (r->c.output_scanline < r->c.output_height) {
        uint8_t *out = p->px + r->c.output_scanline * stride;
        JSAMPROW to[1] = {row ? row : out};
        if (jpeg_read_scanlines(&r->c, to, 1) != 1)
            return mm_fault_set(f, "corrupt", "JPEG decoding stopped at row %u", r->c.output_scanline);
        if (row)
            mm_picture_cmyk(out, row, (size_t)p->width); /* stored inverted, as Adobe does and every reader assumes */
    }
    return MM_OK;
}

/* A progressive picture needs every scan; of the others only the end marker may be missing. */
static mm_status check_end(const reader *r, mm_fault *f)
{
    if (r->starved || (r->ran_out && r->c.progressive_mode))
        return mm_fault_set(f, "truncated", "the JPEG data ends before the picture is complete");
    return MM_OK;
}

static const char *failure_code(const reader *r)
{
    int code = r->err.msg_code;
    if (code == JERR_BAD_PRECISION || code == JERR_SOF_UNSUPPORTED || code == JERR_CONVERSION_NOTIMPL)
        return "unsupported";
    return r->ran_out ? "truncated" : "corrupt";
}

static mm_status read_all(reader *r, mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    if (setjmp(r->fail))
        return mm_fault_set(f, failure_code(r), "JPEG: %s", r->text);
    reader_begin(r, in);
    jpeg_save_markers(&r->c, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&r->c, TRUE);
    if (mm_picture_allowed(r->c.image_width, r->c.image_height, l, f) != MM_OK)
        return MM_SKIP;
    read_app1(&r->c, &p->exif);
    bool four = r->c.num_components == 4;
    r->c.out_color_space = four ? JCS_CMYK : JCS_RGB;
    r->c.dct_method = JDCT_ISLOW;
    r->c.do_fancy_upsampling = TRUE;
    jpeg_start_decompress(&r->c);
    p->height = r->c.output_height;
    p->width = r->c.output_width;
    p->channels = 3;
    mm_status s = mm_picture_alloc(p, a, f);
    if (s == MM_OK)
        s = read_rows(r, p, a, f);
    return s == MM_OK ? check_end(r, f) : s;
}

static mm_status read_jpeg(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    *p = (mm_picture){.format = "jpeg", .depth = 8};
    reader *r = mm_arena_zalloc(a, 1, sizeof *r);
    if (!r)
        return mm_fault_memory(f);
    r->log = l->log;
    mm_status s = read_all(r, p, in, l, a, f);
    jpeg_destroy_decompress(&r->c);
    p->damaged = r->damaged;
    return s;
}

static mm_status read_first(mm_picture *p, mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_fault *f)
{
    mm_bytes view[MM_MPO_MOST];
    mm_status s = read_jpeg(p, in, l, a, f);
    p->pages = (int64_t)mm_mpo_views(view, in);
    return s;
}

static mm_status read_views(mm_bytes in, const mm_picture_limits *l, mm_arena *a, mm_page_put put, void *ctx,
                            mm_fault *f)
{
    mm_bytes view[MM_MPO_MOST];
    size_t n = mm_mpo_views(view, in);
    mm_status worst = MM_OK;
    for (size_t i = 0; worst != MM_FATAL && i < n; i++) {
        mm_picture p;
        mm_fault why = {0};
        mm_status s = read_jpeg(&p, view[i], l, a, &why);
        p.pages = (int64_t)n;
        p.page = (int64_t)i;
        if (s == MM_OK)
            s = put(ctx, &p, &why);
        worst = mm_pages_worst(worst, s, f, &why);
    }
    return worst;
}

const mm_picture_reader mm_reader_jpeg = {.read = read_first, .pages = read_views};

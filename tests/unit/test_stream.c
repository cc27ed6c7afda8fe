/* Records read from, and written as, the streams that msgpack and msgpack_numpy wrote (make_stream.py). */
#include "stream_util.h"

static mm_record parsed(mm_buf *b, mm_arena *a)
{
    mm_record rec;
    mm_err e;
    size_t used;
    assert_int_equal(mm_record_parse(b->p, b->n, &used, a, &rec, &e), MM_OK);
    assert_int_equal(used, b->n);
    return rec;
}

#define assert_str(s, text) assert_true(mm_str_is(s, text))

static void every_field(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_buf b = golden("full.mm");
    mm_record rec = parsed(&b, &a);
    assert_int_equal(rec.kind, MM_KIND_FEATURE);
    assert_str(rec.kind_name, "feature");
    assert_str(rec.key, "a/b.c/photo.v2");
    assert_str(rec.src, "shard.tar!a/b.c/photo.v2.jpg");
    assert_int_equal(rec.part, 3);
    assert_true(rec.has_time && rec.time[0] == 0.5 && rec.time[1] == 2.25);
    assert_true(rec.has_tensor && !rec.text.p);
    assert_int_equal(rec.rate, 16000);
    assert_str(rec.prep, "p:1234");
    assert_true(rec.has_grid && rec.grid.prefix == 1 && rec.grid.rows == 2 && rec.grid.cols == 3 &&
                rec.grid.frames == 7 && rec.grid.step == 0.02);
    assert_str(rec.of, "audio");
    assert_str(rec.space, "whisper-base@0011/l6/mean");
    const msgpack_object *dog = mm_map_get(&rec.label, "dog");
    assert_true(dog && dog->type == MSGPACK_OBJECT_FLOAT64 && dog->via.f64 == 0.25);
    assert_str(rec.error.stage, "decode");
    assert_str(rec.error.code, "truncated");
    assert_str(rec.error.text, "photo.jpg: JPEG data ends early");
    assert_non_null(mm_map_get(mm_map_get(&rec.meta, "deep"), "a"));
    assert_null(mm_map_get(&rec.meta, "absent"));
    assert_non_null(mm_map_get(&rec.others, "zz"));
    assert_str(mm_object_as_str(mm_map_get(&rec.others, "a new one")), "kept");
    char text[128];
    assert_string_equal(mm_shape_text(&rec.tensor.s, text, sizeof text), "f32[2,3]");
    const float *v = mm_tensor_f32(&a, &rec.tensor);
    for (int i = 0; i < 6; i++)
        assert_true(v[i] == (float)i / 4);
    mm_arena_free(&a);
    mm_buf_free(&b);
}

/* Packing what was read gives Python's bytes back, from the raw bytes as well as from the fields. */
static void same_bytes(const char *name)
{
    mm_buf in = golden(name), out = {0};
    mm_err e;
    for (int from_fields = 0; from_fields < 2; from_fields++) {
        out.n = 0;
        for (size_t at = 0, used; at < in.n; at += used) {
            mm_arena a = {0};
            mm_record rec;
            assert_int_equal(mm_record_parse(in.p + at, in.n - at, &used, &a, &rec, &e), MM_OK);
            assert_int_equal(rec.raw.n, used);
            if (from_fields)
                rec.raw = (mm_str){0};
            assert_int_equal(mm_record_serialise(&rec, &out, &e), MM_OK);
            mm_arena_free(&a);
        }
        assert_int_equal(out.n, in.n);
        assert_memory_equal(out.p, in.p, in.n);
    }
    mm_buf_free(&in);
    mm_buf_free(&out);
}

static void python_bytes(void **state)
{
    (void)state;
    same_bytes("full.mm");
    same_bytes("kinds.mm");
}

static void every_type(void **state)
{
    (void)state;
    mm_buf in = golden("types.mm");
    mm_err e;
    int n = 0;
    for (size_t at = 0, used; at < in.n; at += used, n++) {
        mm_arena a = {0};
        mm_record rec;
        assert_int_equal(mm_record_parse(in.p + at, in.n - at, &used, &a, &rec, &e), MM_OK);
        const float *v = mm_tensor_f32(&a, &rec.tensor);
        if (rec.tensor.s.rank == 0)
            assert_true(v[0] == 2.5f);
        else if (mm_str_is(rec.key, "empty"))
            assert_int_equal(mm_shape_bytes(&rec.tensor.s), 0);
        else
            for (int i = 0; i < 5; i++)
                assert_true(v[i] == (float)(rec.tensor.s.type == MM_BOOL ? i % 2 : i));
        mm_arena_free(&a);
    }
    assert_int_equal(n, 27);
    mm_buf_free(&in);
}

static void changed_record(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_err e;
    mm_buf b = golden("full.mm"), out = {0};
    mm_record rec = parsed(&b, &a);
    assert_int_equal(mm_meta_put_int(&rec, &a, "width", -5, &e), MM_OK);
    assert_null(rec.raw.p);
    assert_int_equal(mm_meta_put_str(&rec, &a, "language", MM_STR("de"), &e), MM_OK);
    assert_int_equal(mm_meta_put_float(&rec, &a, "language", 0.5, &e), MM_OK); /* replaces */
    assert_int_equal(mm_meta_put_bool(&rec, &a, "truncated", true, &e), MM_OK);
    assert_int_equal(mm_record_serialise(&rec, &out, &e), MM_OK);
    mm_record again = parsed(&out, &a);
    assert_int_equal(again.meta.via.map.size, 6);
    assert_int_equal(mm_map_get(&again.meta, "width")->via.i64, -5);
    assert_true(mm_map_get(&again.meta, "language")->via.f64 == 0.5);
    assert_true(mm_map_get(&again.meta, "truncated")->via.boolean);
    assert_non_null(mm_map_get(&again.meta, "deep"));
    assert_int_equal(again.others.via.map.size, 2); /* unknown fields are still there */
    mm_arena_free(&a);
    mm_buf_free(&b);
    mm_buf_free(&out);
}

static void to_error(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_err e;
    mm_buf b = golden("full.mm"), out = {0};
    mm_record rec = parsed(&b, &a);
    mm_err small;
    mm_fail(&small, MM_SKIP, "too small");
    assert_int_equal(mm_record_to_error(&rec, &a, "encode", "shape", &small, &e), MM_OK);
    assert_int_equal(mm_record_serialise(&rec, &out, &e), MM_OK);
    mm_record again = parsed(&out, &a);
    assert_int_equal(again.kind, MM_KIND_ERROR);
    assert_str(again.key, "a/b.c/photo.v2");
    assert_int_equal(again.part, 3);
    assert_true(again.has_time && !again.has_tensor && !again.has_grid && !again.space.p);
    assert_str(again.error.code, "shape");
    mm_arena_free(&a);
    mm_buf_free(&b);
    mm_buf_free(&out);
}

static void kind_names(void **state)
{
    (void)state;
    for (int k = 0; k < MM_KIND_OTHER; k++)
        assert_int_equal(mm_kind_of(mm_str_of(mm_kind_name((mm_kind)k))), k);
    assert_int_equal(mm_kind_of(MM_STR("hologram")), MM_KIND_OTHER);
    assert_int_equal(mm_kind_of((mm_str){0}), MM_KIND_OTHER);
}

/* {"mm": 1, "kind": kind, "key": "k"} and, unless type is 0, "data": 3 bytes as bin (0xc4) or str (0xa3). */
static mm_status parse_with_data(const char *kind, uint8_t type, mm_record *rec, mm_buf *bytes, mm_arena *a)
{
    uint8_t head[] = {0x83,    0xa2, 'm', 'm', 1,   0xa4, 'k', 'i',  'n', 'd', 0xa4, kind[0], kind[1], kind[2],
                      kind[3], 0xa3, 'k', 'e', 'y', 0xa1, 'k', 0xa4, 'd', 'a', 't',  'a',     type,    3};
    mm_err e;
    size_t used, n = type ? sizeof head - (type == 0xa3) : sizeof head - 7;
    head[0] += type != 0;
    bytes->n = 0;
    assert_int_equal(mm_buf_append(bytes, head, n, &e), MM_OK);
    if (type)
        assert_int_equal(mm_buf_append(bytes, "a\0b", 3, &e), MM_OK);
    mm_status s = mm_record_parse(bytes->p, bytes->n, &used, a, rec, &e);
    assert_int_equal(used, bytes->n);
    return s;
}

static void files_and_marks(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_err e;
    mm_buf in = {0}, out = {0};
    mm_record rec;
    assert_int_equal(parse_with_data("file", 0xc4, &rec, &in, &a), MM_OK);
    assert_int_equal(rec.kind, MM_KIND_FILE);
    assert_true(rec.bytes.n == 3 && !memcmp(rec.bytes.p, "a\0b", 3) && !rec.has_tensor && !rec.text.p);
    rec.raw = (mm_str){0};
    assert_int_equal(mm_record_serialise(&rec, &out, &e), MM_OK);
    assert_true(out.n == in.n && !memcmp(out.p, in.p, in.n));
    assert_int_equal(parse_with_data("file", 0xa3, &rec, &in, &a), MM_SKIP);
    assert_int_equal(rec.kind, MM_KIND_ERROR);
    assert_str(rec.key, "k");
    assert_int_equal(parse_with_data("file", 0, &rec, &in, &a), MM_SKIP);
    assert_int_equal(parse_with_data("mark", 0, &rec, &in, &a), MM_OK);
    assert_int_equal(rec.kind, MM_KIND_MARK);
    assert_int_equal(parse_with_data("mark", 0xc4, &rec, &in, &a), MM_SKIP);
    assert_int_equal(parse_with_data("text", 0xc4, &rec, &in, &a), MM_SKIP);
    assert_int_equal(parse_with_data("beep", 0xc4, &rec, &in, &a), MM_OK);
    mm_arena_free(&a);
    mm_buf_free(&in);
    mm_buf_free(&out);
}

/* ---- through descriptors ---- */

typedef struct {
    int fd;
    const mm_buf *bytes;
    size_t piece;
} feeder;

static void *feed(void *ctx)
{
    feeder *f = ctx;
    for (size_t at = 0; at < f->bytes->n; at += f->piece) {
        size_t n = f->bytes->n - at < f->piece ? f->bytes->n - at : f->piece;
        if (write(f->fd, f->bytes->p + at, n) != (ssize_t)n)
            break;
    }
    close(f->fd);
    return NULL;
}

/* Records of 0 to 3 MB, so that some lie in the reader's window, some grow out of it, some end beyond it. */
static mm_buf sizes(void)
{
    static const int64_t side[] = {1, 100, 8, 290, 291, 1000, 3, 296, 2, 999, 10};
    mm_buf b = {0};
    mm_err e;
    uint8_t *pixels = calloc(3000000, 1);
    for (size_t i = 0; i < sizeof side / sizeof *side; i++) {
        mm_record rec = mm_record_new(MM_KIND_IMAGE);
        int64_t dim[] = {side[i], side[i], 3};
        assert_int_equal(mm_shape_make(&rec.tensor.s, MM_U8, 3, dim, &e), MM_OK);
        for (size_t j = 0; j < mm_shape_bytes(&rec.tensor.s); j++)
            pixels[j] = (uint8_t)(i + j * 31);
        rec.tensor.data = pixels;
        rec.has_tensor = true;
        rec.part = (int64_t)i;
        rec.meta = (msgpack_object){.type = MSGPACK_OBJECT_MAP}; /* a field behind the payload */
        assert_int_equal(mm_record_serialise(&rec, &b, &e), MM_OK);
    }
    free(pixels);
    return b;
}

static void hop(const mm_buf *in, size_t piece, bool from_fields)
{
    int p[2], out = memfd_create("out", 0);
    assert_int_equal(pipe(p), 0);
    pthread_t thread;
    feeder f = {p[1], in, piece};
    pthread_create(&thread, NULL, feed, &f);
    mm_reader *r;
    mm_writer *w;
    mm_arena a = {0};
    mm_record rec;
    mm_err e;
    mm_status s;
    assert_int_equal(mm_reader_new(&r, p[0], "pipe", &e), MM_OK);
    assert_int_equal(mm_writer_new(&w, out, &e), MM_OK);
    while ((s = mm_reader_next(r, &a, &rec, &e)) == MM_OK) {
        if (from_fields)
            rec.raw = (mm_str){0};
        mm_writer_put(w, &rec);
        mm_arena_reset(&a);
    }
    assert_int_equal(s, MM_EOF);
    assert_int_equal(mm_reader_offset(r), in->n);
    assert_int_equal(mm_writer_close(w, NULL, &e), MM_OK);
    pthread_join(thread, NULL);
    assert_int_equal(lseek(out, 0, SEEK_END), in->n);
    uint8_t *got = mmap(NULL, in->n, PROT_READ, MAP_PRIVATE, out, 0);
    assert_memory_equal(got, in->p, in->n);
    munmap(got, in->n);
    mm_reader_free(r);
    mm_arena_free(&a);
    close(p[0]);
    close(out);
}

static void hops(void **state)
{
    (void)state;
    mm_buf in = sizes();
    hop(&in, in.n, false);
    hop(&in, in.n, true);
    hop(&in, 65536, false);
    hop(&in, 4099, true);
    mm_buf_free(&in);
    in = golden("kinds.mm");
    hop(&in, 1, false);
    hop(&in, 7, true);
    mm_buf_free(&in);
}

/* A record outlives the next read when its arena does. */
static void records_outlive_reads(void **state)
{
    (void)state;
    mm_buf in = sizes();
    mm_reader *r;
    mm_arena a[11] = {0};
    mm_record rec[11];
    mm_err e;
    mm_buf out = {0};
    int fd = bytes_fd(in.p, in.n);
    assert_int_equal(mm_reader_new(&r, fd, "in.mm", &e), MM_OK);
    for (int i = 0; i < 11; i++)
        assert_int_equal(mm_reader_next(r, &a[i], &rec[i], &e), MM_OK);
    mm_reader_free(r);
    for (int i = 0; i < 11; i++) {
        rec[i].raw = (mm_str){0};
        assert_int_equal(mm_record_serialise(&rec[i], &out, &e), MM_OK);
        mm_arena_free(&a[i]);
    }
    assert_int_equal(out.n, in.n);
    assert_memory_equal(out.p, in.p, in.n);
    close(fd);
    mm_buf_free(&in);
    mm_buf_free(&out);
}

/* Writes the next piece when the reader is about to wait for it; the pipe is closed after the last. */
typedef struct {
    int fd, waits;
    const mm_buf *in;
    size_t at, piece;
} on_demand;

static void next_piece(void *ctx)
{
    on_demand *d = ctx;
    size_t left = d->in->n - d->at, n = d->piece < left ? d->piece : left;
    d->waits++;
    if (n)
        assert_int_equal(write(d->fd, d->in->p + d->at, n), n);
    else
        close(d->fd);
    d->at += n;
}

/* No byte comes but when the reader says that it waits, also inside a record: it never waits in silence. */
static void every_wait_is_announced(void **state)
{
    (void)state;
    mm_buf in = sizes();
    static const size_t pieces[] = {1 << 16, 60001, 777};
    for (int i = 0; i < 3; i++) {
        int p[2];
        mm_reader *r;
        mm_arena a = {0};
        mm_record rec;
        mm_err e;
        mm_status s;
        assert_int_equal(pipe(p), 0);
        on_demand d = {.fd = p[1], .in = &in, .piece = pieces[i]};
        assert_int_equal(mm_reader_new(&r, p[0], "pipe", &e), MM_OK);
        mm_reader_on_wait(r, next_piece, &d);
        while ((s = mm_reader_next(r, &a, &rec, &e)) == MM_OK)
            mm_arena_reset(&a);
        assert_int_equal(s, MM_EOF);
        assert_int_equal(mm_reader_offset(r), in.n);
        assert_int_equal(d.waits, (in.n + pieces[i] - 1) / pieces[i] + 1);
        mm_reader_free(r);
        mm_arena_free(&a);
        close(p[0]);
    }
    mm_buf_free(&in);
}

static void writer_failures(void **state)
{
    (void)state;
    mm_writer *w;
    mm_err e;
    bool was_pipe;
    mm_buf b = golden("full.mm");
    int p[2], full = open("/dev/full", O_WRONLY);
    assert_int_equal(pipe(p), 0);
    close(p[0]);
    assert_int_equal(mm_writer_new(&w, p[1], &e), MM_OK);
    mm_writer_put_raw(w, b.p, b.n);
    mm_writer_flush(w);
    assert_true(mm_writer_failed(w));
    mm_writer_put_raw(w, b.p, b.n); /* ignored */
    assert_int_equal(mm_writer_close(w, &was_pipe, &e), MM_FATAL);
    assert_true(was_pipe);
    close(p[1]);
    assert_int_equal(mm_writer_new(&w, full, &e), MM_OK);
    mm_writer_put_raw(w, b.p, b.n);
    assert_int_equal(mm_writer_close(w, &was_pipe, &e), MM_FATAL);
    assert_false(was_pipe);
    assert_non_null(strstr(e.text, "No space left"));
    close(full);
    mm_buf_free(&b);
}

static void unwritable_record(void **state)
{
    (void)state;
    mm_writer *w;
    mm_err e;
    int fd = memfd_create("out", 0);
    mm_record rec = mm_record_new(MM_KIND_FEATURE);
    rec.key = MM_STR("k");
    assert_int_equal(mm_shape_make(&rec.tensor.s, MM_BF16, 1, (int64_t[]){2}, &e), MM_OK);
    rec.tensor.data = "abcd";
    rec.has_tensor = true;
    assert_int_equal(mm_writer_new(&w, fd, &e), MM_OK);
    mm_writer_put(w, &rec);
    assert_int_equal(mm_writer_close(w, NULL, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "bf16"));
    assert_int_equal(lseek(fd, 0, SEEK_END), 0); /* not a byte of it */
    close(fd);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field),
        cmocka_unit_test(python_bytes),
        cmocka_unit_test(every_type),
        cmocka_unit_test(changed_record),
        cmocka_unit_test(to_error),
        cmocka_unit_test(kind_names),
        cmocka_unit_test(files_and_marks),
        cmocka_unit_test(hops),
        cmocka_unit_test(records_outlive_reads),
        cmocka_unit_test(every_wait_is_announced),
        cmocka_unit_test(writer_failures),
        cmocka_unit_test(unwritable_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

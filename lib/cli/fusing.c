#include "cli/fusing.h"

#include "base/clock.h"
#include "cli/read_ahead.h"

#include <math.h>
#include <string.h>

static const double TICK = 0.01; /* seconds */

int mm_fusing_streams(mm_run *r)
{
    if (r->n_operands > MM_MAX_STREAMS)
        mm_usage(r, "at most %d streams can be joined", MM_MAX_STREAMS);
    return mm_read_ahead_streams(r);
}

/* The next record of stream s, or its end. */
static void take(mm_run *r, mm_fuser *f, mm_read_ahead *in, int s)
{
    mm_record rec;
    mm_err e;
    double came;
    if (mm_read_ahead_take(in, s, &rec, &came) != MM_OK) {
        mm_must(r, mm_fuser_end(f, s, &e), &e);
        return;
    }
    if (rec.kind == MM_KIND_ERROR)
        mm_run_worsen(r, 1);
    mm_must(r, mm_fuser_take(f, s, &rec, came, &e), &e);
    mm_progress(r, r->done, 0);
}

/* While some streams are asleep the others may never pause: the clock closes windows and keys all the same. */
static void tick(mm_run *r, mm_fuser *f, mm_read_ahead *in, uint64_t *asleep, double *due)
{
    mm_err e;
    double now = mm_seconds();
    *asleep &= ~mm_read_ahead_settle_all(in);
    mm_fuser_sleep(f, *asleep);
    if (!*asleep || now < *due)
        return;
    mm_must(r, mm_fuser_tick(f, now, ~*asleep, &e), &e);
    *due = now + TICK;
}

/* Nothing more can be read of the streams that are wanted: what is complete is written, and they are waited for; until
 * windows close meanwhile, or a record of another stream has waited for them for `lateness` seconds. Then they are
 * added to *asleep. */
static void rest(mm_run *r, mm_fuser *f, mm_read_ahead *in, uint64_t wanted, double lateness, uint64_t *asleep)
{
    mm_err e;
    mm_must(r, mm_fuser_idle(f, &e), &e);
    uint64_t ready = mm_read_ahead_settle_all(in);
    int other = mm_fuser_next_stream(f, ~ready);
    double closing = mm_fuser_deadline(f, ready);
    double patience = other >= 0 ? mm_read_ahead_came(in, other) + lateness : INFINITY;
    mm_read_ahead_wait(in, other >= 0 ? wanted : wanted | ~ready, fmin(closing, patience));
    ready = mm_read_ahead_settle_all(in);
    if (ready & wanted)
        return;
    double now = mm_seconds();
    if (now >= closing)
        mm_must(r, mm_fuser_tick(f, now, ready, &e), &e);
    if (now >= patience)
        *asleep |= wanted;
}

void mm_fusing_say_mixed(mm_run *r, int64_t samples, const char *example)
{
    if (samples)
        mm_warn(r,
                "samples that are made of several sources of one modality: %lld, such as %s; if these are different "
                "things, see Keys in mm-decode(1)",
                (long long)samples, example);
}

void mm_fusing_failed(mm_run *r, const char *with, const mm_record *error, const mm_err *why)
{
    mm_str text = mm_str_of(why->text), key = error->key;
    if (text.n > key.n + 2 && memcmp(text.p, key.p, key.n) == 0 && memcmp(text.p + key.n, ": ", 2) == 0)
        text = (mm_str){text.p + key.n + 2, text.n - key.n - 2};
    if (!mm_item_failed_in(r, mm_str_of(with), key, text, why->hint))
        mm_die(r, "stopped at the first failure (--strict)");
}

static void say_what_was_joined(mm_run *r, const mm_fuser *f)
{
    mm_err e;
    mm_fuser_tally t = mm_fuser_counts(f);
    mm_status s = mm_fuser_check(f, &e);
    if (s != MM_OK)
        r->done &&s == MM_SKIP ? mm_say_hint(&r->log, MM_LOG_WARN, e.hint, "%s", e.text) : mm_die_of(r, &e);
    if (!t.taken && t.passed)
        mm_warn(r, "no record of the input was %s",
                mm_fuser_takes_labels(f)
                    ? "a label record: mm-label --format stream and mm-fuse -m HEAD --label make them"
                    : "a feature: mm-encode-image, mm-encode-text and mm-encode-audio make them");
    if (t.samples)
        mm_say(&r->log, MM_LOG_INFO, "%lld records joined into %lld samples", (long long)t.records,
               (long long)t.samples);
    if (t.split)
        mm_warn(
            r,
            "samples that were not put together, since the records of a key do not follow one another in the stream: "
            "%lld; give each modality as a stream of its own, and they are joined",
            (long long)t.split);
    if (t.late) {
        mm_warn(r, "records that came after a window of theirs was closed: %lld", (long long)t.late);
        mm_run_worsen(r, 1);
    }
    mm_fusing_say_mixed(r, t.mixed, t.mixed_example ? t.mixed_example : "");
}

void mm_fusing_run(mm_run *r, mm_fuser *f, size_t memory, double lateness)
{
    mm_read_ahead *in = mm_read_ahead_open(r, memory);
    uint64_t asleep = 0;
    double due = 0;
    for (int s; (s = mm_fuser_next_stream(f, asleep)) >= 0 || asleep;) {
        uint64_t wanted = s >= 0 ? (uint64_t)1 << s : asleep;
        if (s >= 0 && mm_read_ahead_settle(in, s))
            take(r, f, in, s);
        else
            rest(r, f, in, wanted | asleep, lateness, &asleep);
        if (asleep)
            tick(r, f, in, &asleep, &due);
    }
    mm_read_ahead_close(in);
    mm_in_require(r);
    say_what_was_joined(r, f);
}

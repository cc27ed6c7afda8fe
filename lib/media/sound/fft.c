/* fft.c: a mixed-radix Fourier transform in Stockham's self-sorting order (van Loan 1992, §1.7), with butterflies for
 * 2, 3, 4 and 5 (Whisper's 400 real samples are 200 = 4·2·5·5 complex ones), and a real signal taken as a complex one
 * of half the length. */
#include "media/sound/fft.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

static inline double complex number(double re, double im)
{
    return __builtin_complex(re, im); /* CMPLX, which glibc has for gcc alone */
}

mm_status mm_fft_plan(mm_fft *f, int n, mm_arena *a, mm_err *e)
{
    *f = (mm_fft){.n = n};
    int rest = n >= 2 && n <= 65536 && n % 2 == 0 ? n / 2 : 0;
    static const int radices[] = {4, 2, 3, 5};
    for (int i = 0; i < 4 && rest; i++)
        for (; rest % radices[i] == 0; rest /= radices[i])
            f->factor[f->factors++] = radices[i];
    if (rest != 1)
        return mm_fail(e, MM_SKIP,
                       "no Fourier transform of length %d: an even product of twos, threes and fives is needed", n);
    double complex *turn = mm_arena_zalloc(a, (size_t)n, sizeof *turn);
    if (!turn)
        return mm_fail_memory(e);
    for (int k = 0; k < n; k++)
        turn[k] = number(cos(2 * PI * k / n), -sin(2 * PI * k / n));
    f->turn = turn;
    return MM_OK;
}

static inline double complex times_minus_i(double complex z)
{
    return number(cimag(z), -creal(z));
}

/* Without the C standard's care for infinities. */
static inline double complex times(double complex a, double complex b)
{
    return number(creal(a) * creal(b) - cimag(a) * cimag(b), creal(a) * cimag(b) + cimag(a) * creal(b));
}

/* One step of a Stockham pass: the r numbers x[k·from] are transformed, turned by w[j] and stored at y[j·to]. */
typedef struct {
    const double complex *x;
    double complex *y;
    int from, to;
    const double complex *w; /* [r], w[0] = 1 */
} step;

static inline void butterfly2(step s)
{
    double complex a = s.x[0], b = s.x[s.from];
    s.y[0] = a + b;
    s.y[s.to] = times(a - b, s.w[1]);
}

static inline void butterfly3(step s)
{
    static const double half_root3 = 0.86602540378443864676;
    double complex a = s.x[0], b = s.x[s.from], c = s.x[2 * s.from], sum = b + c;
    double complex even = a - 0.5 * sum, odd = half_root3 * times_minus_i(b - c);
    s.y[0] = a + sum;
    s.y[s.to] = times(even + odd, s.w[1]);
    s.y[2 * s.to] = times(even - odd, s.w[2]);
}

static inline void butterfly4(step s)
{
    double complex a = s.x[0], b = s.x[s.from], c = s.x[2 * s.from], d = s.x[3 * s.from];
    double complex sum = a + c, difference = a - c, sum2 = b + d, turned = times_minus_i(b - d);
    s.y[0] = sum + sum2;
    s.y[s.to] = times(difference + turned, s.w[1]);
    s.y[2 * s.to] = times(sum - sum2, s.w[2]);
    s.y[3 * s.to] = times(difference - turned, s.w[3]);
}

static inline void butterfly5(step s)
{
    static const double c1 = 0.30901699437494742410, c2 = -0.80901699437494742410; /* cos 2π/5, cos 4π/5 */
    static const double s1 = 0.95105651629515357212, s2 = 0.58778525229247312917;  /* sin 2π/5, sin 4π/5 */
    double complex a = s.x[0], b = s.x[s.from], c = s.x[2 * s.from], d = s.x[3 * s.from], f = s.x[4 * s.from];
    double complex bf = b + f, cd = c + d, b_f = times_minus_i(b - f), c_d = times_minus_i(c - d);
    double complex even1 = a + c1 * bf + c2 * cd, even2 = a + c2 * bf + c1 * cd;
    double complex odd1 = s1 * b_f + s2 * c_d, odd2 = s2 * b_f - s1 * c_d;
    s.y[0] = a + bf + cd;
    s.y[s.to] = times(even1 + odd1, s.w[1]);
    s.y[2 * s.to] = times(even2 + odd2, s.w[2]);
    s.y[3 * s.to] = times(even2 - odd2, s.w[3]);
    s.y[4 * s.to] = times(even1 - odd1, s.w[4]);
}

/* One pass: `rest` is the length still to be transformed, `done` the number of such transforms that are interleaved. */
static void pass(const mm_fft *f, int r, int rest, int done, const double complex *x, double complex *y)
{
    int m = rest / r, unit = f->n / rest;
    for (int p = 0; p < m; p++) {
        double complex w[5];
        for (int j = 0; j < r; j++)
            w[j] = f->turn[p * j * unit];
        for (int q = 0; q < done; q++) {
            step s = {x + q + done * p, y + q + done * r * p, done * m, done, w};
            switch (r) {
            case 2: butterfly2(s); break;
            case 3: butterfly3(s); break;
            case 4: butterfly4(s); break;
            default: butterfly5(s);
            }
        }
    }
}

/* With z[k] = x[2k] + i x[2k+1] and Z its transform, X[k] = E + exp(−2πi k/n) O, where E = (Z[k] + Z*[h−k]) / 2 and
 * O = −i (Z[k] − Z*[h−k]) / 2 are the transforms of the even and the odd samples. */
void mm_fft_power(const mm_fft *f, const double *x, double *power, double complex *scratch)
{
    int h = f->n / 2, rest = h, done = 1;
    double complex *from = scratch, *to = scratch + h;
    for (int k = 0; k < h; k++)
        from[k] = number(x[2 * k], x[2 * k + 1]);
    for (int i = 0; i < f->factors; i++) {
        pass(f, f->factor[i], rest, done, from, to);
        rest /= f->factor[i];
        done *= f->factor[i];
        double complex *swap = from;
        from = to;
        to = swap;
    }
    for (int k = 0; k <= h; k++) {
        double complex z = from[k % h], mirrored = conj(from[(h - k) % h]);
        double complex even = 0.5 * (z + mirrored), odd = 0.5 * times_minus_i(z - mirrored);
        double complex s = even + times(f->turn[k], odd);
        power[k] = creal(s) * creal(s) + cimag(s) * cimag(s);
    }
}

/* vec_math.h: exp, erf-GELU, tanh and the other activations on vectors, to about one part in 10^7.
 * The polynomials were fitted for this project by iteratively reweighted least squares; the error bound of each
 * stands beside it. */

/* e^x. x = n ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite's two-part ln 2), e^r = 1 + r + r² Q(r), relative error
 * of the polynomial 3e-9. exp(0) is exactly 1 and anything below -87 is exactly 0: masked keys of an attention
 * leave no trace. */
static inline vf v_exp(vf x)
{
    const vf magic = v_set(0x1.8p23f); /* adding it rounds to an integer, in the low bits */
    vi vanishes = x < v_set(-87.0f);
    vf top = v_set(88.0f);
    x = v_select(x > top, top, x);
    vf shifted = v_fma(x, v_set(0x1.715476p0f), magic), n = shifted - magic;
    vf r = v_fma(n, v_set(-0x1.62e400p-1f), x);
    r = v_fma(n, v_set(-0x1.7f7d1cp-20f), r);
    vf q = v_fma(r, v_set(0.00138131424f), v_set(0.00836941972f));
    q = v_fma(q, r, v_set(0.041668456f));
    q = v_fma(q, r, v_set(0.166665152f));
    q = v_fma(q, r, v_set(0.49999994f));
    vf e = v_fma(q, r * r, r) + 1.0f;
    vf power = (vf)(((vu)shifted + 127) << 23); /* the bits of magic's own mantissa are shifted out */
    return (vf)((vi)(e * power) & ~vanishes);
}

/* x Φ(x). Φ(-a) = exp(-a²/2) R(1/(1 + 0.3 a)) for a = |x| (the form of Abramowitz & Stegun 7.1.26 with eight
 * terms, relative error 5e-8), used on the side that does not cancel. */
static inline vf v_gelu(vf x)
{
    vf a = v_abs(x), t = v_recip(v_fma(v_min(a, v_set(1e10f)), v_set(0.3f), v_set(1.0f)));
    vf p = v_fma(t, v_set(0.0375356562f), v_set(-0.165019378f));
    p = v_fma(p, t, v_set(0.219970644f));
    p = v_fma(p, t, v_set(-0.0664018616f));
    p = v_fma(p, t, v_set(0.135419667f));
    p = v_fma(p, t, v_set(0.0977841541f));
    p = v_fma(p, t, v_set(0.121105649f));
    p = v_fma(p, t, v_set(0.119605497f));
    vf tail = p * t * v_exp(a * a * -0.5f);
    return x * v_select(x < v_set(0.0f), tail, 1.0f - tail);
}

/* The same to 4e-5, in a third of the time, for what is rounded to bf16 or quantised next: Φ(x) = 1/2 + x P(x²) with x
 * cut off at ±4.4. */
static inline vf v_gelu_rough(vf x)
{
    vf z = v_max(v_min(x, v_set(4.4f)), v_set(-4.4f)), u = z * z;
    vf p = v_fma(u, v_set(3.572494e-11f), v_set(-3.756509e-9f));
    p = v_fma(p, u, v_set(1.741663e-7f));
    p = v_fma(p, u, v_set(-4.726311e-6f));
    p = v_fma(p, u, v_set(8.430768e-5f));
    p = v_fma(p, u, v_set(-0.0010550782f));
    p = v_fma(p, u, v_set(0.0096433f));
    p = v_fma(p, u, v_set(-0.06607684f));
    p = v_fma(p, u, v_set(0.3987618f));
    return x * v_fma(p, z, v_set(0.5f));
}

/* x / (1 + e^(-s)) */
static inline vf v_gated(vf x, vf s)
{
    return x * v_recip(1.0f + v_exp(-s));
}

/* x (1 + tanh(u)) / 2 = x / (1 + e^(-2u)), u = sqrt(2/π) (x + 0.044715 x³) */
static inline vf v_gelu_tanh(vf x)
{
    vf u2 = x * v_fma(x * x, v_set(2 * 0.7978845608f * 0.044715f), v_set(2 * 0.7978845608f));
    return v_gated(x, u2);
}

/* Near zero x P(x²) (relative error 6e-9), else 1 - 2 / (e^2|x| + 1). */
static inline vf v_tanh(vf x)
{
    vf a = v_abs(x), u = x * x;
    vf p = v_fma(u, v_set(-0.0054681669f), v_set(0.0204151031f));
    p = v_fma(p, u, v_set(-0.0536652543f));
    p = v_fma(p, u, v_set(0.133304149f));
    p = v_fma(p, u, v_set(-0.3333323f));
    vf near = v_fma(p * u, x, x);
    vf far = 1.0f - 2.0f * v_recip(v_exp(a + a) + 1.0f);
    far = (vf)((vi)far | ((vi)x & v_iset((int32_t)0x80000000u)));
    return v_select(a < v_set(0.625f), near, far);
}

static inline vf v_act(mm_act act, vf x)
{
    switch (act) {
    case MM_ACT_NONE: break;
    case MM_ACT_RELU: return v_max(x, v_set(0.0f));
    case MM_ACT_GELU: return v_gelu(x);
    case MM_ACT_GELU_TANH: return v_gelu_tanh(x);
    case MM_ACT_QUICK_GELU: return v_gated(x, x * 1.702f);
    case MM_ACT_SILU: return v_gated(x, x);
    case MM_ACT_TANH: return v_tanh(x);
    }
    return x;
}

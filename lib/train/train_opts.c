#include "train/train_opts.h"

mm_train_opts mm_train_defaults(void)
{
    return (mm_train_opts){.epochs = 30,
                           .batch = 64,
                           .accumulate = 1,
                           .lr = 1e-3f,
                           .weight_decay = 0.01f,
                           .clip = 1,
                           .warmup = 0.1f,
                           .patience = 10,
                           .seed = 1};
}

int mm_train_epochs(const mm_train_opts *o, const mm_fuse_method *method, int n_train)
{
    enum { LEAST = 30, WITH_LBFGS = 1000 };
    int64_t each = (int64_t)o->batch * o->accumulate, an_epoch = n_train > 0 ? (n_train + each - 1) / each : 1;
    int64_t updates = method->flat ? 2000 : 1000, epochs = (updates + an_epoch - 1) / an_epoch;
    return o->solver == MM_SOLVER_LBFGS ? WITH_LBFGS : epochs > LEAST ? (int)epochs : LEAST;
}

float mm_train_lr(const mm_fuse_method *method)
{
    return method->flat ? 1e-2f : 1e-3f;
}

/* pack_encoders.h: writes a packed model (model/packed_model.h): weights as a device lays them out. */
#ifndef MM_ENCODE_PACK_ENCODERS_H
#define MM_ENCODE_PACK_ENCODERS_H

#include "backend/backend.h"
#include "model/model.h"

/* Packs the weights of all of m's encoders in d's precision. */
mm_status mm_encoder_pack(mm_model *m, mm_dev *d, const char *dir, mm_err *e);

#endif

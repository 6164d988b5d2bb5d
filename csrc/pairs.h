/* The length-prefixed data fields of FIX 4.4: which length announces which data. */
#ifndef FIXENGINE_PAIRS_H
#define FIXENGINE_PAIRS_H

#include <stdint.h>

/* The tag of the data field that this length field announces, or 0. */
static inline int32_t pair_data_tag(int32_t length_tag)
{
    switch (length_tag) {
    case 93:
        return 89;
    case 90:
    case 95:
    case 212:
    case 348:
    case 350:
    case 352:
    case 354:
    case 356:
    case 358:
    case 360:
    case 362:
    case 364:
    case 445:
    case 618:
    case 621:
        return length_tag + 1;
    default:
        return 0;
    }
}

/* Whether tag is the data of a pair. */
static inline int pair_is_data(int32_t tag)
{
    return tag == 89 || (tag > 1 && tag != 94 && pair_data_tag(tag - 1) == tag);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Ownership spelled out. SCOPED(fn) frees a local when its scope ends, TAKE(p)
 * hands a pointer over and leaves NULL behind. A cleanup function takes the
 * address of the local and accepts NULL in it.
 */
#ifndef HEARBACK_COMMON_OWN_H
#define HEARBACK_COMMON_OWN_H

#include <stddef.h>

#define SCOPED(cleanup_fn) __attribute__((cleanup(cleanup_fn)))

/* Reads a pointer and nulls it: the marked hand-over of what it owns. */
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) take_ = (pointer);                                                     \
        (pointer) = NULL;                                                                          \
        take_;                                                                                     \
    })

/* Defines `name`, a cleanup function for locals of `type` (a pointer) freed by `fn`. */
#define SCOPED_FREE(name, type, fn)                                                                \
    static inline void name(type *local)                                                           \
    {                                                                                              \
        if (*local != NULL) {                                                                      \
            fn(*local);                                                                            \
        }                                                                                          \
        *local = NULL;                                                                             \
    }

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif

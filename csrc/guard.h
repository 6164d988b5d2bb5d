/* Memory that may not be read, told to AddressSanitizer; nothing in any other build.
 *
 * A framer's buffer is larger than what it has received, so a read too far would stay within the
 * allocation and go unseen. In a sanitizer build what lies further behind the received bytes than
 * the vector loops may look is closed, and opened again to be written. */
#ifndef FIXENGINE_GUARD_H
#define FIXENGINE_GUARD_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARD_ADDRESSES 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define GUARD_ADDRESSES 1
#endif

#ifdef GUARD_ADDRESSES
#include <sanitizer/asan_interface.h>
static inline void guard_close(const void *p, size_t n) { __asan_poison_memory_region(p, n); }
static inline void guard_open(const void *p, size_t n) { __asan_unpoison_memory_region(p, n); }
#else
static inline void guard_close(const void *p, size_t n) { (void)p, (void)n; }
static inline void guard_open(const void *p, size_t n) { (void)p, (void)n; }
#endif

#endif

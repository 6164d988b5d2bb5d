/* What the compiled ends and the relay of bench.round_trip share: the clock, and how they fail. */

#ifndef FIXENGINE_BENCH_PROCESS_H
#define FIXENGINE_BENCH_PROCESS_H

#include <openssl/err.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Say why on stderr and end with status 1. */
__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(1);
}

/* End for what OpenSSL says last. */
__attribute__((noreturn, unused)) static void fail_tls(const char *what)
{
    char text[256];
    ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
    fail("%s: %s", what, text);
}

/* The clock of all the processes of a machine; it is also the engine's. */
__attribute__((unused)) static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Tell the bench that this process stands; the text ends its line. */
static void say(const char *text)
{
    puts(text);
    fflush(stdout);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * librdkafka makes its threads and locks by <threads.h>, which gcc 12's thread
 * sanitizer does not know: a thread it has not seen made crashes in the first
 * allocation. Under that sanitizer the same functions are given here, by pthread,
 * for the whole program; otherwise there is nothing.
 */
#ifndef HEARBACK_TESTS_FAKES_C11_THREADS_H
#define HEARBACK_TESTS_FAKES_C11_THREADS_H

/* Call it once, from any program that uses librdkafka: that links the functions. */
void c11_threads_seen(void);

#endif

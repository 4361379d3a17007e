/* SPDX-License-Identifier: Apache-2.0
 *
 * The window of one partition. One thread; memory is eight bytes an open offset.
 */
#include "consumer/engine/window.h"

#include "common/mem.h"
#include "common/own.h"

void window_close(struct window *window)
{
    mem_free(TAKE(window->ring));
    *window = (struct window){.next = -1};
}

static int64_t *at(const struct window *window, size_t index)
{
    return &window->ring[(window->first + index) & (window->room - 1)];
}

static int64_t offset_of(int64_t entry)
{
    return entry < 0 ? ~entry : entry;
}

static void grow(struct window *window)
{
    size_t room = window->room == 0 ? 64 : window->room * 2;
    int64_t *ring = mem_must_array(room, sizeof(*ring));
    for (size_t i = 0; i < window->count; i++) {
        ring[i] = *at(window, i);
    }
    mem_free(window->ring);
    window->ring = ring;
    window->room = room;
    window->first = 0;
}

void window_open(struct window *window, int64_t offset)
{
    CHECK(offset >= 0 && (window->count == 0 || offset >= window->next));
    if (window->count == window->room) {
        grow(window);
    }
    window->count++;
    *at(window, window->count - 1) = offset;
    window->next = offset + 1;
}

void window_settle(struct window *window, int64_t offset)
{
    size_t low = 0;
    size_t high = window->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (offset_of(*at(window, middle)) < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    CHECK(low < window->count && *at(window, low) == offset); /* open, and settled once */
    *at(window, low) = ~offset;
    while (window->count > 0 && *at(window, 0) < 0) {
        window->first = (window->first + 1) & (window->room - 1);
        window->count--;
    }
}

void window_pass(struct window *window, int64_t offset)
{
    CHECK(offset >= 0 && (window->count == 0 || offset >= window->next));
    window->next = offset + 1;
}

int64_t window_low(const struct window *window)
{
    return window->count > 0 ? *at(window, 0) : window->next;
}

bool window_full(const struct window *window)
{
    return window->count > 0 && window->next - *at(window, 0) >= WINDOW_SPAN_MAX;
}

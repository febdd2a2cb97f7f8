/* The ring consumer on a ring in plain memory, written as the kernel would write it. */
#include "capture/live.h"
#include "capture/ring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 4096u
#define BUSY (1u << 31)
#define DISCARD (1u << 30)

struct fake {
	_Atomic uint64_t consumer, producer;
	uint8_t *data; /* exactly SIZE bytes: a read past them is found by the sanitizer */
	struct live_ring ring;
};

static int setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	f->data = aligned_alloc(8, SIZE);
	memset(f->data, 0xee, SIZE);
	assert_int_equal(ring_init(&f->ring, &f->consumer, &f->producer, f->data, SIZE), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fake *f = *state;

	ring_fini(&f->ring);
	free(f->data);
	free(f);
	return 0;
}

static void put_byte(struct fake *f, uint64_t at, uint8_t v)
{
	f->data[at & (SIZE - 1)] = v;
}

/* A record whose payload is an envelope with `size` and bytes that follow from `seed`. Returns its place. */
static uint64_t produce(struct fake *f, uint32_t len, uint8_t seed, uint32_t bits)
{
	uint64_t at = atomic_load(&f->producer);
	uint32_t head = len | bits;

	memcpy(f->data + (at & (SIZE - 1)), &head, sizeof(head));
	memset(f->data + (at & (SIZE - 1)) + 4, 0, 4);
	for (uint32_t i = 0; i < len; i++)
		put_byte(f, at + 8 + i, (uint8_t)(seed + i));
	atomic_store(&f->producer, (at + 8 + len + 7) & ~7ULL);
	return at;
}

static void expect(struct fake *f, uint32_t len, uint8_t seed)
{
	const struct evt_env *env;
	uint32_t size;

	assert_int_equal(live_ring_peek(&f->ring, &env, &size), 1);
	assert_int_equal(size, len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(((const uint8_t *)env)[i], (uint8_t)(seed + i));
}

static void ring_empty_gives_nothing(void **state)
{
	struct fake *f = *state;
	const struct evt_env *env;
	uint32_t size;

	assert_int_equal(live_ring_peek(&f->ring, &env, &size), 0);
	assert_int_equal(live_ring_used(&f->ring), 0);
}

static void ring_not_set_up_gives_nothing(void **state)
{
	struct live_ring none = { 0 };
	const struct evt_env *env;
	uint32_t size;

	(void)state;
	assert_int_equal(live_ring_peek(&none, &env, &size), 0);
	assert_int_equal(live_ring_used(&none), 0);
	live_ring_release(&none);
}

static void ring_peek_twice_shows_the_same_record(void **state)
{
	struct fake *f = *state;

	produce(f, 40, 1, 0);
	expect(f, 40, 1);
	expect(f, 40, 1);
	live_ring_next(&f->ring);
	live_ring_next(&f->ring); /* without a peek: no step */
	assert_int_equal(atomic_load(&f->consumer), 0);
	live_ring_release(&f->ring);
	assert_int_equal(atomic_load(&f->consumer), 48);
}

static void ring_busy_head_holds_what_is_behind(void **state)
{
	struct fake *f = *state;
	const struct evt_env *env;
	uint32_t size, head = 32;
	uint64_t at = produce(f, 32, 1, BUSY);

	produce(f, 32, 2, 0);
	assert_int_equal(live_ring_peek(&f->ring, &env, &size), -EBUSY);
	memcpy(f->data + at, &head, sizeof(head));
	expect(f, 32, 1);
	live_ring_next(&f->ring);
	expect(f, 32, 2);
}

static void ring_discarded_records_are_passed_over(void **state)
{
	struct fake *f = *state;

	produce(f, 32, 1, DISCARD);
	produce(f, 100, 2, DISCARD);
	produce(f, 24, 3, 0);
	expect(f, 24, 3);
	live_ring_next(&f->ring);
	live_ring_release(&f->ring);
	assert_int_equal(atomic_load(&f->consumer), atomic_load(&f->producer));
}

static void ring_discarded_last_record_gives_nothing(void **state)
{
	struct fake *f = *state;
	const struct evt_env *env;
	uint32_t size;

	produce(f, 32, 1, DISCARD);
	assert_int_equal(live_ring_peek(&f->ring, &env, &size), 0);
	live_ring_release(&f->ring);
	assert_int_equal(live_ring_used(&f->ring), 0);
}

static void ring_wrapping_record_is_put_together(void **state)
{
	struct fake *f = *state;
	const struct evt_env *first, *wrapped;
	uint32_t size;

	produce(f, SIZE - 8 - 64, 1, 0);
	expect(f, SIZE - 8 - 64, 1);
	live_ring_next(&f->ring);
	live_ring_release(&f->ring);
	produce(f, 24, 5, 0);  /* 32 bytes, 32 left before the end */
	produce(f, 200, 9, 0); /* its head fits, its bytes wrap */
	expect(f, 24, 5);
	live_ring_peek(&f->ring, &first, &size);
	live_ring_next(&f->ring);
	expect(f, 200, 9);
	live_ring_peek(&f->ring, &wrapped, &size);
	live_ring_next(&f->ring);
	/* Nothing was released: both are still there. */
	assert_int_equal(((const uint8_t *)first)[0], 5);
	assert_int_equal(((const uint8_t *)wrapped)[199], (uint8_t)(9 + 199));
	live_ring_release(&f->ring);
	assert_int_equal(live_ring_used(&f->ring), 0);
}

static void ring_head_at_the_very_end_reads_its_bytes_from_the_start(void **state)
{
	struct fake *f = *state;

	produce(f, SIZE - 8 - 8, 1, 0);
	expect(f, SIZE - 8 - 8, 1);
	live_ring_next(&f->ring);
	live_ring_release(&f->ring);
	produce(f, 48, 7, 0);
	expect(f, 48, 7);
}

static void ring_release_keeps_what_was_not_stepped_past(void **state)
{
	struct fake *f = *state;

	produce(f, 32, 1, 0);
	produce(f, 32, 2, 0);
	expect(f, 32, 1);
	live_ring_next(&f->ring);
	expect(f, 32, 2);
	live_ring_release(&f->ring);
	assert_int_equal(atomic_load(&f->consumer), 40);
	expect(f, 32, 2);
}

static void ring_length_beyond_the_producer_is_not_followed(void **state)
{
	struct fake *f = *state;
	const struct evt_env *env;
	uint32_t size, head = 5000;

	produce(f, 32, 1, 0);
	memcpy(f->data, &head, sizeof(head));
	assert_int_equal(live_ring_peek(&f->ring, &env, &size), 0);
	live_ring_release(&f->ring);
	assert_int_equal(live_ring_used(&f->ring), 0);
}

static void ring_record_shorter_than_an_envelope_is_passed_over(void **state)
{
	struct fake *f = *state;

	produce(f, 8, 1, 0);
	produce(f, 32, 2, 0);
	expect(f, 32, 2);
}

/* Many laps with lengths that hit every place of the end. */
static void ring_laps_give_every_record_once_in_order(void **state)
{
	struct fake *f = *state;
	uint32_t x = 12345;
	unsigned in = 0, out = 0;
	uint32_t len[64];

	while (out < 20000) {
		while (in - out < 64 && in < 20000) {
			uint32_t l = 24 + (x = x * 1103515245 + 12345) / 65536 % 300;

			if (live_ring_used(&f->ring) + l + 16 > SIZE)
				break;
			len[in % 64] = l;
			produce(f, l, (uint8_t)in, in % 7 == 3 ? DISCARD : 0);
			in++;
		}
		for (; out < in; out++) {
			if (out % 7 == 3)
				continue;
			expect(f, len[out % 64], (uint8_t)out);
			live_ring_next(&f->ring);
		}
		live_ring_release(&f->ring);
		if (in % 7 == 4) { /* the last one was discarded: only a peek finds out */
			const struct evt_env *env;
			uint32_t size;

			assert_int_equal(live_ring_peek(&f->ring, &env, &size), 0);
			live_ring_release(&f->ring);
		}
		assert_int_equal(live_ring_used(&f->ring), 0);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ring_empty_gives_nothing),
		T(ring_not_set_up_gives_nothing),
		T(ring_peek_twice_shows_the_same_record),
		T(ring_busy_head_holds_what_is_behind),
		T(ring_discarded_records_are_passed_over),
		T(ring_discarded_last_record_gives_nothing),
		T(ring_wrapping_record_is_put_together),
		T(ring_head_at_the_very_end_reads_its_bytes_from_the_start),
		T(ring_release_keeps_what_was_not_stepped_past),
		T(ring_length_beyond_the_producer_is_not_followed),
		T(ring_record_shorter_than_an_envelope_is_passed_over),
		T(ring_laps_give_every_record_once_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

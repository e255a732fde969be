#include "../../src/record.h"

#include "alloc.h"
#include "tap.h"

TEST(an_abort_is_known_by_its_whole_header)
{
	struct slice abort_record = SLICE("\1\2\0\7\0\0\0\0");

	CHECK(record_is_abort(abort_record));
	CHECK(!record_is_abort(slice_first(abort_record, 7)));
	CHECK(!record_is_abort(SLICE("\1\5\0\7\0\0\0\0")));
	CHECK(!record_is_abort(SLICE("\2\2\0\7\0\0\0\0")));
	CHECK(!record_is_abort((struct slice){0}));
}

static void begin(struct record *record, struct buf *out, unsigned id)
{
	buf_init(out, 1u << 20);
	*record = (struct record){.out = out, .id = id};
}

TEST(what_is_added_until_a_close_is_one_record)
{
	struct record record;
	struct buf out;

	begin(&record, &out, 0x1234);
	record_close(&record);
	CHECK(out.len == 0);
	record_add(&record, SLICE(""));
	record_close(&record);
	CHECK(out.len == 0);
	record_add(&record, SLICE("Hello "));
	record_add(&record, SLICE("there"));
	record_close(&record);
	record_close(&record);
	record_add(&record, SLICE("!"));
	record_close(&record);
	CHECK_SLICE(buf_slice(&out),
	    SLICE("\1\6\x12\x34\0\xb\0\0Hello there"
		  "\1\6\x12\x34\0\1\0\0!"));
	buf_free(&out);
}

TEST(the_end)
{
	struct record record;
	struct buf out;

	begin(&record, &out, 7);
	record_add(&record, SLICE("x"));
	record_end(&record);
	CHECK_SLICE(buf_slice(&out),
	    SLICE("\1\6\0\7\0\1\0\0x"
		  "\1\6\0\7\0\0\0\0"
		  "\1\3\0\7\0\x8\0\0\0\0\0\0\0\0\0\0"));
	buf_free(&out);
	begin(&record, &out, 7);
	record_end(&record);
	CHECK(out.len == 24);
	buf_free(&out);
}

/* Reads STDOUT records back; the number of them, or 0 if they are wrong. */
static size_t read_back(struct slice bytes, size_t *total)
{
	size_t records = 0;

	*total = 0;
	while (bytes.len >= 8) {
		const unsigned char *head = (const unsigned char *)bytes.ptr;
		size_t len = (size_t)head[4] << 8 | head[5];

		if (head[0] != 1 || head[1] != 6 || head[6] != 0 ||
		    bytes.len < 8 + len || len == 0)
			return 0;
		for (size_t i = 0; i < len; i++)
			if (head[8 + i] != (unsigned char)(*total + i))
				return 0;
		*total += len;
		records++;
		bytes = slice_skip(bytes, 8 + len);
	}
	return bytes.len == 0 ? records : 0;
}

static void check_length(const char *bytes, size_t len, size_t step)
{
	struct slice rest = {bytes, len};
	struct record record;
	struct buf out;
	size_t total;

	begin(&record, &out, 1);
	for (; rest.len > 0; rest = slice_skip(rest, step))
		record_add(&record, slice_first(rest, step));
	record_close(&record);
	CHECK(read_back(buf_slice(&out), &total) ==
	    (len + RECORD_MAX - 1) / RECORD_MAX);
	CHECK(total == len);
	buf_free(&out);
}

TEST(long_output_is_cut_into_as_few_records_as_possible)
{
	static char bytes[3 * RECORD_MAX + 1];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	for (size_t near = 0; near < 3; near++) {
		check_length(bytes, RECORD_MAX - 1 + near, SIZE_MAX);
		check_length(bytes, RECORD_MAX - 1 + near, 1);
		check_length(bytes, 2 * RECORD_MAX - 1 + near, 1000);
	}
	check_length(bytes, sizeof bytes, SIZE_MAX);
	check_length(bytes, sizeof bytes, RECORD_MAX);
}

TEST(a_full_buffer_spoils)
{
	struct record record;
	struct buf out;

	for (size_t ceiling = 0; ceiling < 40; ceiling++) {
		buf_init(&out, ceiling);
		record = (struct record){.out = &out, .id = 1};
		record_add(&record, SLICE("12345678"));
		record_close(&record);
		record_end(&record);
		CHECK(buf_status(&out) == STATUS_TOO_LARGE);
		CHECK(out.len <= ceiling);
		buf_free(&out);
	}
}

static enum status add_much(void)
{
	static const char bytes[5000];
	struct record record;
	struct buf out;
	enum status status;

	begin(&record, &out, 1);
	record_add(&record, SLICE("x"));
	record_add(&record, (struct slice){bytes, sizeof bytes});
	record_end(&record);
	status = buf_status(&out);
	buf_free(&out);
	return status;
}

TEST(no_memory_spoils)
{
	enum status status;
	size_t n;

	for (n = 0; alloc_fail_at(n), status = add_much(), alloc_failed(); n++)
		CHECK(status == STATUS_NO_MEMORY);
	CHECK(n > 1 && status == STATUS_OK);
}

int main(void)
{
	return tap_run();
}

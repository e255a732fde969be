/*
 * refusal: any error answer has a name that fits, a meaning and a wait that is
 * bounded.
 *
 * Header lines, and behind an empty one the body.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/http.h"
#include "../../src/refusal.h"
#include "../../src/retry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned statuses[] = {
	    400, 401, 402, 403, 404, 408, 409, 424, 429, 500, 503};
	struct slice all = {.ptr = (const char *)data, .len = size};
	size_t at = slice_find(all, SLICE("\n\n"));
	struct http_head head = {.lines = slice_first(all, at)};
	struct slice body = slice_skip(all, at + 2 < size ? at + 2 : size);
	struct refusal refusal = {.http = 0};
	struct retry_outcome outcome = {.now_s = 1767225600};
	struct retry_bucket bucket;
	struct retry retry;
	uint64_t wait_ms = 0;

	head.status = statuses[size % (sizeof statuses / sizeof statuses[0])];
	refusal_begin(&refusal, &head);
	while (body.len > 0) {
		refusal_add(&refusal, slice_first(body, 7));
		body = slice_skip(body, body.len < 7 ? body.len : 7);
	}
	refusal_end(&refusal, size % 2 == 0);
	if (strlen(refusal.type) >= sizeof refusal.type ||
	    refusal_advice(&refusal) == NULL ||
	    refusal_status(&refusal, true) == STATUS_OK)
		abort();
	refusal_fill(&refusal, &outcome);
	retry_bucket_init(&bucket);
	retry_init(&retry, &bucket, (struct slice){0});
	if (retry_again(&retry, &outcome, UINT32_MAX, &wait_ms) &&
	    wait_ms > 30000)
		abort();
	refusal_free(&refusal);
	return 0;
}

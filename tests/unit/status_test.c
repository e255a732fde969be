#include "../../src/status.h"

#include <ctype.h>

#include "tap.h"

static bool is_code(const char *code)
{
	if (*code == '\0')
		return false;
	for (; *code != '\0'; code++)
		if (!islower((unsigned char)*code) && *code != '_')
			return false;
	return true;
}

/* What would tell a client about AWS, memory or the source. */
static bool leaks(const char *words)
{
	static const char *const never[] = {"arn", "ARN", "AWS", "IAM",
	    "Bedrock", "curl", "errno", "http", "%", "/", "\\", "\"", "\n", "<",
	    "STATUS"};

	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		if (strstr(words, never[i]) != NULL)
			return true;
	return false;
}

TEST(every_row_is_complete)
{
	for (int i = 0; i < STATUS_COUNT; i++) {
		const struct status_row *row = status_row((enum status)i);
		size_t len;

		CHECK(row->code != NULL && row->words != NULL);
		if (row->code == NULL || row->words == NULL)
			continue;
		len = strlen(row->words);
		CHECK(is_code(row->code));
		CHECK(len >= 5 && len <= 130);
		CHECK(len > 0 && row->words[len - 1] == '.');
		CHECK(isupper((unsigned char)row->words[0]));
		CHECK(!leaks(row->words));
	}
}

TEST(a_client_is_told_of_failures_alone)
{
	for (int i = 0; i < STATUS_COUNT; i++) {
		unsigned http = status_row((enum status)i)->http;

		if (i <= STATUS_MORE)
			CHECK(http == 0);
		else
			CHECK(http >= 400 && http < 600);
	}
}

TEST(whose_fault_it_is)
{
	for (int i = STATUS_BAD_REQUEST; i < STATUS_COUNT; i++) {
		const struct status_row *row = status_row((enum status)i);

		CHECK((row->http < 500) == (i < STATUS_UPSTREAM_DENIED));
		/* A client's mistake need not wake an operator. */
		if (row->http < 500)
			CHECK(!row->operator_must_know);
	}
}

TEST(retry_after_is_for_what_may_be_retried)
{
	for (int i = 0; i < STATUS_COUNT; i++) {
		const struct status_row *row = status_row((enum status)i);

		if (row->retry_after_s > 0)
			CHECK(row->retryable &&
			    (row->http == 429 || row->http == 503));
		if (row->http == 429 || row->http == 503)
			CHECK(row->retry_after_s > 0);
		CHECK(row->retry_after_s <= 60);
	}
}

TEST(equal_codes_have_equal_http)
{
	for (int i = STATUS_BAD_REQUEST; i < STATUS_COUNT; i++) {
		const struct status_row *a = status_row((enum status)i);

		for (int j = i + 1; j < STATUS_COUNT; j++) {
			const struct status_row *b = status_row((enum status)j);

			if (strcmp(a->code, b->code) == 0)
				CHECK(a->http == b->http);
			CHECK(strcmp(a->words, b->words) != 0);
		}
	}
}

TEST(a_status_out_of_range_is_an_upstream_error)
{
	const struct status_row *row = status_row(STATUS_UPSTREAM_ERROR);

	CHECK(status_row(STATUS_COUNT) == row);
	CHECK(status_row((enum status)12345) == row);
}

TEST(every_http_status_has_a_phrase)
{
	for (int i = STATUS_BAD_REQUEST; i < STATUS_COUNT; i++)
		CHECK(strcmp(status_phrase(status_row((enum status)i)->http),
			  "Unknown") != 0);
	CHECK(strcmp(status_phrase(200), "OK") == 0);
	CHECK(strcmp(status_phrase(204), "No Content") == 0);
	CHECK(strcmp(status_phrase(418), "Unknown") == 0);
	CHECK(strcmp(status_phrase(0), "Unknown") == 0);
}

int main(void)
{
	return tap_run();
}

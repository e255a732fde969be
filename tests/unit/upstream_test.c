#include "upstream_play.h"

TEST(what_is_asked)
{
	begin();
	CHECK(start() == STATUS_OK && upstream != NULL);
	CHECK(transfer.agent == &agent && transfer.now_s == NOW_S);
	CHECK_SLICE(slice_from(transfer.session_id), SLICE("session-1"));
	CHECK_SLICE(slice_from(transfer.key_id), SLICE("AKIA1"));
	CHECK(transfer.authorization[0] == '\0' && transfer.api_key[0] == '\0');
	CHECK_SLICE(buf_slice(&transfer.body), SLICE("{\"prompt\":\"Hi\"}"));
	upstream_cancel(upstream);
	upstream = NULL;
	CHECK(transfer.cancelled == 1 && told.len == 0);
	finish();
}

TEST(an_answer)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream; charset=utf-8\n");
	CHECK(body("data: one\n\nda") == STATUS_OK);
	CHECK(body("ta: two\n\ndata: three") == STATUS_OK);
	end(STATUS_OK);
	check_told("began alive one alive two three ", STATUS_OK);
	CHECK(transfer.cancelled == 0 && transfer.count == 1);
	CHECK(kept[0] == '\0' && log_text[0] == '\0');
	finish();
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "content-type:application/json\n");
	CHECK(body("{\"a\":") == STATUS_OK && body("1}") == STATUS_OK);
	end(STATUS_OK);
	check_told("whole alive alive {\"a\":1} ", STATUS_OK);
	finish();
}

TEST(an_answer_that_breaks_off)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream\n");
	CHECK(body("data: one\n\ndata: tw") == STATUS_OK);
	end(STATUS_UPSTREAM_CUT);
	check_told("began alive one ", STATUS_UPSTREAM_CUT);
	CHECK(transfer.count == 1);
	finish();
}

TEST(an_answer_that_is_no_agents)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/html\n");
	CHECK(transfer.cancelled == 1 && logged("content type"));
	check_told("", STATUS_UPSTREAM_ERROR);
	finish();
}

static void check_class(unsigned http, enum status wanted)
{
	begin();
	max_attempts = "1";
	CHECK(start() == STATUS_OK);
	head(http, "Content-Type: text/event-stream\n");
	CHECK(body("data: words of the upstream\n\n") == STATUS_OK);
	end(STATUS_OK);
	check_told("", wanted);
	CHECK(log_last == LOG_DEBUG && logged("words of the upstream"));
	finish();
	/* A refusal that breaks off is the same refusal. */
	begin();
	max_attempts = "1";
	CHECK(start() == STATUS_OK);
	head(http, "");
	end(STATUS_UPSTREAM_CUT);
	check_told("", wanted);
	CHECK(transfer.count == 1);
	finish();
}

TEST(refusals)
{
	check_class(400, STATUS_UPSTREAM_ERROR);
	check_class(401, STATUS_UPSTREAM_DENIED);
	check_class(402, STATUS_UPSTREAM_THROTTLED);
	check_class(403, STATUS_UPSTREAM_DENIED);
	check_class(404, STATUS_UPSTREAM_NOT_FOUND);
	check_class(408, STATUS_UPSTREAM_TIMEOUT);
	check_class(409, STATUS_UPSTREAM_ERROR);
	check_class(424, STATUS_AGENT_FAILED);
	check_class(429, STATUS_UPSTREAM_THROTTLED);
	check_class(500, STATUS_UPSTREAM_ERROR);
	check_class(502, STATUS_UPSTREAM_ERROR);
	check_class(503, STATUS_UPSTREAM_ERROR);
	check_class(504, STATUS_UPSTREAM_ERROR);
	check_class(302, STATUS_UPSTREAM_ERROR);
}

static void check_type(const char *line, const char *wanted)
{
	char *debug;

	begin();
	CHECK(start() == STATUS_OK);
	head(403, line);
	end(STATUS_OK);
	if (!logged(wanted))
		printf("# logged: %s", log_text);
	CHECK(logged(wanted));
	/* At warning level, so no ARN and no words of the upstream. */
	debug = strstr(log_text, "upstream said");
	CHECK(debug != NULL);
	if (debug != NULL)
		*debug = '\0';
	CHECK(!logged("arn") && !logged("not a name"));
	finish();
}

TEST(error_types_are_logged_by_their_name)
{
	check_type("x-amzn-errortype: AccessDeniedException\n",
	    "answered 403 AccessDeniedException: the keys lack a permission");
	check_type("X-Amzn-ErrorType: Name:http://internal.amazon/x/\n",
	    "answered 403 Name: ");
	check_type("x-amzn-errortype: not a name\n", "answered 403: the");
	check_type("x-amzn-errortype: user/arn=1234\n", "answered 403: the");
}

TEST(a_token_that_is_refused_is_not_our_keys)
{
	begin();
	agent.auth = AUTH_BEARER;
	authorization = "Bearer abc";
	CHECK(start() == STATUS_OK);
	head(401, "");
	end(STATUS_OK);
	check_told("", STATUS_TOKEN_REFUSED);
	finish();
}

TEST(pausing)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream\n");
	full = true;
	CHECK(body("data: one\n\n") == STATUS_MORE);
	upstream_resume(upstream);
	CHECK(transfer.resumed == 1);
	full = false;
	CHECK(body("data: one\n\n") == STATUS_OK);
	end(STATUS_OK);
	check_told("began alive one ", STATUS_OK);
	finish();
}

TEST(cancelling)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream\n");
	CHECK(body("data: one\n\nda") == STATUS_OK);
	upstream_cancel(upstream);
	upstream = NULL;
	CHECK(transfer.cancelled == 1);
	CHECK_SLICE(buf_slice(&told), SLICE("began alive one "));
	upstream_cancel(NULL);
	finish();
}

TEST(an_event_that_is_not_wanted_ends_it)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream\n");
	event_status = STATUS_NO_MEMORY;
	CHECK(body("data: one\n\ndata: two\n\n") == STATUS_OK);
	CHECK(transfer.cancelled == 1);
	check_told("began alive one ", STATUS_NO_MEMORY);
	finish();
}

TEST(an_event_that_is_too_large)
{
	static char much[(1 << 20) + 1];
	char last[16];

	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream\n");
	memset(much, 'x', sizeof much - 1);
	CHECK(body("data: ") == STATUS_OK);
	for (size_t n = 0; n < 20 && transfer.running; n++)
		CHECK(body(much) == STATUS_OK);
	CHECK(transfer.cancelled == 1 && logged("an event is above"));
	(void)snprintf(last, sizeof last, "end:%d", STATUS_UPSTREAM_ERROR);
	CHECK(slice_ends(buf_slice(&told), slice_from(last)));
	finish();
}

/* ---- who vouches ---- */

TEST(our_keys_never_stand_in_for_a_token)
{
	begin();
	agent.auth = AUTH_BEARER;
	CHECK(start() == STATUS_NO_TOKEN);
	CHECK(transfer.count == 0 && keys_asked == 0);
	finish();
}

TEST(a_token_is_passed_on)
{
	begin();
	agent.auth = AUTH_BEARER;
	authorization = "Bearer abc";
	CHECK(start() == STATUS_OK && keys_asked == 0);
	CHECK_SLICE(slice_from(transfer.authorization), SLICE("Bearer abc"));
	CHECK(transfer.key_id[0] == '\0' && transfer.api_key[0] == '\0');
	finish();
}

TEST(nobody_vouches)
{
	begin();
	agent.auth = AUTH_NONE;
	CHECK(start() == STATUS_OK && keys_asked == 0);
	CHECK(transfer.key_id[0] == '\0' && transfer.authorization[0] == '\0');
	/* What is not signed has no clock. */
	head(403, "Date: Thu, 01 Jan 2026 01:00:00 GMT\n");
	end(STATUS_OK);
	check_told("", STATUS_UPSTREAM_DENIED);
	finish();
}

TEST(no_keys)
{
	begin();
	keys_status = STATUS_NO_CREDENTIALS;
	CHECK(start() == STATUS_NO_CREDENTIALS);
	CHECK(transfer.count == 0);
	finish();
}

TEST(keys_that_come_later)
{
	begin();
	keys_later = true;
	CHECK(start() == STATUS_OK && waiting && transfer.count == 0);
	upstream_resume(upstream);
	now_s += 10;
	keys_come();
	CHECK(transfer.running && transfer.now_s == NOW_S + 10);
	CHECK_SLICE(slice_from(transfer.key_id), SLICE("AKIA1"));
	head(200, "");
	end(STATUS_OK);
	check_told("began ", STATUS_OK);
	finish();
}

TEST(keys_that_do_not_come)
{
	begin();
	keys_later = true;
	CHECK(start() == STATUS_OK && waiting);
	keys_status = STATUS_NO_CREDENTIALS;
	keys_come();
	check_told("", STATUS_NO_CREDENTIALS);
	finish();
	begin();
	keys_later = true;
	CHECK(start() == STATUS_OK);
	backend_status = STATUS_NO_MEMORY;
	keys_come();
	check_told("", STATUS_NO_MEMORY);
	finish();
	begin();
	backend_status = STATUS_NO_MEMORY;
	CHECK(start() == STATUS_NO_MEMORY);
	finish();
}

TEST(cancelled_while_keys_are_waited_for)
{
	begin();
	keys_later = true;
	CHECK(start() == STATUS_OK && waiting);
	upstream_cancel(upstream);
	upstream = NULL;
	CHECK(!waiting && told.len == 0);
	finish();
}

/* ---- memory ---- */

static bool starve(size_t n)
{
	enum status status = STATUS_NO_MEMORY;
	bool failed;

	begin();
	upstream_shared_free(shared);
	history = "{\"role\":\"user\"}";
	/* All of it now, lest the fakes fail. */
	for (size_t i = 0; i < 5000; i++)
		buf_add_char(&transfer.body, ' ');
	alloc_fail_at(n);
	shared = new_shared();
	if (shared != NULL)
		status = start();
	failed = alloc_failed();
	CHECK(status == (failed ? STATUS_NO_MEMORY : STATUS_OK));
	CHECK((upstream == NULL) == failed);
	finish();
	return failed;
}

TEST(no_memory)
{
	size_t n = 0;

	while (starve(n))
		n++;
	CHECK(n > 6);
	upstream_shared_free(NULL);
}

int main(void)
{
	return tap_run();
}

#include "../../src/refusal.h"

#include "../../src/http.h"
#include "../../src/retry.h"
#include "alloc.h"
#include "fake_log.h"
#include "tap.h"

static struct refusal refusal;

static void begin(unsigned status, const char *lines)
{
	struct http_head head = {.status = status, .lines = slice_from(lines)};

	refusal_begin(&refusal, &head);
}

/* One that has come whole. */
static void refuse(unsigned status, const char *lines, const char *body)
{
	begin(status, lines);
	refusal_add(&refusal, slice_from(body));
	refusal_end(&refusal, true);
}

static void check_type(const char *wanted)
{
	CHECK_SLICE(slice_from(refusal.type), slice_from(wanted));
}

/* ---- status, name and words ---- */

/* What AgentCore and Bedrock say, with what a client is told of it. */
static const struct {
	unsigned http;
	const char *type, *message;
	enum refusal_cause cause;
	enum status status; /* without a token of the client's */
} answers[] = {
    {400, "ValidationException", "bad", REFUSAL_OTHER, STATUS_UPSTREAM_ERROR},
    {400, "ValidationException", "This runtime is not MMDSv2-enabled",
	REFUSAL_MMDS, STATUS_UPSTREAM_ERROR},
    {400, "ServiceQuotaExceededException", "", REFUSAL_OTHER,
	STATUS_UPSTREAM_THROTTLED},
    {401, "UnauthorizedException", "no", REFUSAL_OTHER, STATUS_UPSTREAM_DENIED},
    {402, "ServiceQuotaExceededException", "too many sessions", REFUSAL_OTHER,
	STATUS_UPSTREAM_THROTTLED},
    {403, "AccessDeniedException", "User is not authorized to perform",
	REFUSAL_PERMISSION, STATUS_UPSTREAM_DENIED},
    {403, "UnrecognizedClientException", "", REFUSAL_KEYS,
	STATUS_UPSTREAM_DENIED},
    {404, "ResourceNotFoundException", "no", REFUSAL_UNKNOWN,
	STATUS_UPSTREAM_NOT_FOUND},
    {408, "ModelTimeoutException", "", REFUSAL_OTHER, STATUS_UPSTREAM_TIMEOUT},
    {409, "RetryableConflictException", "", REFUSAL_OTHER,
	STATUS_UPSTREAM_ERROR},
    {409, "ConflictException", "", REFUSAL_OTHER, STATUS_UPSTREAM_ERROR},
    {424, "RuntimeClientError", "Received error (500) from runtime",
	REFUSAL_OTHER, STATUS_AGENT_FAILED},
    {424, "ModelErrorException", "", REFUSAL_OTHER, STATUS_AGENT_FAILED},
    {429, "ThrottlingException", "", REFUSAL_OTHER, STATUS_UPSTREAM_THROTTLED},
    {429, "ModelNotReadyException", "", REFUSAL_OTHER,
	STATUS_UPSTREAM_THROTTLED},
    {500, "InternalServerException", "", REFUSAL_OTHER, STATUS_UPSTREAM_ERROR},
    {502, "", "", REFUSAL_OTHER, STATUS_UPSTREAM_ERROR},
    {503, "ServiceUnavailableException", "", REFUSAL_OTHER,
	STATUS_UPSTREAM_ERROR},
    {504, "", "", REFUSAL_OTHER, STATUS_UPSTREAM_ERROR},
};

static void check_answer(size_t i, const char *lines, const char *body)
{
	enum status with_token =
	    answers[i].http == 401 ? STATUS_TOKEN_REFUSED : answers[i].status;

	refuse(answers[i].http, lines, body);
	CHECK(refusal.http == answers[i].http);
	check_type(answers[i].type);
	CHECK(refusal.cause == answers[i].cause);
	CHECK(refusal_status(&refusal, false) == answers[i].status);
	CHECK(refusal_status(&refusal, true) == with_token);
	if (tap_failed)
		printf("# with [%s] [%s]\n", lines, body);
}

/* The name may stand in the header or in the body. */
TEST(answers_of_aws)
{
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		const char *type = answers[i].type;
		const char *message = answers[i].message;
		char lines[200], body[300];

		(void)snprintf(lines, sizeof lines,
		    "HTTP/1.1 %u \r\nx-amzn-ErrorType: %s\r\n\r\n",
		    answers[i].http, type);
		(void)snprintf(
		    body, sizeof body, "{\"message\":\"%s\"}", message);
		check_answer(i, lines, body);
		(void)snprintf(
		    body, sizeof body, "{\"Message\":\"%s\"}", message);
		check_answer(i, lines, body);
		(void)snprintf(body, sizeof body,
		    "{\"code\":\"%s\",\"message\":\"%s\"}", type, message);
		check_answer(i, "", body);
		(void)snprintf(body, sizeof body,
		    "{\"__type\":\"com.amazon.x#%s\",\"Message\":\"%s\"}", type,
		    message);
		check_answer(i, "", body);
	}
	refusal_free(&refusal);
}

static void check_header(const char *line, const char *wanted)
{
	refuse(400, line, "");
	check_type(wanted);
}

TEST(forms_of_a_name)
{
	check_header("x-amzn-errortype: Name\r\n", "Name");
	check_header("X-AMZN-ERRORTYPE:Name\n", "Name");
	check_header(
	    "X-Amzn-ErrorType: Name:http://internal.amazon/a#b/\r\n", "Name");
	check_header("x-amzn-errortype: ns#Name\r\n", "Name");
	check_header("x-amzn-errortype: aws.x#Name:http://a#b,c\r\n", "Name");
	check_header("x-amzn-errortype: Name,Other\r\n", "Name");
	check_header("x-amzn-errortype: Name , Other\r\n", "Name");
	check_header("x-amzn-errortype: #Name\r\n", "Name");
	check_header("x-amzn-errortype: ns#\r\n", "");
	check_header("x-amzn-errortype: \r\n", "");
	check_header("x-amzn-errortype: :\r\n", "");
	check_header("x-amzn-requestid: Name\r\n", "");
}

/* It goes to the log, at a level that knows no ARN and no words of theirs. */
TEST(what_is_no_name)
{
	char line[100] = "x-amzn-errortype: ";
	size_t len = strlen(line);

	check_header("x-amzn-errortype: not a name\r\n", "");
	check_header("x-amzn-errortype: user/arn=1234\r\n", "");
	check_header("x-amzn-errortype: Name1\r\n", "");
	check_header("x-amzn-errortype: @A[`a{\r\n", "");
	memset(line + len, 'n', 63);
	check_header(line, line + len);
	memset(line + len, 'n', 64);
	check_header(line, "");
	refuse(400, "", "{\"code\":\"not a name\"}");
	check_type("");
	refuse(400, "", "{\"code\":7,\"__type\":[],\"message\":{}}");
	check_type("");
	CHECK(refusal.cause == REFUSAL_OTHER);
	refusal_free(&refusal);
}

TEST(the_header_comes_first_then_code_then_type)
{
	static const char both[] = "{\"__type\":\"C\",\"code\":\"B\"}";

	refuse(400, "x-amzn-errortype: A\r\n", both);
	check_type("A");
	refuse(400, "", both);
	check_type("B");
	refuse(400, "x-amzn-errortype: no name\r\n", both);
	check_type("B");
	refuse(400, "", "{\"__type\":\"C\",\"code\":\"\"}");
	check_type("C");
	refuse(400, "", "{\"__type\":\"C:http://x/\"}");
	check_type("C");
	refuse(403, "", "{\"message\":\"\",\"Message\":\"Signature expired\"}");
	CHECK(refusal.cause == REFUSAL_CLOCK);
	refuse(
	    403, "", "{\"message\":\"a\",\"Message\":\"Signature expired\"}");
	CHECK(refusal.cause == REFUSAL_PERMISSION);
	refusal_free(&refusal);
}

/* ---- bodies ---- */

TEST(a_body_that_is_no_object)
{
	static const char *const bodies[] = {"", "<html>Signature expired",
	    "{\"message\":\"Signature expired\"",
	    "{\"message\":\"Signature expired\"}}",
	    "[{\"message\":\"Signature expired\"}]", "\"Signature expired\"",
	    "{\"message\":\"Signature expired\xff\"}", "null"};

	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		refuse(403, "x-amzn-errortype: Name\r\n", bodies[i]);
		check_type("Name");
		CHECK(refusal.cause == REFUSAL_PERMISSION);
		CHECK_SLICE(buf_slice(&refusal.body), slice_from(bodies[i]));
	}
	refusal_free(&refusal);
}

/* A body of n bytes whose message is the right one. */
static void refuse_long(size_t n, size_t piece)
{
	static char body[REFUSAL_MAX_BODY + 1000];
	static const char head[] = "{\"message\":\"Signature expired";
	struct slice rest = {.ptr = body, .len = n};

	memset(body, ' ', n);
	memcpy(body, head, sizeof head - 1);
	memcpy(body + n - 2, "\"}", 2);
	begin(403, "");
	for (; rest.len > 0; rest = slice_skip(rest, piece))
		refusal_add(&refusal, slice_first(rest, piece));
	refusal_end(&refusal, true);
}

TEST(as_much_of_a_body_as_is_looked_at)
{
	for (size_t piece = 1; piece < 5000; piece = piece * 3 + 1) {
		refuse_long(REFUSAL_MAX_BODY, piece);
		CHECK(refusal.body.len == REFUSAL_MAX_BODY);
		CHECK(refusal.cause == REFUSAL_CLOCK);
		refuse_long(REFUSAL_MAX_BODY + 1, piece);
		CHECK(refusal.body.len == REFUSAL_MAX_BODY);
		CHECK(buf_status(&refusal.body) == STATUS_OK);
		CHECK(refusal.cause == REFUSAL_PERMISSION);
		refuse_long(REFUSAL_MAX_BODY + 999, piece);
		CHECK(refusal.body.len == REFUSAL_MAX_BODY);
	}
	refusal_free(&refusal);
}

/* ---- causes ---- */

static void check_cause(unsigned http, const char *type, const char *message,
    enum refusal_cause wanted)
{
	char lines[128], body[512];

	(void)snprintf(lines, sizeof lines, "x-amzn-errortype: %s:\r\n", type);
	(void)snprintf(body, sizeof body, "{\"message\":\"%s\"}", message);
	refuse(http, lines, body);
	CHECK(refusal.cause == wanted);
	if (refusal.cause != wanted)
		printf("# %u %s %s: %d\n", http, type, message,
		    (int)refusal.cause);
	refusal_free(&refusal);
}

TEST(keys_that_have_expired)
{
	check_cause(403, "ExpiredTokenException", "", REFUSAL_EXPIRED);
	check_cause(400, "ExpiredToken", "", REFUSAL_EXPIRED);
	check_cause(403, "UnrecognizedClientException",
	    "The security token included in the request is expired",
	    REFUSAL_EXPIRED);
	check_cause(403, "AccessDeniedException",
	    "The security token has expired", REFUSAL_EXPIRED);
	check_cause(403, "",
	    "The security token included in the request is "
	    "expired",
	    REFUSAL_EXPIRED);
	check_cause(403, "UnrecognizedClientException",
	    "The security token included in the request is invalid.",
	    REFUSAL_KEYS);
	check_cause(
	    403, "ExpiredTokens", "the session expired", REFUSAL_PERMISSION);
}

TEST(a_clock_that_is_wrong)
{
	static const char expired[] =
	    "Signature expired: 20260101T000000Z is now earlier than "
	    "20260101T000500Z (20260101T001000Z - 5 min.)";
	static const char early[] =
	    "Signature not yet current: 20260101T010000Z is still later than "
	    "20260101T000500Z (20260101T000000Z + 5 min.)";

	check_cause(403, "InvalidSignatureException", expired, REFUSAL_CLOCK);
	check_cause(403, "InvalidSignatureException", early, REFUSAL_CLOCK);
	check_cause(403, "SignatureDoesNotMatch", expired, REFUSAL_CLOCK);
	check_cause(403, "SignatureDoesNotMatch", early, REFUSAL_CLOCK);
	check_cause(403, "", expired, REFUSAL_CLOCK);
	check_cause(403, "AccessDeniedException", expired, REFUSAL_CLOCK);
	check_cause(403, "RequestTimeTooSkewed", "", REFUSAL_CLOCK);
	check_cause(400, "RequestExpired", "", REFUSAL_CLOCK);
	check_cause(403, "RequestInTheFuture", "", REFUSAL_CLOCK);
}

TEST(keys_that_are_not_known)
{
	check_cause(403, "InvalidSignatureException",
	    "The request signature we calculated does not match", REFUSAL_KEYS);
	check_cause(403, "SignatureDoesNotMatch", "", REFUSAL_KEYS);
	check_cause(403, "UnrecognizedClientException", "", REFUSAL_KEYS);
	check_cause(403, "InvalidClientTokenId", "", REFUSAL_KEYS);
	check_cause(403, "MissingAuthenticationTokenException",
	    "Missing Authentication Token", REFUSAL_KEYS);
	check_cause(400, "IncompleteSignatureException", "", REFUSAL_KEYS);
}

TEST(the_other_kind_of_authorization)
{
	/* As AgentCore has it, whichever it wants. */
	check_cause(403, "AccessDeniedException",
	    "Authorization method mismatch. The agent is configured for a "
	    "different authorization method than what was used in your "
	    "request. Check the agent's authorization configuration and "
	    "ensure your request uses the matching method (OAuth or SigV4)",
	    REFUSAL_MISMATCH);
	check_cause(403, "AccessDeniedException",
	    "Authorization method mismatch", REFUSAL_MISMATCH);
	check_cause(403, "AccessDeniedException",
	    "authorization method mismatch: OAuth expected",
	    REFUSAL_WANTS_TOKEN);
	check_cause(
	    401, "", "Authorization method mismatch: JWT", REFUSAL_WANTS_TOKEN);
	check_cause(403, "AccessDeniedException",
	    "Authorization method mismatch: SigV4 expected",
	    REFUSAL_WANTS_KEYS);
}

TEST(causes_by_status)
{
	check_cause(400, "ValidationException",
	    "MMDSv2 must be enabled for this runtime", REFUSAL_MMDS);
	check_cause(403, "", "MMDSv2", REFUSAL_PERMISSION);
	check_cause(404, "", "MMDSv2", REFUSAL_UNKNOWN);
	check_cause(500, "", "MMDSv2", REFUSAL_OTHER);
	check_cause(403, "", "", REFUSAL_PERMISSION);
	check_cause(404, "", "", REFUSAL_UNKNOWN);
	check_cause(302, "", "", REFUSAL_OTHER);
}

TEST(a_status_of_no_answer)
{
	struct refusal none = {0};

	CHECK(refusal_status(&none, false) == STATUS_UPSTREAM_ERROR);
	CHECK(refusal_status(&none, true) == STATUS_UPSTREAM_ERROR);
	refusal_free(&none);
	refusal_free(&none);
}

/* ---- what can be done ---- */

TEST(advice)
{
	static const struct {
		enum refusal_cause cause;
		const char *words;
	} rows[] = {
	    {REFUSAL_EXPIRED, "expired"},
	    {REFUSAL_CLOCK, "NTP"},
	    {REFUSAL_KEYS, "secret"},
	    {REFUSAL_PERMISSION, "agentcgi check"},
	    {REFUSAL_WANTS_TOKEN, "auth = bearer"},
	    {REFUSAL_WANTS_KEYS, "auth = sigv4"},
	    {REFUSAL_MISMATCH, "auth = bearer"},
	    {REFUSAL_MISMATCH, "auth = sigv4"},
	    {REFUSAL_MMDS, "requireMMDSV2 = true"},
	    {REFUSAL_UNKNOWN, "qualifier"},
	};

	CHECK(refusal_advice(&(struct refusal){0})[0] == '\0');
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct refusal one = {.cause = rows[i].cause};
		struct slice text = slice_from(refusal_advice(&one));

		CHECK(slice_starts(text, SLICE(": ")));
		CHECK(slice_find(text, slice_from(rows[i].words)) < text.len);
		CHECK(!slice_ends(text, SLICE(".")));
	}
}

static void check_logged(const char *wanted)
{
	log_forget();
	refusal_log(&refusal, "req-1");
	CHECK_SLICE(slice_from(log_text), slice_from(wanted));
	/* Its words came last. */
	CHECK(log_last == LOG_DEBUG);
	refusal_free(&refusal);
}

TEST(what_is_logged)
{
	refuse(404, "x-amzn-errortype: ResourceNotFoundException\r\n",
	    "{\"message\":\"words\"}");
	check_logged(
	    "request=req-1 upstream answered 404 ResourceNotFoundException: "
	    "there is no such agent: look at its ARN, the qualifier, the "
	    "model or the URL, and the region\n"
	    "request=req-1 upstream said: {\"message\":\"words\"}\n");
	refuse(500, "", "");
	check_logged("request=req-1 upstream answered 500\n"
		     "request=req-1 upstream said: \n");
	refuse(424, "x-amzn-errortype: RuntimeClientError\r\n", "no JSON");
	check_logged("request=req-1 upstream answered 424 RuntimeClientError\n"
		     "request=req-1 upstream said: no JSON\n");
}

/* ---- when to ask again ---- */

TEST(what_a_retry_reads)
{
	struct retry_outcome outcome = {.sent = true, .now_s = 7};

	refuse(429,
	    "HTTP/1.1 429 Too Many Requests\r\n"
	    "x-amzn-errortype: ThrottlingException\r\n"
	    "X-Amz-Retry-After: 1500\r\nRetry-After: 3\r\n\r\n",
	    "");
	refusal_fill(&refusal, &outcome);
	CHECK(outcome.http == 429 && outcome.sent && outcome.now_s == 7);
	CHECK_SLICE(outcome.type, SLICE("ThrottlingException"));
	CHECK_SLICE(outcome.amz_retry_after, SLICE("1500"));
	CHECK_SLICE(outcome.retry_after, SLICE("3"));
	CHECK(outcome.retry_after_date_s == -1 && refusal.date_s == -1);
	refuse(503,
	    "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
	    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
	    "");
	refusal_fill(&refusal, &outcome);
	CHECK(outcome.http == 503 && outcome.type.len == 0);
	CHECK(outcome.amz_retry_after.len == 0);
	CHECK_SLICE(
	    outcome.retry_after, SLICE("Sun, 06 Nov 1994 08:49:37 GMT"));
	CHECK(outcome.retry_after_date_s == 784111777);
	CHECK(refusal.date_s == 0);
	refuse(503, "", "");
	refusal_fill(&refusal, &outcome);
	CHECK(outcome.retry_after.len == 0 && outcome.retry_after_date_s == -1);
	refusal_free(&refusal);
}

TEST(dates)
{
	refuse(403, "Date: Sun, 22 Nov 2026 14:28:22 GMT\r\n", "");
	CHECK(refusal.date_s == 1795357702);
	refuse(403, "Date: Sunday, 06-Nov-94 08:49:37 GMT\r\n", "");
	CHECK(refusal.date_s == 784111777);
	refuse(403, "Date: soon\r\n", "");
	CHECK(refusal.date_s == -1);
	refuse(403, "Date: \r\nRetry-After: 120\r\n", "");
	CHECK(refusal.date_s == -1 && refusal.retry_after_s == -1);
	refusal_free(&refusal);
}

/* What does not fit is of no use: no number and no date is as long. */
TEST(values_that_are_too_long)
{
	refuse(429,
	    "x-amz-retry-after: 123456789012345\r\nretry-after: "
	    "012345678901234567890123456789012345678\r\n",
	    "");
	CHECK_SLICE(
	    slice_from(refusal.amz_retry_after), SLICE("123456789012345"));
	CHECK(strlen(refusal.retry_after) == 39);
	refuse(429,
	    "x-amz-retry-after: 1234567890123456\r\nretry-after: "
	    "0123456789012345678901234567890123456789\r\n",
	    "");
	CHECK(refusal.amz_retry_after[0] == '\0');
	CHECK(refusal.retry_after[0] == '\0');
	refusal_free(&refusal);
}

/* ---- its life ---- */

TEST(the_next_one_knows_nothing_of_the_last)
{
	refuse(403,
	    "x-amzn-errortype: ExpiredTokenException\r\n"
	    "x-amz-retry-after: 1\r\nretry-after: 2\r\n"
	    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
	    "{\"message\":\"words\"}");
	CHECK(refusal.cause == REFUSAL_EXPIRED);
	begin(500, "");
	CHECK(refusal.http == 500 && refusal.type[0] == '\0');
	CHECK(refusal.cause == REFUSAL_OTHER && refusal.body.len == 0);
	CHECK(refusal.date_s == -1 && refusal.retry_after_s == -1);
	CHECK(refusal.amz_retry_after[0] == '\0');
	CHECK(refusal.retry_after[0] == '\0');
	refusal_free(&refusal);
	refusal_free(&refusal);
}

/* Then the status and the header have to do. */
TEST(no_memory)
{
	begin(403, "x-amzn-errortype: Name\r\n");
	alloc_fail_at(0);
	refusal_add(&refusal, SLICE("{\"message\":\"Signature expired\"}"));
	CHECK(alloc_failed());
	refusal_add(&refusal, SLICE("more"));
	refusal_end(&refusal, true);
	check_type("Name");
	CHECK(refusal.body.len == 0 && refusal.cause == REFUSAL_PERMISSION);
	refusal_free(&refusal);
}

int main(void)
{
	return tap_run();
}

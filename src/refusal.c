#include "refusal.h"

#include <string.h>

#include "http.h"
#include "json.h"
#include "log.h"
#include "retry.h"

static void keep(char *out, size_t size, struct slice value)
{
	/* What does not fit is of no use. */
	if (value.len >= size)
		value.len = 0;
	if (value.len > 0)
		memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
}

/* "Name", "Name:http://..." or "ns#Name" gives Name, if it is a plain one. */
static void keep_type(struct refusal *refusal, struct slice type)
{
	struct slice rest = type;
	size_t hash;

	type = slice_cut(&rest, ',');
	rest = type;
	type = slice_cut(&rest, ':');
	hash = slice_find(type, SLICE("#"));
	if (hash < type.len)
		type = slice_skip(type, hash + 1);
	type = slice_trim(type);
	for (size_t i = 0; i < type.len; i++) {
		char c = type.ptr[i];

		/* Anything else is no name but somebody's words. */
		if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z'))
			return;
	}
	keep(refusal->type, sizeof refusal->type, type);
}

static bool says(struct slice message, const char *words)
{
	return slice_find(message, slice_from(words)) < message.len;
}

/* By its name where that is enough; if words count, all have to be there. */
static const struct {
	const char *type, *words;
	enum refusal_cause cause;
} causes[] = {
    {"ExpiredToken", NULL, REFUSAL_EXPIRED},
    {"ExpiredTokenException", NULL, REFUSAL_EXPIRED},
    {NULL, "token included in the request is expired", REFUSAL_EXPIRED},
    {NULL, "security token has expired", REFUSAL_EXPIRED},
    {"InvalidSignatureException", "Signature expired", REFUSAL_CLOCK},
    {"InvalidSignatureException", "Signature not yet current", REFUSAL_CLOCK},
    {"SignatureDoesNotMatch", "Signature expired", REFUSAL_CLOCK},
    {"SignatureDoesNotMatch", "Signature not yet current", REFUSAL_CLOCK},
    {"RequestTimeTooSkewed", NULL, REFUSAL_CLOCK},
    {"RequestExpired", NULL, REFUSAL_CLOCK},
    {"RequestInTheFuture", NULL, REFUSAL_CLOCK},
    {NULL, "Signature expired", REFUSAL_CLOCK},
    {"InvalidSignatureException", NULL, REFUSAL_KEYS},
    {"SignatureDoesNotMatch", NULL, REFUSAL_KEYS},
    {"UnrecognizedClientException", NULL, REFUSAL_KEYS},
    {"InvalidClientTokenId", NULL, REFUSAL_KEYS},
    {"MissingAuthenticationTokenException", NULL, REFUSAL_KEYS},
    {"IncompleteSignatureException", NULL, REFUSAL_KEYS},
};

static enum refusal_cause cause_of_words(
    const struct refusal *refusal, struct slice message)
{
	for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
		const char *type = causes[i].type, *words = causes[i].words;

		if ((type == NULL || strcmp(type, refusal->type) == 0) &&
		    (words == NULL || says(message, words)))
			return causes[i].cause;
	}
	return REFUSAL_OTHER;
}

/* AgentCore says the same either way: "the matching method (OAuth or
 * SigV4)". */
static enum refusal_cause cause_of_mismatch(struct slice message)
{
	bool token = says(message, "OAuth") || says(message, "JWT");
	bool keys = says(message, "SigV4");

	if (token == keys)
		return REFUSAL_MISMATCH;
	return token ? REFUSAL_WANTS_TOKEN : REFUSAL_WANTS_KEYS;
}

static enum refusal_cause find_cause(
    const struct refusal *refusal, struct slice message)
{
	enum refusal_cause cause = REFUSAL_OTHER;

	/* With any other status they are an agent's, of a call of its own. */
	if (refusal->http == 400 || refusal->http == 403)
		cause = cause_of_words(refusal, message);
	if (cause != REFUSAL_OTHER)
		return cause;
	if (says(message, "uthorization method mismatch"))
		return cause_of_mismatch(message);
	if (refusal->http == 400 && says(message, "MMDSv2"))
		return REFUSAL_MMDS;
	if (refusal->http == 403)
		return REFUSAL_PERMISSION;
	return refusal->http == 404 ? REFUSAL_UNKNOWN : REFUSAL_OTHER;
}

/* What is said of keys and signatures means a token, or that there is none. */
static enum refusal_cause without_signature(enum refusal_cause cause)
{
	if (cause == REFUSAL_KEYS)
		return REFUSAL_WANTS_KEYS;
	return cause == REFUSAL_PERMISSION || cause == REFUSAL_EXPIRED
	    ? REFUSAL_CALLER
	    : cause;
}

static struct slice member(const struct json *json, const char *name)
{
	struct slice text = {0};

	if (!json_string(json_get(json, name), &text))
		text.len = 0;
	return text;
}

void refusal_begin(struct refusal *refusal, const struct http_head *head)
{
	struct slice after = http_header(head, "retry-after");

	buf_free(&refusal->body);
	*refusal = (struct refusal){.http = head->status};
	buf_init(&refusal->body, REFUSAL_MAX_BODY);
	keep_type(refusal, http_header(head, "x-amzn-errortype"));
	keep(refusal->amz_retry_after, sizeof refusal->amz_retry_after,
	    http_header(head, "x-amz-retry-after"));
	keep(refusal->retry_after, sizeof refusal->retry_after, after);
	if (!http_date(after, &refusal->retry_after_s))
		refusal->retry_after_s = -1;
	/* With an age it is from a cache: that was long ago. */
	if (http_header(head, "age").len > 0 ||
	    !http_date(http_header(head, "date"), &refusal->date_s))
		refusal->date_s = -1;
}

void refusal_add(struct refusal *refusal, struct slice bytes)
{
	size_t room = REFUSAL_MAX_BODY - refusal->body.len;

	buf_add(&refusal->body, slice_first(bytes, room));
}

void refusal_end(struct refusal *refusal, bool signed_by_us)
{
	struct json *json = NULL;
	struct slice message = {0}, type = slice_from(refusal->type);

	if (json_parse(buf_slice(&refusal->body), &json) == STATUS_OK &&
	    json_is_object(json)) {
		message = member(json, "message");
		if (message.len == 0)
			message = member(json, "Message");
		if (type.len == 0)
			type = member(json, "code");
		if (type.len == 0)
			type = member(json, "__type");
	}
	if (refusal->type[0] == '\0')
		keep_type(refusal, type);
	refusal->cause = find_cause(refusal, message);
	if (!signed_by_us)
		refusal->cause = without_signature(refusal->cause);
	json_free(json);
}

void refusal_free(struct refusal *refusal)
{
	buf_free(&refusal->body);
	*refusal = (struct refusal){.http = 0};
}

/* The status decides, but 402 is a quota and so a throttle, and 424 the
 * agent's own failure. */
enum status refusal_status(const struct refusal *refusal, bool bearer)
{
	switch (refusal->http) {
	case 401:
		return bearer ? STATUS_TOKEN_REFUSED : STATUS_UPSTREAM_DENIED;
	case 403:
		return STATUS_UPSTREAM_DENIED;
	case 402:
	case 429:
		return STATUS_UPSTREAM_THROTTLED;
	case 404:
		return STATUS_UPSTREAM_NOT_FOUND;
	case 408: /* a model's */
		return STATUS_UPSTREAM_TIMEOUT;
	case 424:
		return STATUS_AGENT_FAILED;
	default:
		break;
	}
	/* Some say it with 400: Bedrock's quotas, older services. */
	return strcmp(refusal->type, "ServiceQuotaExceededException") == 0 ||
		(refusal->http == 400 &&
		    retry_is_throttling(slice_from(refusal->type)))
	    ? STATUS_UPSTREAM_THROTTLED
	    : STATUS_UPSTREAM_ERROR;
}

void refusal_fill(const struct refusal *refusal, struct retry_outcome *outcome)
{
	outcome->http = refusal->http;
	outcome->type = slice_from(refusal->type);
	outcome->amz_retry_after = slice_from(refusal->amz_retry_after);
	outcome->retry_after = slice_from(refusal->retry_after);
	outcome->retry_after_date_s = refusal->retry_after_s;
}

const char *refusal_advice(const struct refusal *refusal)
{
	switch (refusal->cause) {
	case REFUSAL_EXPIRED:
		return ": the keys have expired: renew them at their source";
	case REFUSAL_CLOCK:
		return ": this machine's clock is wrong: let NTP set it";
	case REFUSAL_KEYS:
		return ": the key id is unknown there, or the secret is not "
		       "its: look at both, and at the region";
	case REFUSAL_PERMISSION:
		return ": the keys lack a permission: agentcgi check prints "
		       "the policy to attach";
	case REFUSAL_CALLER:
		return ": the token, or the key in api_key_file, may not: "
		       "look at what the authorizer wants of it";
	case REFUSAL_WANTS_TOKEN:
		return ": the runtime takes a bearer token (JWT), no "
		       "signature: set auth = bearer, or create it without "
		       "a JWT authorizer";
	case REFUSAL_WANTS_KEYS:
		return ": the runtime takes signed requests, no bearer "
		       "token: set auth = sigv4";
	case REFUSAL_MISMATCH:
		return ": the runtime takes the other kind of authorization: "
		       "set auth = bearer if it has a JWT authorizer, else "
		       "auth = sigv4";
	case REFUSAL_MMDS:
		return ": the runtime must be updated to MMDSv2: set "
		       "requireMMDSV2 = true in its metadata configuration";
	case REFUSAL_UNKNOWN:
		return ": there is no such agent: look at its ARN, the "
		       "qualifier, the model or the URL, and the region";
	case REFUSAL_OTHER:
		break;
	}
	return "";
}

/* AWS repeats a token that it cannot read, and of a signature that is wrong
 * all that should have been signed, the session's token too. */
static struct slice before_secrets(struct slice words)
{
	static const char *const signs[] = {"uthorization", "anonical",
	    "ecurity-token", "ecurity-Token", "earer "};

	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
		words =
		    slice_first(words, slice_find(words, slice_from(signs[i])));
	return words;
}

void refusal_log(const struct refusal *refusal, const char *request_id)
{
	log_write(LOG_WARNING, "request=%s upstream answered %u%s%s%s",
	    request_id, refusal->http, refusal->type[0] == '\0' ? "" : " ",
	    refusal->type, refusal_advice(refusal));
	log_write(LOG_DEBUG, "request=%s upstream said: %.*s", request_id,
	    SLICE_ARG(before_secrets(buf_slice(&refusal->body))));
}

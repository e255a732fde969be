#include "keydoc.h"

#include "../json.h"
#include "../timestamp.h"

/* 9999-12-31T23:59:59Z, as far as timestamp goes. */
#define LAST_MS 253402300799000.0

/* A member that may be missing or null; false if it is something else. */
static bool read_optional(
    const struct json *json, const char *name, struct slice *text)
{
	const struct json *member = json_get(json, name);

	return member == NULL || json_is_null(member) ||
	    json_string(member, text);
}

/* 0 if the member is missing. */
static bool read_expiration(const struct json *member, int64_t *expires_s)
{
	struct slice text;
	double ms;

	*expires_s = 0;
	if (member == NULL || json_is_null(member))
		return true;
	if (json_number(member, &ms)) {
		if (ms > LAST_MS || !(ms >= 0))
			return false;
		*expires_s = (int64_t)ms / 1000;
	} else if (!json_string(member, &text) ||
	    !timestamp_parse(text, expires_s)) {
		return false;
	}
	/* In struct keys this would be "never". */
	return *expires_s > 0;
}

const char *keydoc_read(
    struct keys *out, const struct json *json, const struct keydoc_names *names)
{
	struct slice id = {0}, secret = {0}, token = {0};
	int64_t expires_s;

	keys_wipe(out);
	if (!json_is_object(json))
		return "it is no JSON object";
	if (!json_string(json_get(json, names->id), &id) || id.len == 0)
		return "it has no access key id";
	if (!json_string(json_get(json, names->secret), &secret) ||
	    secret.len == 0)
		return "it has no secret access key";
	if (!read_optional(json, names->token, &token))
		return "its session token is no text";
	if (!read_expiration(json_get(json, names->expiration), &expires_s))
		return "its expiration is no time";
	if (!keys_set(out, id, secret, token))
		return "a key or the token is too long or holds a blank";
	out->expires_s = expires_s;
	return NULL;
}

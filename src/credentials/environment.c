#include "environment.h"

#include "../log.h"
#include "../timestamp.h"

enum status environment_read(struct keys *out, keys_getenv *getenv)
{
	struct slice id = slice_from(getenv("AWS_ACCESS_KEY_ID"));
	struct slice secret = slice_from(getenv("AWS_SECRET_ACCESS_KEY"));
	struct slice token = slice_from(getenv("AWS_SESSION_TOKEN"));
	struct slice expiration =
	    slice_from(getenv("AWS_CREDENTIAL_EXPIRATION"));

	if (id.len == 0 && secret.len == 0)
		return STATUS_MORE;
	if (id.len == 0 || secret.len == 0) {
		log_write(LOG_ERROR,
		    "%s is set but %s is not: set both in the environment of "
		    "this process, or neither",
		    id.len > 0 ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
		    id.len > 0 ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
		return STATUS_NO_CREDENTIALS;
	}
	if (!keys_set(out, id, secret, token)) {
		log_write(LOG_ERROR,
		    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or "
		    "AWS_SESSION_TOKEN is too long or holds a blank or a "
		    "control character: set them again, without quotes or a "
		    "line end");
		return STATUS_NO_CREDENTIALS;
	}
	if (expiration.len > 0 &&
	    !timestamp_parse(expiration, &out->expires_s)) {
		log_write(LOG_ERROR,
		    "AWS_CREDENTIAL_EXPIRATION is no time such as "
		    "2030-01-31T23:59:59Z: set it again, or unset it");
		keys_wipe(out);
		return STATUS_NO_CREDENTIALS;
	}
	return STATUS_OK;
}

enum status environment_web(struct environment_web *out, keys_getenv *getenv)
{
	const char *session_name = getenv("AWS_ROLE_SESSION_NAME");
	bool has_file, has_arn;

	out->token_file = getenv("AWS_WEB_IDENTITY_TOKEN_FILE");
	out->arn = getenv("AWS_ROLE_ARN");
	out->session_name = session_name == NULL ? "" : session_name;
	has_file = slice_from(out->token_file).len > 0;
	has_arn = slice_from(out->arn).len > 0;
	/* The ARN alone is often there for other programs. */
	if (!has_file)
		return STATUS_MORE;
	if (has_arn)
		return STATUS_OK;
	log_write(LOG_ERROR,
	    "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not: set "
	    "both in the environment of this process, or neither");
	return STATUS_NO_CREDENTIALS;
}

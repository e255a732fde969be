#include "environment.h"

#include "../log.h"

enum status environment_read(struct keys *out, keys_getenv *getenv)
{
	struct slice id = slice_from(getenv("AWS_ACCESS_KEY_ID"));
	struct slice secret = slice_from(getenv("AWS_SECRET_ACCESS_KEY"));
	struct slice token = slice_from(getenv("AWS_SESSION_TOKEN"));

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
	return STATUS_OK;
}

#include "credentials.h"

#include "../log.h"
#include "environment.h"
#include "profile.h"

/* SDKs disagree on which of the two wins, so the operator should know; once,
 * as keys are asked for with every request. */
static void warn_of_profile(keys_getenv *getenv)
{
	static bool warned;

	if (warned || slice_from(getenv("AWS_PROFILE")).len == 0)
		return;
	warned = true;
	log_write(LOG_WARNING,
	    "AWS_PROFILE is ignored, as AWS_ACCESS_KEY_ID is set: unset one "
	    "of them, or name the profile in the configuration");
}

static enum status find(
    struct keys *out, const struct credentials_source *source)
{
	enum status status;

	if (slice_from(source->profile).len > 0)
		return profile_read(out, source->getenv, source->profile);
	status = environment_read(out, source->getenv);
	if (status == STATUS_OK)
		warn_of_profile(source->getenv);
	if (status != STATUS_MORE)
		return status;
	status = profile_read(out, source->getenv, NULL);
	if (status == STATUS_MORE)
		log_write(LOG_ERROR,
		    "no AWS credentials: set AWS_ACCESS_KEY_ID and "
		    "AWS_SECRET_ACCESS_KEY, or write a profile into "
		    "~/.aws/credentials or AWS_SHARED_CREDENTIALS_FILE");
	return status;
}

void credentials_get(
    const struct credentials_source *source, credentials_done *done, void *ctx)
{
	struct keys keys = {0};

	if (find(&keys, source) == STATUS_OK)
		done(ctx, STATUS_OK, &keys);
	else
		done(ctx, STATUS_NO_CREDENTIALS, NULL);
	keys_wipe(&keys);
}

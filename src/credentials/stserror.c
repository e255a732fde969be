#include "stserror.h"

#include <string.h>

#include "../buf.h"
#include "../xml.h"

/* As the SDKs have them. */
static const char *const passing[] = {"BandwidthLimitExceeded",
    "IDPCommunicationError", "LimitExceededException",
    "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
    "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
    "TooManyRequestsException", "TransactionInProgressException", NULL};

static const char *const of_clock[] = {"AccessDeniedException", "AuthFailure",
    "InvalidSignatureException", "RequestExpired", "RequestInTheFuture",
    "RequestTimeTooSkewed", "SignatureDoesNotMatch", NULL};

static const struct {
	const char *name, *hint;
} hints[] = {
    {"AccessDenied",
	": the trust policy of the role must allow whoever asks, and the "
	"external id must be the one it names"},
    {"ExpiredToken", ": the keys it was asked with have expired"},
    {"ExpiredTokenException",
	": the keys or the token it was asked with have expired"},
    {"IDPRejectedClaim", ": the token is no longer valid"},
    {"InvalidClientTokenId", ": the keys it was asked with are not known"},
    {"InvalidIdentityToken",
	": the token is not of a provider that the account knows, or not "
	"meant for AWS"},
    {"RegionDisabledException",
	": STS is off in this region: enable it there, or set another"},
    {"SignatureDoesNotMatch",
	": check the secret key, and the clock of this machine"},
    {"ValidationError",
	": check role_arn, role_session_name, external_id and "
	"duration_seconds"},
};

static bool listed(const char *name, const char *const names[])
{
	for (; *names != NULL; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

void stserror_name(char name[static ERRAND_NAME_LEN], struct slice body)
{
	struct buf code;

	buf_init(&code, ERRAND_NAME_LEN);
	if (xml_find(&code, body, "ErrorResponse/Error/Code") != STATUS_OK)
		buf_clear(&code);
	errand_name(name, buf_slice(&code));
	buf_free(&code);
}

bool stserror_is_passing(const struct fetch_answer *answer)
{
	char name[ERRAND_NAME_LEN];

	if (answer->status < 400)
		return false;
	stserror_name(name, answer->body);
	return answer->status == 429 || listed(name, passing);
}

bool stserror_is_of_clock(const char *name)
{
	return listed(name, of_clock);
}

const char *stserror_hint(const char *name)
{
	for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
		if (strcmp(name, hints[i].name) == 0)
			return hints[i].hint;
	return "";
}

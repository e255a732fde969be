#include "session.h"

#include <string.h>

#include "digest.h"
#include "request.h"

_Static_assert(DIGEST_HEX_LEN - 1 <= SESSION_MAX_LEN, "a hash is an id");

static void hash(char *out, struct slice given)
{
	uint8_t digest[DIGEST_LEN];

	digest_sha256(digest, given);
	digest_hex(out, digest);
}

void session_choose(char out[static SESSION_MAX_LEN + 1], struct slice given)
{
	if (given.len == 0) {
		digest_random_token(out, SESSION_MINTED_LEN);
		out[SESSION_MINTED_LEN] = '\0';
	} else if (request_session_id_valid(given)) {
		memcpy(out, given.ptr, given.len);
		out[given.len] = '\0';
	} else {
		hash(out, given);
	}
}

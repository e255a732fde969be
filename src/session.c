#include "session.h"

#include <string.h>

#include "digest.h"

void session_choose(char out[static SESSION_MAX_LEN + 1], struct slice given)
{
	size_t len = given.len;

	if (len == 0 || len > SESSION_MAX_LEN) {
		len = SESSION_MINTED_LEN;
		digest_random_token(out, len);
	} else {
		memcpy(out, given.ptr, len);
	}
	out[len] = '\0';
}

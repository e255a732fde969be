#include "keys.h"

#include <string.h>

/* What may stand in a header: no blank, no control character. */
static bool printable(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c <= ' ' || c == 0x7f)
			return false;
	}
	return true;
}

/* Copy s into out of max + 1 bytes; false if it does not fit or may not stand
 * there. */
static bool copy(char *out, size_t max, struct slice s)
{
	if (s.len > max || !printable(s))
		return false;
	if (s.len > 0)
		memcpy(out, s.ptr, s.len);
	out[s.len] = '\0';
	return true;
}

bool keys_set(
    struct keys *out, struct slice id, struct slice secret, struct slice token)
{
	keys_wipe(out);
	if (id.len > 0 && secret.len > 0 && copy(out->id, KEYS_MAX_ID, id) &&
	    copy(out->secret, KEYS_MAX_SECRET, secret) &&
	    copy(out->token, KEYS_MAX_TOKEN, token))
		return true;
	keys_wipe(out);
	return false;
}

void keys_wipe(struct keys *keys)
{
	explicit_bzero(keys, sizeof *keys);
}

/*
 * prelude: strips what Lambda functions may put before a streamed body: a
 * JSON object with the status and the headers, and eight NULs.
 *
 * A push filter: what is fed comes out again, later or at once.  It holds
 * bytes back only while they can still be a prelude: they began with "{", the
 * object is not complete, or is and only NULs have followed.
 *
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
 */
#ifndef PRELUDE_H
#define PRELUDE_H

#include "buf.h"
#include "slice.h"
#include "status.h"

/* AWS: it ends within the first 16 KB. */
#define PRELUDE_MAX (16u << 10)

enum prelude_state {
	PRELUDE_LOOKING,
	PRELUDE_FOUND, /* and stripped */
	PRELUDE_NONE   /* there was none */
};

struct prelude {
	enum prelude_state state;
	struct buf held;
	unsigned depth, nuls;
	bool in_string, escaped;
	unsigned status;        /* its statusCode; 200 if it says nothing */
	char content_type[128]; /* its Content-Type in lower case, or "" */
};

void prelude_init(struct prelude *prelude);
void prelude_free(struct prelude *prelude); /* may run twice */

/* Take bytes; *out is what is to be read now: a view of bytes, or of what
 * was held and bytes together, valid until the next call; empty while the
 * state is PRELUDE_LOOKING.  STATUS_NO_MEMORY. */
MUST_CHECK enum status prelude_feed(
    struct prelude *prelude, struct slice bytes, struct slice *out);

/* The stream has ended: what was held back, if there was no prelude. */
struct slice prelude_finish(struct prelude *prelude);

#endif

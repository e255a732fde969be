#include "../../src/turn.h"

#include <stdlib.h>

#include "../../src/clock.h"
#include "../../src/config.h"
#include "../../src/conversation.h"
#include "../../src/json.h"
#include "alloc.h"
#include "fake_log.h"
#include "tap.h"

#define NOW_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

uint64_t clock_mono_ms(void)
{
	return 0;
}

int64_t clock_unix_s(void)
{
	return NOW_S;
}

/* ---- what was said before ---- */

struct conversations {
	const char *history;
	enum status status;
	struct buf kept;
	size_t keeps;
};

static struct conversations all;

static void check_id(const struct conversation_id *id)
{
	CHECK_SLICE(slice_from(id->state_dir), SLICE("where"));
	CHECK_SLICE(slice_from(id->agent), SLICE("name"));
	CHECK_SLICE(slice_from(id->session), SLICE("session-1"));
}

enum status conversation_add(struct conversations *conversations,
    const struct conversation_id *id, int64_t now_s, struct buf *out)
{
	CHECK(conversations == &all && now_s == NOW_S);
	check_id(id);
	buf_add_text(out, all.history);
	return all.status != STATUS_OK ? all.status : buf_status(out);
}

void conversation_keep(struct conversations *conversations,
    const struct conversation_id *id, int64_t now_s, struct slice turn)
{
	CHECK(conversations == &all && now_s == NOW_S);
	check_id(id);
	all.keeps++;
	buf_clear(&all.kept);
	buf_add(&all.kept, turn);
}

/* ---- one turn ---- */

static char name[] = "name", empty[] = "", words[] = "Be kind.";
static const struct config_agent agent = {.name = name,
    .system = words,
    .temperature = empty,
    .top_p = empty,
    .stop = empty,
    .guardrail = empty,
    .guardrail_version = empty};

static struct turn turn;
static struct buf body;

static void given(const char *history)
{
	all = (struct conversations){.history = history};
	buf_init(&all.kept, 4 << 20);
	turn = (struct turn){.conversations = &all,
	    .state_dir = "where",
	    .agent = &agent,
	    .session_id = "session-1"};
}

static void finish(void)
{
	turn_free(&turn);
	turn_free(&turn);
	buf_free(&body);
	buf_free(&all.kept);
}

#define MESSAGE(role, text) \
	"{\"role\":\"" role "\",\"content\":[{\"text\":\"" text "\"}]}"
#define SYSTEM ",\"system\":[{\"text\":\"Be kind.\"}]}"

TEST(the_first)
{
	char prompt[] = "Hello";

	given("");
	CHECK(turn_begin(&turn, slice_from(prompt), &body) == STATUS_OK);
	CHECK_SLICE(buf_slice(&body),
	    SLICE("{\"messages\":[" MESSAGE("user", "Hello") "]" SYSTEM));
	CHECK(all.keeps == 0);
	/* It was borrowed for that call alone. */
	memset(prompt, 'x', sizeof prompt - 1);
	turn_end(&turn, SLICE("Hi \"you\""));
	CHECK(all.keeps == 1);
	CHECK_SLICE(buf_slice(&all.kept),
	    SLICE(MESSAGE("user", "Hello") "," MESSAGE(
		"assistant", "Hi \\\"you\\\"")));
	finish();
}

TEST(one_that_follows)
{
	given(MESSAGE("user", "One") "," MESSAGE("assistant", "Two"));
	CHECK(turn_begin(&turn, SLICE("Three\n"), &body) == STATUS_OK);
	CHECK_SLICE(buf_slice(&body),
	    SLICE("{\"messages\":[" MESSAGE("user", "One") "," MESSAGE(
		"assistant", "Two") "," MESSAGE("user",
		"Three\\n") "]" SYSTEM));
	turn_end(&turn, SLICE("Four"));
	CHECK_SLICE(buf_slice(&all.kept),
	    SLICE(
		MESSAGE("user", "Three\\n") "," MESSAGE("assistant", "Four")));
	finish();
}

TEST(no_answer_is_not_kept)
{
	given("");
	CHECK(turn_begin(&turn, SLICE("Hello"), &body) == STATUS_OK);
	turn_end(&turn, (struct slice){0});
	turn_end(&turn, SLICE(" \t\n\v\f\r "));
	CHECK(all.keeps == 0);
	/* What only looks like blanks is one. */
	turn_end(&turn, SLICE("\b"));
	turn_end(&turn, SLICE("\x0e"));
	turn_end(&turn, SLICE("\xc2\xa0"));
	turn_end(&turn, SLICE(" ."));
	CHECK(all.keeps == 4);
	finish();
}

/* That of an agent that remembers by itself. */
TEST(none_at_all)
{
	struct turn none = {0};

	turn_end(&none, (struct slice){0});
	turn_free(&none);
}

/* The longest of all: whatever it holds, history, prompt and the agent's own
 * settings have room. */
TEST(the_largest)
{
	static char history[CONVERSATION_MAX + 1], prompt[1 << 20];
	static const char before[] =
	    "{\"role\":\"user\",\"content\":[{\"text\":\"";
	static const char after[] = "\"}]}";
	struct json *json = NULL;

	memset(history, 'h', CONVERSATION_MAX);
	memcpy(history, before, sizeof before - 1);
	memcpy(history + CONVERSATION_MAX - (sizeof after - 1), after,
	    sizeof after);
	memset(prompt, 1, sizeof prompt);
	given(history);
	CHECK(turn_begin(&turn,
		  (struct slice){.ptr = prompt, .len = sizeof prompt},
		  &body) == STATUS_OK);
	CHECK(body.len > 6 * sizeof prompt + CONVERSATION_MAX);
	CHECK(json_parse(buf_slice(&body), &json) == STATUS_OK);
	json_free(json);
	finish();
}

/* Whether it is too large to be sent again, conversation.h says, and tells. */
TEST(what_is_too_large_to_remember_is_told_there)
{
	static char much[CONVERSATION_MAX];

	memset(much, 'x', sizeof much);
	given("");
	CHECK(turn_begin(&turn, SLICE("Hello"), &body) == STATUS_OK);
	turn_end(&turn, (struct slice){.ptr = much, .len = sizeof much});
	CHECK(all.keeps == 1 && all.kept.len > CONVERSATION_MAX);
	finish();
}

TEST(a_conversation_that_cannot_be_read)
{
	given("");
	all.status = STATUS_NO_MEMORY;
	CHECK(turn_begin(&turn, SLICE("Hello"), &body) == STATUS_NO_MEMORY);
	CHECK(body.len == 0);
	finish();
}

TEST(no_memory)
{
	size_t n;

	for (n = 0;; n++) {
		enum status status;

		given(MESSAGE("user", "One") "," MESSAGE("assistant", "Two"));
		alloc_fail_at(n);
		status = turn_begin(&turn, SLICE("Three"), &body);
		if (!alloc_failed())
			break;
		CHECK(status == STATUS_NO_MEMORY);
		finish();
	}
	CHECK(n >= 3);
	for (n = 0;; n++) {
		buf_add_text(&all.kept,
		    "so that it has room for all of it, "
		    "and so takes no more memory");
		alloc_fail_at(n);
		turn_end(&turn, SLICE("Four"));
		if (!alloc_failed())
			break;
		CHECK(all.keeps == 0);
	}
	CHECK(n >= 1 && all.keeps == 1);
	finish();
}

int main(void)
{
	return tap_run();
}

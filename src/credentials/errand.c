#include "errand.h"

#include <string.h>

#include "../loop.h"

static bool may_help(const struct errand_question *question, enum status status,
    const struct fetch_answer *answer)
{
	if (answer == NULL)
		return status == STATUS_UPSTREAM_TIMEOUT ||
		    status == STATUS_UPSTREAM_UNREACHABLE ||
		    status == STATUS_UPSTREAM_CUT;
	return answer->status >= 500 ||
	    (question->again != NULL && question->again(answer));
}

static void on_fetched(
    void *ctx, enum status status, const struct fetch_answer *answer)
{
	struct errand *errand = ctx;

	errand->fetch = NULL;
	if (errand->attempts_left > 0 &&
	    may_help(&errand->question, status, answer)) {
		loop_timer_start(errand->timer, errand->pause_ms);
		errand->pause_ms *= errand->question.growth;
		return;
	}
	errand->question.answered(errand->self, status, answer);
}

static void attempt(struct errand *errand)
{
	enum status status;

	errand->attempts_left--;
	status = fetch_start(&errand->fetch, errand->context.loop,
	    errand->context.http, &errand->question.call,
	    errand->question.timeout_ms, on_fetched, errand);
	if (status != STATUS_OK)
		errand->question.answered(errand->self, status, NULL);
}

static void on_timer(void *ctx)
{
	struct errand *errand = ctx;

	if (errand->begun) {
		attempt(errand);
		return;
	}
	errand->begun = true;
	errand->begin(errand->self);
}

bool errand_init(struct errand *errand, const struct source_context *context,
    source_done *done, void *ctx, void (*begin)(void *self), void *self)
{
	*errand = (struct errand){
	    .context = *context,
	    .done = done,
	    .ctx = ctx,
	    .begin = begin,
	    .self = self,
	};
	errand->timer = loop_timer_new(context->loop, on_timer, errand);
	if (errand->timer == NULL)
		return false;
	loop_timer_start(errand->timer, 0);
	return true;
}

void errand_ask(struct errand *errand, const struct errand_question *question)
{
	errand->question = *question;
	errand->attempts_left = question->attempts;
	errand->pause_ms = question->pause_ms;
	attempt(errand);
}

void errand_answer(
    struct errand *errand, enum status status, const struct keys *keys)
{
	errand_end(errand);
	if (status == STATUS_OK) {
		errand->done(errand->ctx, status, keys);
		return;
	}
	if (status != STATUS_NO_MEMORY)
		status = STATUS_NO_CREDENTIALS;
	errand->done(errand->ctx, status, NULL);
}

void errand_end(struct errand *errand)
{
	fetch_cancel(errand->fetch);
	errand->fetch = NULL;
	loop_timer_free(errand->timer);
	errand->timer = NULL;
}

void errand_name(char out[static ERRAND_NAME_LEN], struct slice name)
{
	out[0] = '\0';
	if (name.len >= ERRAND_NAME_LEN)
		return;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z'))
			return;
	}
	memcpy(out, name.len > 0 ? name.ptr : "", name.len);
	out[name.len] = '\0';
}

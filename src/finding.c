#include "finding.h"

#include <stdio.h>

#include "json.h"

enum {
	/* A thousand agents with their policies. */
	JSON_MAX = 4 << 20
};

static const char *const levels[] = {"ok", "warning", "failed"};

void finding_begin(struct findings *findings, bool as_json)
{
	*findings = (struct findings){.as_json = as_json};
	buf_init(&findings->json, JSON_MAX);
}

static void add_member(struct buf *out, const char *name, struct slice text)
{
	buf_addf(out, ",\"%s\":", name);
	json_add_string(out, text);
}

static void add_json(struct findings *findings, enum finding_level level,
    const char *about, struct slice what, struct slice todo)
{
	struct buf *out = &findings->json;

	buf_addf(
	    out, "%s{\"level\":\"%s\"", out->len > 0 ? "," : "", levels[level]);
	add_member(out, "about", slice_from(about));
	add_member(out, "what", what);
	add_member(out, "todo", todo);
	buf_add_char(out, '}');
}

/* Each line after the first, and a todo, is set in. */
static void print_lines(struct slice text, const char *before)
{
	do {
		struct slice line = slice_cut(&text, '\n');

		(void)printf("%s%.*s\n", before, SLICE_ARG(line));
		before = "           ";
	} while (text.len > 0);
}

void finding_add(struct findings *findings, enum finding_level level,
    const char *about, struct slice what, struct slice todo)
{
	char before[160];

	findings->failed += level == FINDING_FAILED;
	findings->warnings += level == FINDING_WARNING;
	if (findings->as_json) {
		add_json(findings, level, about, what, todo);
		return;
	}
	(void)snprintf(
	    before, sizeof before, "%-8s %s: ", levels[level], about);
	print_lines(what, before);
	if (todo.len > 0)
		print_lines(todo, "        -> ");
	(void)fflush(stdout); /* the next may take a while */
}

bool finding_end(struct findings *findings)
{
	bool whole = !findings->as_json || buf_text(&findings->json) != NULL;

	if (findings->as_json && whole)
		(void)printf("{\"ok\":%s,\"findings\":[%.*s]}\n",
		    findings->failed == 0 ? "true" : "false",
		    SLICE_ARG(buf_slice(&findings->json)));
	else if (!findings->as_json)
		(void)printf("%zu failed, %zu warnings\n", findings->failed,
		    findings->warnings);
	buf_free(&findings->json);
	return fflush(stdout) == 0 && ferror(stdout) == 0 && whole &&
	    findings->failed == 0;
}

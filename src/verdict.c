#include "verdict.h"

#include <string.h>

#include "buf.h"
#include "json.h"

enum {
	/* A tick is on time within half of what lies between two. */
	ON_TIME_MS = 150,
	/* All came at once: within a fifth of the time they were sent in. */
	HELD_SHARE = 5
};

/* ---- times ---- */

/* How much longer than the quickest the slowest took on its way. */
static uint64_t jitter(
    const uint64_t sent[], const uint64_t arrived[], size_t n)
{
	int64_t least = INT64_MAX, most = INT64_MIN;

	for (size_t i = 0; i < n; i++) {
		int64_t took = (int64_t)(arrived[i] - sent[i]);

		least = took < least ? took : least;
		most = took > most ? took : most;
	}
	return n == 0 ? 0 : (uint64_t)(most - least);
}

static uint64_t spread(const uint64_t times[], size_t n)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (size_t i = 0; i < n; i++) {
		least = times[i] < least ? times[i] : least;
		most = times[i] > most ? times[i] : most;
	}
	return n == 0 ? 0 : most - least;
}

enum verdict_timing verdict_timing(
    const uint64_t sent_ms[], const uint64_t arrived_ms[], size_t n)
{
	if (jitter(sent_ms, arrived_ms, n) <= ON_TIME_MS)
		return VERDICT_STREAMS;
	if (spread(arrived_ms, n) < spread(sent_ms, n) / HELD_SHARE)
		return VERDICT_HELD;
	return VERDICT_BLOCKS;
}

/* ---- texts of the other side ---- */

void verdict_keep(char *to, size_t size, struct slice text)
{
	size_t n = 0;

	for (; n < text.len && n + 1 < size; n++) {
		char c = text.ptr[n];

		to[n] = c >= ' ' && c <= '~' ? c : '?';
	}
	to[n] = '\0';
}

void verdict_keep_lines(char *to, size_t size, struct slice text)
{
	size_t n = 0;

	to[0] = '\0';
	while (text.len > 0 && n + 2 < size) {
		verdict_keep(to + n, size - n - 1, slice_cut(&text, '\n'));
		n += strlen(to + n);
		to[n++] = '\n';
		to[n] = '\0';
	}
}

static struct slice text_of(const struct json *json, const char *name)
{
	struct slice text = {0};

	return json_string(json_get(json, name), &text) ? text
							: (struct slice){0};
}

void verdict_take_server(struct verdict *found, struct slice data)
{
	struct json *json = NULL;
	const struct json *advice;

	if (json_parse(data, &json) != STATUS_OK)
		return;
	advice = json_get(json, "advice");
	found->has_server = true;
	verdict_keep(found->software, VERDICT_TEXT, text_of(json, "software"));
	verdict_keep(found->gateway, VERDICT_TEXT, text_of(json, "gateway"));
	verdict_keep_lines(
	    found->stream, VERDICT_LINES, text_of(advice, "stream"));
	verdict_keep_lines(
	    found->compression, VERDICT_LINES, text_of(advice, "compression"));
	verdict_keep_lines(found->authorization_line, VERDICT_LINES,
	    text_of(advice, "authorization"));
	json_free(json);
}

void verdict_take_done(struct verdict *found, struct slice data)
{
	struct json *json = NULL;

	if (json_parse(data, &json) == STATUS_OK)
		verdict_keep(
		    found->done, VERDICT_TEXT, text_of(json, "reason"));
	json_free(json);
}

void verdict_take_error(struct verdict *found, struct slice body)
{
	struct json *json = NULL;
	const struct json *error;

	if (json_parse(body, &json) != STATUS_OK)
		return;
	error = json_get(json, "error");
	verdict_keep(found->code, VERDICT_TEXT, text_of(error, "code"));
	verdict_keep(found->message, VERDICT_TEXT, text_of(error, "message"));
	json_free(json);
}

/* ---- no answer ---- */

static void tell_unreachable(struct buf *out, const struct verdict *found)
{
	if (found->timed_out)
		buf_add_text(out,
		    "unreachable: it took too long to answer\n"
		    "  Somebody took the connection: does the web server wait "
		    "for agentcgi?\n"
		    "  The web server's error log tells.\n");
	else if (found->end == STATUS_UPSTREAM_UNTRUSTED)
		buf_add_text(out,
		    "TLS failure: the connection could not be made safe; the "
		    "message above tells why\n"
		    "  A browser would refuse it too. An authority of your "
		    "own: SSL_CERT_FILE=FILE\n");
	else
		buf_add_text(out,
		    "unreachable: no answer; the message above tells why\n"
		    "  Is the address right, does the web server run, does a "
		    "firewall stand between?\n");
}

/* ---- an answer that is no self-test ---- */

static void tell_ours(struct buf *out, const struct verdict *found)
{
	if (found->http == 404) {
		buf_addf(out,
		    "base path wrong: agentcgi answered 404 (%s)\n"
		    "  The web server asks agentcgi, which does not know this "
		    "address. The URL to give\n"
		    "  is what stands before /invoke. Is \"mount\" of its "
		    "configuration the same, and\n"
		    "  does this agentcgi know /selftest?\n",
		    found->code);
		return;
	}
	buf_addf(out, "refused: agentcgi answered %u (%s): %s\n", found->http,
	    found->code, found->message);
	if (found->http == 401)
		buf_add_text(out,
		    "  It has require_user = yes: https://USER:PASSWORD@HOST/ "
		    "signs in at the web server.\n");
	else if (found->http == 503)
		buf_add_text(out,
		    "  Its log tells more, and \"agentcgi -t\" whether its "
		    "configuration is good.\n");
	else
		buf_add_text(out, "  Its log tells more.\n");
}

/* The web server's own answer, or a stranger's. */
static void tell_base(struct buf *out, const struct verdict *found)
{
	buf_addf(out,
	    "base path wrong: HTTP %u (%s) from the web server, which did not "
	    "ask agentcgi\n",
	    found->http, found->type[0] == '\0' ? "no type" : found->type);
	if (found->http >= 300 && found->http < 400 &&
	    found->location[0] != '\0')
		buf_addf(out, "  It redirects; give the right address: %s\n",
		    found->location);
	else
		buf_add_text(out,
		    "  The URL to give is where agentcgi is mounted: what "
		    "stands before /invoke.\n"
		    "  If it is right, the web server's configuration does "
		    "not pass it to agentcgi.\n");
}

static void tell_elsewhere(struct buf *out, const struct verdict *found)
{
	unsigned http = found->http;

	if (found->has_id && found->code[0] != '\0') {
		tell_ours(out, found);
	} else if (http == 401 || http == 403 || http == 407) {
		buf_addf(out,
		    "refused: HTTP %u from the web server itself\n"
		    "  Its access rules count before agentcgi. With a "
		    "password: https://USER:PASSWORD@HOST/\n",
		    http);
	} else if (http >= 502 && http <= 504) {
		buf_addf(out,
		    "unreachable: HTTP %u from the web server, which does not "
		    "reach agentcgi\n"
		    "  Does agentcgi run, is its socket the one the web "
		    "server is told, and may the\n"
		    "  web server open it? The web server's error log "
		    "tells.\n",
		    http);
	} else if (http >= 500) {
		buf_addf(out,
		    "failed: HTTP %u from the web server itself\n"
		    "  It could not start agentcgi, or does not allow a line "
		    "of its configuration.\n"
		    "  Its error log tells.\n",
		    http);
	} else {
		tell_base(out, found);
	}
}

/* ---- a self-test ---- */

static void add_lines(struct buf *out, const char *lines)
{
	struct slice rest = slice_from(lines);

	while (rest.len > 0) {
		buf_add_text(out, "      ");
		buf_add(out, slice_cut(&rest, '\n'));
		buf_add_char(out, '\n');
	}
}

static void add_advice(
    struct buf *out, const struct verdict *found, const char *lines)
{
	if (lines[0] == '\0')
		return;
	buf_addf(out, "  For %s (%s) this mends it:\n",
	    found->software[0] == '\0' ? "this web server" : found->software,
	    found->gateway);
	add_lines(out, lines);
}

static void tell_cut(struct buf *out, const struct verdict *found)
{
	buf_addf(out, "cut: %u ticks came, and then no done%s\n",
	    (unsigned)found->ticks, found->timed_out ? " in 60 s" : "");
	buf_add_text(out,
	    "  Did agentcgi die or restart, or does a time-out of the web "
	    "server or of a proxy\n"
	    "  end answers early? Their logs tell.\n");
}

static bool tell_timing(struct buf *out, const struct verdict *found)
{
	switch (
	    verdict_timing(found->sent_ms, found->arrived_ms, found->ticks)) {
	case VERDICT_STREAMS:
		buf_add_text(out,
		    "streams: every tick came within 150 ms of its time\n");
		return true;
	case VERDICT_HELD:
		buf_add_text(
		    out, "held back until the end: all ticks came together\n");
		break;
	case VERDICT_BLOCKS:
		buf_add_text(
		    out, "held in blocks: some ticks came together, or late\n");
		break;
	}
	add_advice(out, found, found->stream);
	buf_add_text(out,
	    "  If that is not it, a proxy or CDN between here and there holds "
	    "it back.\n");
	return false;
}

static void tell_authorization(struct buf *out, const struct verdict *found)
{
	switch (found->authorization) {
	case VERDICT_ARRIVES:
		buf_add_text(out, "Authorization arrives\n");
		break;
	case VERDICT_LOST:
		buf_add_text(out,
		    "Authorization lost: a warning, it is needed for auth = "
		    "bearer alone\n");
		add_advice(out, found, found->authorization_line);
		break;
	case VERDICT_CHECKED:
		buf_add_text(
		    out, "Authorization is checked by the web server itself\n");
		break;
	case VERDICT_UNKNOWN:
		buf_add_text(
		    out, "Authorization: not known, that request failed\n");
		break;
	}
}

static bool tell_stream(struct buf *out, const struct verdict *found)
{
	bool good = false;

	if (found->done[0] == '\0' || found->ticks < 2) {
		tell_cut(out, found);
	} else if (strcmp(found->done, "complete") != 0) {
		buf_addf(out,
		    "cut: agentcgi ended it (%s): it is being stopped or "
		    "restarted; try again\n",
		    found->done);
	} else {
		good = tell_timing(out, found);
	}
	if (found->encoding[0] != '\0') {
		good = false;
		buf_addf(out, "compressed (%s), which can hold answers back\n",
		    found->encoding);
		add_advice(out, found, found->compression);
	} else if (good) {
		buf_add_text(out, "not compressed\n");
	}
	if (found->has_server)
		tell_authorization(out, found);
	return good;
}

bool verdict_tell(struct buf *out, const struct verdict *found)
{
	bool broke_off =
	    found->ticks == 0 && (found->timed_out || found->end != STATUS_OK);

	if (found->http == 0)
		tell_unreachable(out, found);
	else if (found->http == 200 && found->is_stream &&
	    (found->has_server || broke_off))
		return tell_stream(out, found);
	else
		tell_elsewhere(out, found);
	return false;
}

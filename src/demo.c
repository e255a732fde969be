#include "demo.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "credentials/environment.h"
#include "env.h"
#include "gateway.h"
#include "json.h"
#include "listen.h"
#include "log.h"
#include "loop.h"
#include "options.h"
#include "server.h"
#include "sigv4.h"
#include "table.h"

enum {
	/* A prompt and its JSON; the real service takes 100 MB. */
	BODY_MAX = 1 << 20,
	/* As fast as a quick reader reads. */
	WORD_MS = 60,
	AUTHORIZATION_MAX = 2048,
	NAMES_MAX = 4096
};

static const char english[] =
    "Hello! I am the demonstration agent of agentcgi. I do not think and I "
    "remember nothing; I only show that the whole way works. Your browser "
    "sent a prompt to the web server, which passed it to agentcgi by "
    "FastCGI. agentcgi signed a request as AWS wants it, with Signature "
    "Version 4, and sent it to me. I checked that signature, and now my "
    "words travel back one by one, as server-sent events, through a real "
    "web server that buffers nothing. Set AGENT_RUNTIME_ARN to the ARN of "
    "your own agent in Amazon Bedrock AgentCore, give agentcgi AWS "
    "credentials, and it will answer here instead of me.";

static const char japanese[] =
    "こんにちは！私は agentcgi のデモ用エージェントです。考えることも"
    "覚えることもありませんが、すべての経路が動いていることをお見せします。"
    "ブラウザーの質問はウェブサーバーから FastCGI で agentcgi に渡され、"
    "agentcgi が AWS の Signature Version 4 で署名した要求を私に送りました。"
    "私はその署名を確かめ、今、言葉を少しずつ、バッファーせずにお返しして"
    "います。AGENT_RUNTIME_ARN にあなたのエージェントの ARN を設定し、"
    "AWS の認証情報を与えると、ここであなたのエージェントが答えます。";

struct demo {
	struct loop *loop;
	struct server *server;
};

/* One answer being given. */
struct speech {
	struct demo *demo;
	struct gateway *gateway;
	struct loop_timer *timer;
	struct slice left; /* of the text */
};

/* ---- the signature ---- */

/* The value of a request header as CGI passes it on. */
static struct slice header_of(const struct table *params, struct slice name)
{
	char variable[128] = "HTTP_";
	size_t at = strlen(variable);

	if (slice_equal(name, SLICE("content-type")))
		return table_get(params, "CONTENT_TYPE");
	for (size_t i = 0; i < name.len && at + 1 < sizeof variable; i++) {
		char c = name.ptr[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		variable[at++] = c == '-' ? '_' : c;
	}
	return table_get(params, variable);
}

/* What stands between "KEY=" and the next comma. */
static struct slice field(struct slice authorization, struct slice key)
{
	struct slice rest =
	    slice_skip(authorization, slice_find(authorization, key));

	rest = slice_skip(rest, key.len);
	return slice_cut(&rest, ',');
}

/* Sign what came in with our own keys: it must give the same. */
static enum status sign_again(struct buf *expected, const struct keys *keys,
    const struct gateway *gateway, struct slice authorization)
{
	const struct table *params = gateway_params(gateway);
	struct slice names = field(authorization, SLICE("SignedHeaders="));
	struct slice scope_text = field(authorization, SLICE("Credential="));
	struct slice uri = table_get(params, "REQUEST_URI");
	struct sigv4_header headers[SIGV4_MAX_HEADERS];
	struct slice date = header_of(params, SLICE("x-amz-date"));
	char date_text[SIGV4_DATE_LEN] = "";
	char hash[DIGEST_HEX_LEN];
	uint8_t digest[DIGEST_LEN];
	struct sigv4_request request = {.headers = headers};
	struct sigv4_scope scope = {.date = date_text};

	if (date.len != SIGV4_DATE_LEN - 1)
		return STATUS_FORBIDDEN;
	memcpy(date_text, date.ptr, date.len);
	(void)slice_cut(&scope_text, '/'); /* the key id */
	(void)slice_cut(&scope_text, '/'); /* the day */
	scope.region = slice_cut(&scope_text, '/');
	scope.service = slice_cut(&scope_text, '/');
	while (names.len > 0 && request.header_count < SIGV4_MAX_HEADERS) {
		struct slice name = slice_cut(&names, ';');

		headers[request.header_count++] = (struct sigv4_header){
		    .name = name, .value = header_of(params, name)};
	}
	digest_sha256(digest, gateway_body(gateway));
	digest_hex(hash, digest);
	request.method = table_get(params, "REQUEST_METHOD");
	request.path = slice_cut(&uri, '?');
	request.query = uri;
	request.payload_hash = slice_from(hash);
	return sigv4_sign(expected, &request, &scope, slice_from(keys->id),
	    slice_from(keys->secret));
}

static bool is_signed(const struct gateway *gateway)
{
	struct slice given =
	    table_get(gateway_params(gateway), "HTTP_AUTHORIZATION");
	struct keys keys;
	struct buf expected;
	bool good;

	buf_init(&expected, AUTHORIZATION_MAX);
	good = environment_read(&keys, env_get) == STATUS_OK &&
	    sign_again(&expected, &keys, gateway, given) == STATUS_OK &&
	    digest_equal(buf_slice(&expected), given);
	buf_wipe(&expected);
	keys_wipe(&keys);
	return good;
}

/* ---- speaking ---- */

static void end_speech(struct speech *speech, bool left)
{
	struct demo *demo = speech->demo;
	struct gateway *gateway = speech->gateway;

	loop_timer_free(speech->timer);
	free(speech);
	if (!left)
		gateway_end(gateway);
	server_finish(demo->server, gateway, left);
}

static void on_leave(void *ctx, unsigned events)
{
	struct speech *speech = ctx;

	(void)events;
	if (gateway_has_left(speech->gateway))
		end_speech(speech, true);
}

/* Bytes of a character that begins with c. */
static size_t character_len(char c)
{
	unsigned char lead = (unsigned char)c;

	return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Bytes of the next piece: a word and the space behind it, or, where words
 * have no spaces between them, three characters. */
static size_t piece_len(struct slice text)
{
	size_t len = 0, wide = 0;

	while (len < text.len && wide < 3) {
		size_t n = character_len(text.ptr[len]);

		if (text.ptr[len] == ' ')
			return len + 1;
		wide += n > 1;
		len += n;
	}
	return len;
}

/* One piece, as Python's AgentCore apps send it. */
static void on_word(void *ctx)
{
	struct speech *speech = ctx;
	struct slice text = speech->left;
	size_t len = piece_len(text);
	struct buf event;

	if (text.len == 0) {
		end_speech(speech, false);
		return;
	}
	buf_init(&event, NAMES_MAX);
	buf_add(&event, SLICE("data: "));
	json_add_string(&event, slice_first(text, len));
	buf_add(&event, SLICE("\n\n"));
	gateway_write(speech->gateway, buf_slice(&event));
	buf_free(&event);
	speech->left = slice_skip(text, len);
	if (gateway_flush(speech->gateway) == STATUS_CLIENT_GONE)
		end_speech(speech, true);
	else
		loop_timer_start(speech->timer, WORD_MS);
}

/* Kana and CJK characters begin with the bytes E3 to E9. */
static bool is_japanese(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c >= 0xe3 && c <= 0xe9)
			return true;
	}
	return false;
}

static void begin_speech(struct demo *demo, struct gateway *gateway)
{
	struct speech *speech = calloc(1, sizeof *speech);

	if (speech != NULL)
		speech->timer = loop_timer_new(demo->loop, on_word, speech);
	if (speech == NULL || speech->timer == NULL ||
	    !gateway_watch(
		gateway, on_leave, speech, gateway_watch_leave(gateway))) {
		if (speech != NULL)
			loop_timer_free(speech->timer);
		free(speech);
		server_finish(demo->server, gateway, true);
		return;
	}
	speech->demo = demo;
	speech->gateway = gateway;
	speech->left = is_japanese(gateway_body(gateway)) ? SLICE(japanese)
							  : SLICE(english);
	gateway_forget(gateway);
	gateway_write(gateway,
	    SLICE("Status: 200 OK\r\n"
		  "Content-Type: text/event-stream; charset=utf-8\r\n"
		  "Cache-Control: no-cache\r\n"
		  "X-Accel-Buffering: no\r\n\r\n"));
	on_word(speech);
}

/* ---- requests ---- */

static void refuse(struct demo *demo, struct gateway *gateway,
    const char *status, const char *type)
{
	gateway_write(gateway, SLICE("Status: "));
	gateway_write(gateway, slice_from(status));
	gateway_write(gateway, SLICE("\r\nx-amzn-ErrorType: "));
	gateway_write(gateway, slice_from(type));
	gateway_write(gateway,
	    SLICE("\r\nContent-Type: application/json\r\n\r\n"
		  "{\"message\":\"The demonstration agent refuses this.\"}"));
	gateway_end(gateway);
	server_finish(demo->server, gateway, false);
}

static bool is_invocation(const struct table *params)
{
	struct slice uri = table_get(params, "REQUEST_URI");
	struct slice path = slice_cut(&uri, '?');

	return slice_equal(
		   table_get(params, "REQUEST_METHOD"), SLICE("POST")) &&
	    slice_find(path, SLICE("/runtimes/")) < path.len &&
	    slice_ends(path, SLICE("/invocations"));
}

static void on_handle(void *ctx, struct gateway *gateway, enum status read)
{
	struct demo *demo = ctx;

	if (read != STATUS_OK)
		refuse(demo, gateway, "400 Bad Request", "ValidationException");
	else if (!is_invocation(gateway_params(gateway)))
		refuse(demo, gateway, "404 Not Found",
		    "ResourceNotFoundException");
	else if (!is_signed(gateway))
		refuse(demo, gateway, "403 Forbidden",
		    "InvalidSignatureException");
	else
		begin_speech(demo, gateway);
}

static size_t on_max_body(void *ctx)
{
	(void)ctx;
	return BODY_MAX;
}

static void on_quiet(void *ctx)
{
	(void)ctx;
}

static void on_terminate(void *ctx)
{
	const struct demo *demo = ctx;

	loop_stop(demo->loop);
}

int demo_run(const char *address)
{
	struct demo demo = {.loop = loop_new()};
	struct server_handler handler = {.handle = on_handle,
	    .max_body = on_max_body,
	    .quiet = on_quiet,
	    .ctx = &demo};
	int fd = listen_open(address);

	if (fd < 0)
		return EXIT_CANNOT_LISTEN;
	if (demo.loop == NULL || gateway_init() != STATUS_OK)
		return EXIT_FAILED;
	(void)signal(SIGPIPE, SIG_IGN);
	demo.server = server_new(demo.loop, &handler);
	if (demo.server == NULL ||
	    server_listen(demo.server, fd) != STATUS_OK ||
	    loop_on_signal(demo.loop, SIGTERM, on_terminate, &demo) !=
		STATUS_OK ||
	    loop_on_signal(demo.loop, SIGINT, on_terminate, &demo) != STATUS_OK)
		return EXIT_FAILED;
	loop_run(demo.loop);
	return EXIT_DONE;
}

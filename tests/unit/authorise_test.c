#include "../../src/authorise.h"

#include "../../src/config.h"
#include "../../src/request.h"
#include "fake_log.h"
#include "tap.h"

static char nowhere[] = "";
static char friends[] = "https://a.example https://b.example:8443";

/* What a browser says, and what is allowed. */
static enum status ask(const char *origin, const char *host, const char *site)
{
	struct request request = {.origin = slice_from(origin),
	    .host = slice_from(host),
	    .fetch_site = slice_from(site)};
	struct config config = {.allow_origin = friends};

	return authorise(&request, &config);
}

TEST(no_browser_no_origin)
{
	CHECK(ask("", "example.org", "") == STATUS_OK);
	CHECK(ask("", "", "") == STATUS_OK);
}

TEST(our_own_page)
{
	CHECK(ask("https://www.example", "www.example", "same-origin") ==
	    STATUS_OK);
	CHECK(ask("https://WWW.example", "www.EXAMPLE", "") == STATUS_OK);
	CHECK(ask("http://www.example:8080", "www.example:8080", "") ==
	    STATUS_OK);
	CHECK(ask("http://[::1]:8080", "[::1]:8080", "") == STATUS_OK);
	CHECK(ask("http://www.example:8080", "www.example", "") == STATUS_OK);
}

TEST(a_foreign_page)
{
	static const char *const foreign[] = {"https://evil.example", "null",
	    "https://", "https://www.example.evil", "https://ww.example",
	    "https://evil.example/www.example", "https://www.example@evil",
	    "https://a.example:1", "http://a.example", "https://b.example",
	    "https://a.example https://b.example:8443", "https", "://", " "};

	for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
		CHECK(ask(foreign[i], "www.example", "") == STATUS_FORBIDDEN);
		/* What a browser says of the site does not help it. */
		CHECK(ask(foreign[i], "www.example", "same-origin") ==
		    STATUS_FORBIDDEN);
		CHECK(ask(foreign[i], "", "") == STATUS_FORBIDDEN);
	}
	CHECK(ask("http://www.example:80", "www.example:81", "") ==
	    STATUS_FORBIDDEN);
	CHECK(ask("http://www.example", "www.example:81", "") ==
	    STATUS_FORBIDDEN);
}

TEST(a_page_that_is_allowed)
{
	CHECK(
	    ask("https://a.example", "www.example", "cross-site") == STATUS_OK);
	CHECK(ask("https://B.example:8443", "www.example", "") == STATUS_OK);
}

TEST(without_origin_the_site_counts)
{
	CHECK(ask("", "www.example", "none") == STATUS_OK);
	CHECK(ask("", "www.example", "same-origin") == STATUS_OK);
	CHECK(ask("", "www.example", "same-site") == STATUS_FORBIDDEN);
	CHECK(ask("", "www.example", "cross-site") == STATUS_FORBIDDEN);
	CHECK(ask("", "www.example", "anything") == STATUS_FORBIDDEN);
}

TEST(somebody_must_be_signed_in)
{
	struct request request = {.method = SLICE("POST")};
	struct config config = {.allow_origin = nowhere, .require_user = true};

	CHECK(authorise(&request, &config) == STATUS_UNAUTHORISED);
	request.user = SLICE("jo");
	CHECK(authorise(&request, &config) == STATUS_OK);
	/* Whose sign-in a foreign page would use. */
	request.origin = SLICE("https://evil.example");
	CHECK(authorise(&request, &config) == STATUS_FORBIDDEN);
	request.user = (struct slice){0};
	CHECK(authorise(&request, &config) == STATUS_FORBIDDEN);
}

TEST(whose_scripts_may_read_answers)
{
	struct request request = {0};
	struct config config = {.allow_origin = friends};

	CHECK(!authorise_origin(&request, &config));
	request.origin = SLICE("https://a.example");
	CHECK(authorise_origin(&request, &config));
	request.origin = SLICE("https://b.example:8443");
	CHECK(authorise_origin(&request, &config));
	request.origin = SLICE("https://a.exampl");
	CHECK(!authorise_origin(&request, &config));
	/* Our own page needs no leave. */
	request.host = SLICE("www.example");
	request.origin = SLICE("https://www.example");
	CHECK(!authorise_origin(&request, &config));
	config.allow_origin = nowhere;
	request.origin = SLICE("https://a.example");
	CHECK(!authorise_origin(&request, &config));
}

static enum status with_token(enum config_auth auth, struct slice authorization)
{
	struct request request = {.authorization = authorization};
	char name[] = "a";
	struct config_agent agent = {.name = name, .auth = auth};
	enum status status = authorise_agent(&request, &agent);

	if (status == STATUS_OK && auth == AUTH_BEARER)
		CHECK_SLICE(
		    authorise_passed_on(&request, &agent), authorization);
	else if (status == STATUS_OK)
		CHECK(authorise_passed_on(&request, &agent).len == 0);
	return status;
}

TEST(whose_token_is_passed_on)
{
	CHECK(with_token(AUTH_SIGV4, SLICE("")) == STATUS_OK);
	CHECK(with_token(AUTH_SIGV4, SLICE("Bearer a.b.c")) == STATUS_OK);
	CHECK(with_token(AUTH_BEARER, SLICE("Bearer a.b.c")) == STATUS_OK);
	CHECK(with_token(AUTH_BEARER, SLICE("bearer a")) == STATUS_OK);
	log_forget();
	CHECK(with_token(AUTH_BEARER, SLICE("")) == STATUS_NO_TOKEN);
	CHECK(logged("no Authorization arrived"));
	log_forget();
	CHECK(with_token(AUTH_BEARER, SLICE("Bearer ")) == STATUS_NO_TOKEN);
	CHECK(with_token(AUTH_BEARER, SLICE("Basic YTpi")) == STATUS_NO_TOKEN);
	CHECK(with_token(AUTH_BEARER, SLICE("Bearer a\r\nX: y")) ==
	    STATUS_NO_TOKEN);
	CHECK(!logged("Basic") && !logged("X: y"));
}

int main(void)
{
	return tap_run();
}

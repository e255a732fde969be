#include "authorise.h"

#include "config.h"
#include "log.h"
#include "request.h"

/* Host and port of "https://host:port". */
static struct slice authority(struct slice origin)
{
	size_t at = slice_find(origin, SLICE("://"));

	return slice_skip(origin, at + 3);
}

/* Some web servers pass the host on without its port. */
static bool same_host(struct slice origin, struct slice host)
{
	struct slice whole = authority(origin), name = whole;

	if (whole.len == 0)
		return false;
	if (slice_equal_nocase(whole, host))
		return true;
	return slice_equal_nocase(slice_cut(&name, ':'), host);
}

bool authorise_origin(
    const struct request *request, const struct config *config)
{
	struct slice rest = slice_from(config->allow_origin);

	if (request->origin.len == 0)
		return false;
	while (rest.len > 0) {
		struct slice allowed = slice_cut(&rest, ' ');

		if (slice_equal_nocase(allowed, request->origin))
			return true;
	}
	return false;
}

static bool foreign(const struct request *request)
{
	struct slice site = request->fetch_site;

	if (request->origin.len > 0 &&
	    !same_host(request->origin, request->host))
		return true;
	/* "none" is an address typed or a bookmark. */
	return site.len > 0 && !slice_equal(site, SLICE("same-origin")) &&
	    !slice_equal(site, SLICE("none"));
}

enum status authorise(
    const struct request *request, const struct config *config)
{
	if (foreign(request) && !authorise_origin(request, config))
		return STATUS_FORBIDDEN;
	if (config->require_user && request->user.len == 0)
		return STATUS_UNAUTHORISED;
	return STATUS_OK;
}

/* Of one line of text, and so safe to pass on. */
static bool is_bearer(struct slice authorization)
{
	for (size_t i = 0; i < authorization.len; i++) {
		if (authorization.ptr[i] < ' ' || authorization.ptr[i] > '~')
			return false;
	}
	return authorization.len > 7 &&
	    slice_equal_nocase(slice_first(authorization, 7), SLICE("Bearer "));
}

enum status authorise_agent(
    const struct request *request, const struct config_agent *agent)
{
	if (agent->auth != AUTH_BEARER || is_bearer(request->authorization))
		return STATUS_OK;
	if (request->authorization.len == 0)
		log_write(LOG_WARNING,
		    "agent %s: no Authorization arrived; if the client sent "
		    "one, the web server keeps it: agentcgi selftest URL "
		    "tells the line that passes it on",
		    agent->name);
	return STATUS_NO_TOKEN;
}

struct slice authorise_passed_on(
    const struct request *request, const struct config_agent *agent)
{
	return agent->auth == AUTH_BEARER ? request->authorization
					  : (struct slice){0};
}

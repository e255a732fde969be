/*
 * authorise: whether a caller may do what the request asks for.  Pure.
 */
#ifndef AUTHORISE_H
#define AUTHORISE_H

#include "slice.h"
#include "status.h"

struct config;
struct config_agent;
struct request;

/* STATUS_UNAUTHORISED: require_user is set and nobody is signed in.
 * STATUS_FORBIDDEN: a browser says that the request comes from another
 * origin, which allow_origin does not name: a foreign page could otherwise
 * spend our money with its visitors' sign-in. */
MUST_CHECK enum status authorise(
    const struct request *request, const struct config *config);

/* STATUS_NO_TOKEN, with a hint in the log: the agent wants the caller's bearer
 * token, and there is none. */
MUST_CHECK enum status authorise_agent(
    const struct request *request, const struct config_agent *agent);

/* The caller's Authorization if this agent gets it, else empty. */
struct slice authorise_passed_on(
    const struct request *request, const struct config_agent *agent);

/* Whether answers may be read by scripts of this request's Origin: it is one
 * that allow_origin names. */
bool authorise_origin(
    const struct request *request, const struct config *config);

#endif

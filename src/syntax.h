/*
 * syntax: which texts the settings take, apart from those of endpoint.  Pure.
 *
 * Each returns what is allowed, for an administrator, or NULL if text is.
 */
#ifndef SYNTAX_H
#define SYNTAX_H

#include "slice.h"

const char *syntax_listen(struct slice text);    /* unix:PATH tcp:HOST:PORT */
const char *syntax_directory(struct slice text); /* absolute, not empty */
const char *syntax_file(struct slice text);      /* absolute, or empty */
const char *syntax_store(struct slice text); /* files redis://HOST:PORT/DB */
const char *syntax_origins(
    struct slice text);                      /* with blanks between, or none */
const char *syntax_mount(struct slice text); /* "" or /x, no slash at the end */
const char *syntax_qualifier(
    struct slice text);                        /* 1 to 128 of printable ASCII */
const char *syntax_service(struct slice text); /* as in a credential scope */
const char *syntax_model(struct slice text);   /* id or ARN, or none */
const char *syntax_guardrail(struct slice text); /* the same */
const char *syntax_version(struct slice text);   /* DRAFT or a number */
const char *syntax_fraction(
    struct slice text); /* a JSON number from 0 to 1, or none */
const char *syntax_stop(struct slice text); /* up to 16, with commas between */
bool syntax_agent(struct slice name);       /* [A-Za-z0-9_-]{1,64} */

#endif

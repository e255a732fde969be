#include "locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "slice.h"

const char *locate_config(
    const char *given, bool in_cgi, char *found, size_t size)
{
	const char *named = getenv("AGENTCGI_CONFIG");
	const char *root = getenv("DOCUMENT_ROOT");
	struct slice parent = slice_from(root);

	if (given != NULL)
		return given;
	if (named != NULL && named[0] != '\0')
		return named;
	while (parent.len > 1 && parent.ptr[parent.len - 1] == '/')
		parent.len--;
	while (parent.len > 0 && parent.ptr[parent.len - 1] != '/')
		parent.len--;
	if (in_cgi && parent.len > 0) {
		(void)snprintf(found, size, "%.*sagentcgi/agentcgi.conf",
		    SLICE_ARG(parent));
		if (access(found, F_OK) == 0)
			return found;
	}
	return access(LOCATE_SYSTEM, F_OK) == 0 ? LOCATE_SYSTEM : NULL;
}
